// A backup takes the place of the database: copied, checked whole and changed under a name of its own,
// renamed last.
#include "storage/connection.hpp"
#include "storage/epoch.hpp"
#include "storage/files.hpp"
#include "storage/migrator.hpp"
#include "storage/previous.hpp"
#include "storage/storage.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>

#include <sqlite3.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace corohub::storage {
namespace {

namespace fs = std::filesystem;

constexpr int bad_data = 65;
constexpr int io_failed = 74;
constexpr std::size_t block_bytes = 1 << 20;

void copy_bytes(int from, const fs::path& source, int to, const fs::path& target) {
  std::vector<char> block(block_bytes);
  for (;;) {
    const ssize_t got = ::read(from, block.data(), block.size());
    if (got < 0) fail_on_file("cannot read", source);
    if (got == 0) return;
    for (ssize_t done = 0; done < got;) {
      const ssize_t written = ::write(to, block.data() + done, static_cast<std::size_t>(got - done));
      if (written < 0) fail_on_file("cannot write", target);
      done += written;
    }
  }
}

// The copy in the data directory, as long as it is not the database yet.
class Candidate {
 public:
  Candidate(const DataDirectory& directory, const fs::path& source)
      : path_(directory.path() / "corohub.db.restoring") {
    remove();  // what a restore that was killed has left
    const Descriptor from(::open(source.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat info{};
    if (!from || ::fstat(from.get(), &info) != 0) fail_on_file("cannot open", source);
    if (!S_ISREG(info.st_mode)) throw StartError(bad_data, source.string() + " is no regular file");
    const Descriptor to(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!to) fail_on_file("cannot create", path_);
    try {
      copy_bytes(from.get(), source, to.get(), path_);
    } catch (...) {
      remove();
      throw;
    }
  }
  ~Candidate() { remove(); }
  Candidate(const Candidate&) = delete;
  Candidate& operator=(const Candidate&) = delete;

  const fs::path& path() const noexcept { return path_; }

  // Whatever part of the old database is missing after a crash in here, its log never meets the new database:
  // a start refuses a log without its database, and the next restore finishes the job. After a failure the
  // old database is where it was.
  void become(const fs::path& database, const fs::path& previous) const {
    const bool had_database = fs::exists(database);
    const bool had_log = fs::exists(beside(database, "-wal"));
    // This log belongs to the database that is replaced, and could not be told from the new one's log later.
    if (had_database) fs::remove(beside(previous, "-wal"));
    if (had_database) fs::rename(database, previous);
    try {
      if (had_log) fs::rename(beside(database, "-wal"), beside(previous, "-wal"));
      fs::remove(beside(database, "-shm"));
      fs::remove(beside(database, "-journal"));
      sync_directory(directory_of(database));
      fs::rename(path_, database);
      sync_directory(directory_of(database));
    } catch (...) {
      put_back(database, previous, had_database, had_log);
      throw;
    }
  }

 private:
  // Puts the log back first: a start refuses a log that stands beside no database or beside a backup, while a
  // database without its log would open and lack its newest part. Files that were not moved yet are not there
  // to be moved back.
  static void put_back(const fs::path& database, const fs::path& previous, bool had_database,
                       bool had_log) noexcept {
    std::error_code failed;
    if (had_log && !fs::exists(beside(database, "-wal"), failed))
      fs::rename(beside(previous, "-wal"), beside(database, "-wal"), failed);
    if (had_database && !failed) fs::rename(previous, database, failed);
    if (!had_database) fs::remove(database, failed);
  }

  void remove() const noexcept {
    for (const char* suffix : {"", "-journal", "-wal", "-shm"}) ::unlink((path_.string() + suffix).c_str());
  }

  fs::path path_;
};

void check_whole(Connection& connection) {
  Query query = connection.query("PRAGMA integrity_check(1)");
  const std::string finding = query.next() ? query.text(0) : "no answer";
  if (finding != "ok") throw StartError(bad_data, "it is damaged: " + finding);
}

std::int64_t count(Connection& connection, std::string_view sql) {
  Query query = connection.query(sql);
  return query.next() ? query.integer(0) : 0;
}

bool has_table(Connection& connection, std::string_view name) {
  return connection.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").bind(name).next();
}

// Service keys that were revoked since the backup are good again, which the operator must know.
std::vector<std::string> service_keys(Connection& connection) {
  std::vector<std::string> keys;
  if (!has_table(connection, "api_keys")) return keys;
  Query query = connection.query("SELECT id, name, scopes FROM api_keys ORDER BY id");
  while (query.next()) keys.push_back(query.text(0) + " " + query.text(1) + " " + query.text(2));
  return keys;
}

// Positions, logins and password links of the old database mean nothing from here on.
Restored begin_anew(Connection& connection, UnixMs now) {
  Restored restored;
  connection.run("BEGIN IMMEDIATE");
  restored.head.epoch = new_epoch(connection);
  restored.head.seq = read_last_seq(connection);
  restored.users = count(connection, "SELECT count(*) FROM users");
  restored.sessions_ended = count(connection, "SELECT count(*) FROM sessions");
  for (const char* table : {"refresh_tokens", "sessions", "password_resets"})
    connection.run_script("DELETE FROM " + std::string(table));
  connection.query("INSERT INTO audit (created_at, action, outcome) VALUES (?, 'restore', 'ok')")
      .bind(now)
      .run();
  restored.service_keys = service_keys(connection);
  if (has_table(connection, "client_keys"))
    restored.client_keys = count(connection, "SELECT count(*) FROM client_keys");
  connection.run("COMMIT");
  connection.run_script("PRAGMA journal_mode=DELETE");  // for a cold copy: one file, without a log beside it
  return restored;
}

Restored prepare(const fs::path& candidate, UnixMs now) {
  Connection connection(candidate, Access::copy);
  check_whole(connection);
  if (check_applied(connection, embedded_migrations()) == 0) throw StartError(bad_data, "it is empty");
  return begin_anew(connection, now);
}

[[noreturn]] void refuse(int code, const fs::path& file, const std::string& why) {
  throw StartError(code, "nothing was restored from " + file.string() + ": " + why);
}

}  // namespace

Restored restore_database(const DataDirectory& directory, const fs::path& file, UnixMs now) {
  try {
    std::error_code none;
    if (const auto size = fs::file_size(beside(file, "-wal"), none); !none && size > 0)
      refuse(bad_data, file,
             "a part of it is still in the log beside it; use a copy that `corohub backup` made");
    const Candidate candidate(directory, file);
    Restored restored = prepare(candidate.path(), now);
    const fs::path database = directory.database();
    restored.previous = beside(database, ".replaced");
    candidate.become(database, restored.previous);
    drop_pending(database);
    if (!fs::exists(restored.previous)) restored.previous.clear();
    directory.remember(restored.head.epoch, restored.head.seq);
    return restored;
  } catch (const DatabaseError& error) {
    const int code = error.code & 0xff;
    refuse(code == SQLITE_FULL || code == SQLITE_IOERR ? io_failed : bad_data, file, error.what());
  } catch (const fs::filesystem_error& error) {
    refuse(io_failed, file, error.what());
  } catch (const StartError& error) {
    if (std::string_view(error.what()).starts_with("nothing was restored")) throw;
    refuse(error.exit_code, file, error.what());
  }
}

}  // namespace corohub::storage
