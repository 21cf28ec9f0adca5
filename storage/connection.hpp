// One SQLite connection and its prepared statements. Used by one thread at a time. Every failed step is a
// DatabaseError. Only storage/ and its tests include this: other rooms see UnitOfWork and Snapshot.
#pragma once

#include "storage/query.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

struct sqlite3;

namespace SQLite {
class Database;
}

namespace corohub::storage {

enum class Access : std::uint8_t {
  write,        // WAL, synchronous=FULL; the one that checkpoints, when checkpoint() is called
  migrate,      // as write, with foreign keys unchecked until the end (a migration may rebuild tables)
  read,         // beside the writer; neither writes nor checkpoints
  copy,         // a backup that nobody else knows yet: plain journal
  read_frozen,  // a file nobody writes to and no log belongs to: leaves no trace, not even a lock
};

class Connection {
 public:
  Connection(const std::filesystem::path& database, Access access);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Query query(std::string_view sql);
  void run(std::string_view sql) { query(sql).run(); }
  // Several statements, none of them kept.
  void run_script(std::string_view sql);

  // Also false after BEGIN, once SQLite has rolled everything back by itself (a full disk makes it do so).
  bool in_transaction() const noexcept;
  std::int64_t changes() const noexcept;
  std::int64_t last_insert_id() const noexcept;

  // Commits that wrote something, and pages waiting in the write-ahead log after the last of them.
  std::uint64_t commits() const noexcept { return log_.commits; }
  int log_pages() const noexcept { return log_.pages; }
  // Moves the log into the database without waiting for readers, or waits for the readers (at most the busy
  // timeout) so that the log can start anew.
  void checkpoint(bool wait_for_readers);

  sqlite3* handle() const noexcept;

 private:
  struct Log {
    std::uint64_t commits = 0;
    int pages = 0;
  };
  struct TextHash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using Statements = std::vector<std::unique_ptr<Statement>>;

  void configure(Access access);
  std::unique_ptr<Statement> prepare(std::string_view sql) const;

  std::unique_ptr<SQLite::Database> database_;
  Log log_;
  // The key is the text. There is more than one statement per text while a query runs inside a loop over the
  // same query.
  std::unordered_map<std::string, Statements, TextHash, std::equal_to<>> statements_;
};

}  // namespace corohub::storage
