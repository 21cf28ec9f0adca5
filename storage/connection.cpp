#include "storage/connection.hpp"

#include "storage/durable_vfs.hpp"
#include "storage/statement.hpp"

#include <sqlite3.h>

namespace corohub::storage {
namespace {

constexpr int busy_timeout_ms = 1000;
constexpr std::size_t statements_max = 512;  // a statement per text, of which the program has a fixed number

int open_flags(Access access) {
  const int common = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  switch (access) {
    case Access::write:
    case Access::migrate:
    case Access::copy:
      return common | SQLITE_OPEN_READWRITE;  // the file exists already: it is made with the right mode
    case Access::read:
      return common | SQLITE_OPEN_READONLY;
    case Access::read_frozen:
      return common | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
  }
  return common | SQLITE_OPEN_READONLY;
}

std::string open_name(const std::filesystem::path& database, Access access) {
  std::string path = std::filesystem::absolute(database).string();  // never read as a URI
  if (access != Access::read_frozen) return path;
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '%' || c == '?' || c == '#') {
      constexpr char digits[] = "0123456789abcdef";
      uri += {'%', digits[static_cast<unsigned char>(c) >> 4], digits[c & 15]};
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

// SQL comes from our own sources alone; this guard holds even if that should once not be so (T52).
int authorize(void*, int action, const char*, const char* function, const char*, const char*) {
  if (action == SQLITE_ATTACH || action == SQLITE_DETACH) return SQLITE_DENY;
  if (action == SQLITE_FUNCTION && function != nullptr && std::string_view(function) == "load_extension")
    return SQLITE_DENY;
  return SQLITE_OK;
}

void configure_flag(sqlite3* handle, int option, int value) {
  if (const int code = sqlite3_db_config(handle, option, value, nullptr); code != SQLITE_OK)
    throw database_error(handle, code);
}

}  // namespace

DatabaseError database_error(sqlite3* handle, int code) {
  const int extended = handle == nullptr ? code : sqlite3_extended_errcode(handle);
  const std::string text = handle == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(handle);
  // The handle may have moved on since (a reset): then only the code that was returned is known.
  const bool same = (extended & 0xff) == (code & 0xff);
  return {same ? extended : code, handle == nullptr ? 0 : sqlite3_system_errno(handle), text};
}

void rethrow_as_database_error() {
  try {
    throw;
  } catch (const SQLite::Exception& error) {
    const int extended = error.getExtendedErrorCode();
    throw DatabaseError(extended > 0 ? extended : error.getErrorCode(), 0, error.what());
  }
}

Connection::Connection(const std::filesystem::path& database, Access access) {
  try {
    // A copy that cannot be synced is no copy and reports an error; a database that cannot be synced ends the
    // process.
    const bool writes = access == Access::write || access == Access::migrate;
    database_ = std::make_unique<SQLite::Database>(open_name(database, access), open_flags(access),
                                                   busy_timeout_ms, writes ? durable_vfs() : "");
  } catch (const SQLite::Exception&) {
    rethrow_as_database_error();
  }
  configure(access);
}

Connection::~Connection() = default;

void Connection::configure(Access access) {
  const bool writes = access == Access::write || access == Access::migrate;
  configure_flag(handle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0);
  // The last connection to close would checkpoint by itself: only checkpoint() may.
  configure_flag(handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1);
  if (writes) {
    // A disk that was remounted read-only gives a connection that opens and cannot write.
    if (sqlite3_db_readonly(handle(), "main") != 0)
      throw DatabaseError(SQLITE_READONLY, 0, "the database file cannot be written to");
    if (auto mode = query("PRAGMA journal_mode=WAL"); !mode.next() || mode.text(0) != "wal")
      throw DatabaseError(SQLITE_CANTOPEN, 0, "the database cannot be switched to a write-ahead log");
    run_script("PRAGMA synchronous=FULL; PRAGMA cache_size=-8192; PRAGMA journal_size_limit=33554432;");
    run_script(access == Access::write ? "PRAGMA foreign_keys=ON" : "PRAGMA foreign_keys=OFF");
    const auto count = [](void* log, sqlite3*, const char*, int pages) {
      static_cast<Log*>(log)->commits += 1;
      static_cast<Log*>(log)->pages = pages;
      return SQLITE_OK;
    };
    sqlite3_wal_hook(handle(), count, &log_);  // instead of the automatic checkpoint
  } else if (access != Access::copy) {
    run_script("PRAGMA query_only=ON");
  }
  run_script("PRAGMA temp_store=MEMORY");
  configure_flag(handle(), SQLITE_DBCONFIG_DEFENSIVE, 1);
  sqlite3_set_authorizer(handle(), authorize, nullptr);
}

sqlite3* Connection::handle() const noexcept { return database_->getHandle(); }

std::unique_ptr<Statement> Connection::prepare(std::string_view sql) const {
  try {
    return std::make_unique<Statement>(*database_, std::string(sql));
  } catch (const SQLite::Exception&) {
    rethrow_as_database_error();
  }
}

Query Connection::query(std::string_view sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    if (statements_.size() >= statements_max) {
      std::unique_ptr<Statement> own = prepare(sql);
      Statement& statement = *own;
      return Query(statement, std::move(own));
    }
    found = statements_.try_emplace(std::string(sql)).first;
  }
  Statements& kept = found->second;
  for (const std::unique_ptr<Statement>& statement : kept)
    if (!statement->in_use) return Query(*statement);
  return Query(*kept.emplace_back(prepare(sql)));
}

void Connection::run_script(std::string_view sql) {
  const std::string text(sql);
  if (const int code = sqlite3_exec(handle(), text.c_str(), nullptr, nullptr, nullptr); code != SQLITE_OK)
    throw database_error(handle(), code);
}

bool Connection::in_transaction() const noexcept { return sqlite3_get_autocommit(handle()) == 0; }
std::int64_t Connection::changes() const noexcept { return sqlite3_changes64(handle()); }
std::int64_t Connection::last_insert_id() const noexcept { return sqlite3_last_insert_rowid(handle()); }

void Connection::checkpoint(bool wait_for_readers) {
  const int mode = wait_for_readers ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  const int code = sqlite3_wal_checkpoint_v2(handle(), "main", mode, nullptr, nullptr);
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) throw database_error(handle(), code);
}

}  // namespace corohub::storage
