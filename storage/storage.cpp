#include "storage/storage.hpp"

#include "core/log.hpp"
#include "core/random.hpp"
#include "storage/connection.hpp"
#include "storage/migrator.hpp"
#include "storage/trouble.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

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

fs::path beside(const fs::path& database, const char* suffix) {
  fs::path out = database;
  out += suffix;
  return out;
}

[[noreturn]] void fail(const std::string& what, const fs::path& path) {
  throw StartError(io_failed, what + " " + path.string() + ": " + std::strerror(errno));
}

// Size of a file of ours, -1: there is none. A symlink could make us write into somebody else's file.
std::int64_t guarded_size(const fs::path& path) {
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return -1;
    fail("cannot look at", path);
  }
  if (!S_ISREG(info.st_mode)) throw StartError(bad_data, path.string() + " is no regular file; refused");
  if ((info.st_mode & 077) != 0 && ::chmod(path.c_str(), 0600) != 0) fail("cannot protect", path);
  return info.st_size;
}

// SQLite gives its log and its index the mode of the database.
void create_file(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) fail("cannot create", path);
  ::close(fd);
}

int stop_at_deadline(void* deadline) {
  return SteadyTime::clock::now() > *static_cast<const SteadyTime*>(deadline) ? 1 : 0;
}

// A big database is looked at for as long as a start may take; what was not reached is trusted.
void quick_check(Connection& connection) {
  SteadyTime deadline = SteadyTime::clock::now() + check_budget;
  sqlite3_progress_handler(connection.handle(), 10'000, stop_at_deadline, &deadline);
  std::string finding;
  try {
    Query query = connection.query("PRAGMA quick_check(1)");
    finding = query.next() ? query.text(0) : "no answer";
  } catch (const DatabaseError& error) {
    if ((error.code & 0xff) != SQLITE_INTERRUPT) throw;
    log::warn("database_check_cut_short", {{"after_s", check_budget.count()}});
    finding = "ok";
  }
  sqlite3_progress_handler(connection.handle(), 0, nullptr, nullptr);
  if (finding != "ok") throw StartError(bad_data, "the database is damaged: " + finding);
}

// Looks at an existing database without changing a byte of it.
void inspect(const fs::path& database, std::int64_t log_size, std::span<const Migration> known) {
  // Without a log the file is all there is, and not even an index is made beside it.
  Connection connection(database, log_size > 0 ? Access::read : Access::read_frozen);
  quick_check(connection);
  check_applied(connection, known);
}

std::string epoch_of(Connection& connection) {
  if (Query query = connection.query("SELECT value FROM meta WHERE key = 'epoch'"); query.next())
    return query.text(0);
  const std::string epoch = random_token(16);
  connection.query("INSERT INTO meta (key, value) VALUES ('epoch', ?)").bind(epoch).run();
  return epoch;
}

Seq head_of(Connection& connection) {
  // AUTOINCREMENT remembers the newest seq even when retention has emptied the table.
  Query query = connection.query("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'");
  return query.next() ? query.integer(0) : 0;
}

// What a crash left in the log goes into the database; a disk too full for that is no reason not to start.
void shorten_log(Connection& connection) {
  try {
    connection.checkpoint(true);
  } catch (const DatabaseError& error) {
    if (trouble_of(error) != Trouble::full) throw;
    log::warn("storage_checkpoint_failed", {{"cause", error.what()}});
  }
}

LogHead open_database(const fs::path& database, std::span<const Migration> known) {
  const std::int64_t size = guarded_size(database);
  const std::int64_t log_size = guarded_size(beside(database, "-wal"));
  guarded_size(beside(database, "-shm"));
  guarded_size(beside(database, "-journal"));
  if (size <= 0 && log_size > 0)
    throw StartError(bad_data, "the database is empty although a log belongs to it; refused");
  if (size < 0) create_file(database);
  if (size > 0) inspect(database, log_size, known);

  Connection connection(database, Access::migrate);
  migrate(connection, known, system_clock().unix_ms());
  LogHead head{epoch_of(connection), head_of(connection)};
  shorten_log(connection);
  return head;
}

}  // namespace

LogHead prepare_database(const DataDirectory& directory) {
  try {
    if (directory.had_database() && guarded_size(directory.database()) <= 0)
      throw StartError(bad_data,
                       "the database is missing or empty, but there was one; restore a backup, or remove " +
                           (directory.path() / "lock").string() + " to begin anew");
    const LogHead head = open_database(directory.database(), embedded_migrations());
    directory.mark_database();
    return head;
  } catch (const DatabaseError& error) {
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
}

}  // namespace corohub::storage
