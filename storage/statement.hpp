// A prepared statement as a connection keeps it. Only storage/*.cpp include this: it brings SQLiteCpp along.
#pragma once

#include "storage/query.hpp"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

struct sqlite3;

namespace corohub::storage {

class Statement {
 public:
  Statement(const SQLite::Database& database, const std::string& sql)
      : prepared(database, sql), handle(database.getHandle()) {}

  SQLite::Statement prepared;
  sqlite3* handle;
  bool in_use = false;
};

// The error that `handle` has just reported as `code`.
DatabaseError database_error(sqlite3* handle, int code);
// Rethrows an exception of SQLiteCpp as a DatabaseError.
[[noreturn]] void rethrow_as_database_error();

}  // namespace corohub::storage
