#include "storage/storage.hpp"

#include "core/log.hpp"
#include "storage/connection.hpp"
#include "storage/epoch.hpp"
#include "storage/files.hpp"
#include "storage/migrator.hpp"
#include "storage/previous.hpp"
#include "storage/trouble.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <vector>

#include <sqlite3.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace corohub::storage {
namespace {

namespace fs = std::filesystem;

constexpr int bad_data = 65;
constexpr int io_failed = 74;
constexpr int busy = 75;
constexpr std::chrono::seconds check_budget{5};

// Size of a file that the server made; -1: there is none. Refuses a symlink, which could make the server
// write into somebody else's file.
std::int64_t guarded_size(const fs::path& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return -1;
    fail_on_file("cannot look at", path);
  }
  if (!S_ISREG(info.st_mode)) throw StartError(bad_data, path.string() + " is no regular file; refused");
  if ((info.st_mode & 077) != 0 && ::chmod(path.c_str(), 0600) != 0) fail_on_file("cannot protect", path);
  return info.st_size;
}

// SQLite gives its log and its index the mode of the database.
void create_file(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) fail_on_file("cannot create", path);
  ::close(fd);
}

int stop_at_deadline(void* deadline) {
  return SteadyTime::clock::now() > *static_cast<const SteadyTime*>(deadline) ? 1 : 0;
}

// Looks at a big database for as long as a start may take; pages that were not reached are trusted.
void quick_check(Connection& connection) {
  SteadyTime deadline = SteadyTime::clock::now() + check_budget;
  sqlite3_progress_handler(connection.handle(), 10'000, stop_at_deadline, &deadline);
  std::string finding;
  try {
    Query query = connection.query("PRAGMA quick_check(1)");
    finding = query.next() ? query.text(0) : "no answer";
    // Since SQLite 3.44 the search index is checked, too, in one step, and there a passed deadline is
    // reported as a finding.
    if (SteadyTime::clock::now() > deadline && finding.ends_with(": interrupted"))
      throw DatabaseError(SQLITE_INTERRUPT, 0, finding);
  } catch (const DatabaseError& error) {
    if ((error.code & 0xff) != SQLITE_INTERRUPT) throw;
    log::warn("database_check_cut_short", {{"after_s", check_budget.count()}});
    finding = "ok";
  }
  sqlite3_progress_handler(connection.handle(), 0, nullptr, nullptr);
  if (finding != "ok") throw StartError(bad_data, "the database is damaged: " + finding);
}

// Looks at an existing database without changing a byte of it, and says how many migrations it has.
std::size_t inspect(const fs::path& database, std::int64_t log_size, std::span<const Migration> known) {
  // Without a log the database file is all there is, and not even an index is made beside it.
  Connection connection(database, log_size > 0 ? Access::read : Access::read_frozen);
  quick_check(connection);
  return check_applied(connection, known);
}

// Moves what a crash left in the log into the database. A disk too full for that is no reason not to start.
void shorten_log(Connection& connection) {
  try {
    connection.checkpoint(true);
  } catch (const DatabaseError& error) {
    if (trouble_of(error) != Trouble::full) throw;
    log::warn("storage_checkpoint_failed", {{"cause", error.what()}});
  }
}

// The header of a database says whether it has a log beside it; our backups have none.
bool is_backup(const fs::path& database) {
  const Descriptor file(::open(database.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::array<char, 2> versions{};  // file format for writing and for reading: 1 without a log, 2 with one
  return file && ::pread(file.get(), versions.data(), versions.size(), 18) == 2 && versions[0] == 1;
}

LogHead open_database(const fs::path& database, std::span<const Migration> known,
                      const std::optional<LogHead>& remembered) {
  const std::int64_t size = guarded_size(database);
  const std::int64_t log_size = guarded_size(beside(database, "-wal"));
  guarded_size(beside(database, "-shm"));
  guarded_size(beside(database, "-journal"));
  if (size <= 0 && log_size > 0)
    throw StartError(bad_data, "the database is empty although a log belongs to it; refused");
  if (size > 0 && log_size > 0 && is_backup(database))
    throw StartError(bad_data, database.string() +
                                   " is a backup that was put beside the log of another database; move it "
                                   "elsewhere and use `corohub restore FILE`");
  if (size < 0) create_file(database);
  if (size > 0) {
    const std::size_t applied = inspect(database, log_size, known);
    if (applied > 0 && applied < known.size()) keep_previous(database, known[applied]);
  }

  // That an earlier process believed something to be on the disk does not prove it.
  if (log_size > 0 && !write_again(beside(database, "-wal"))) log::warn("storage_log_not_rewritten");
  Connection connection(database, Access::migrate);
  migrate(connection, known, system_clock().unix_ms());
  settle_previous(database);
  LogHead head = settle_epoch(connection, remembered);
  shorten_log(connection);
  sync_directory(directory_of(database));
  return head;
}

[[noreturn]] void refuse(const DatabaseError& error) {
  const std::string why = "the database cannot be opened: " + std::string(error.what());
  switch (trouble_of(error)) {
    case Trouble::corrupt:
    case Trouble::statement:
      throw StartError(bad_data, why);
    case Trouble::unavailable:
      throw StartError(busy, why);
    case Trouble::full:
    case Trouble::io:
      break;
  }
  throw StartError(io_failed, why);
}

}  // namespace

LogHead prepare_database(const DataDirectory& directory) {
  try {
    if (directory.had_database() && guarded_size(directory.database()) <= 0)
      throw StartError(bad_data,
                       "the database is missing or empty, but there was one; restore a backup, or remove " +
                           (directory.path() / "lock").string() + " to begin anew");
    LogHead head = open_database(directory.database(), embedded_migrations(), directory.remembered());
    directory.remember(head.epoch, head.seq);
    return head;
  } catch (const DatabaseError& error) {
    refuse(error);
  }
}

LogHead renew_epoch(const DataDirectory& directory) {
  LogHead head = prepare_database(directory);
  try {
    Connection connection(directory.database(), Access::write);
    head.epoch = new_epoch(connection);
    connection.checkpoint(true);
  } catch (const DatabaseError& error) {
    refuse(error);
  }
  directory.remember(head.epoch, head.seq);
  return head;
}

std::string_view sqlite_version() noexcept { return ::sqlite3_libversion(); }

}  // namespace corohub::storage
