// A prepared statement in use: bind, step, read. The statement is reset when the query goes out of scope, so
// none stays open and pins the write-ahead log. A query belongs to one connection and so to one thread. A
// failed step throws DatabaseError, which a unit does not catch: only the writer knows whether the
// transaction has survived.
#pragma once

#include "core/clock.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace corohub::storage {

class Statement;  // storage/statement.hpp

// What SQLite answered to a step that failed. The text names tables and columns, but no values.
struct DatabaseError : std::runtime_error {
  DatabaseError(int extended_code, int system_error, const std::string& what)
      : std::runtime_error(what), code(extended_code), system_errno(system_error) {}
  int code;          // extended result code; its low byte is the primary one
  int system_errno;  // of the system call that failed, if one did
};

// Bytes for a BLOB column (text binds as TEXT).
struct Blob {
  std::string_view bytes;
};

class Query {
 public:
  // Borrows a statement that the connection keeps; `own` is a statement that the connection does not keep.
  explicit Query(Statement& statement, std::unique_ptr<Statement> own = nullptr) noexcept;
  Query(Query&& other) noexcept;
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  Query& operator=(Query&&) = delete;
  ~Query();

  // Binds the next parameters, left to right; the values are copied.
  template <class... Values>
  Query& bind(const Values&... values) {
    (bind_one(values), ...);
    return *this;
  }

  // True: there is a row. Every parameter must have been bound.
  bool next();
  void run() {
    while (next()) {
    }
  }

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  std::optional<std::int64_t> integer_or_null(int column) const;
  std::string text(int column) const;
  std::optional<std::string> text_or_null(int column) const;
  std::string blob(int column) const;

 private:
  void bind_one(std::int64_t value);
  void bind_one(int value) { bind_one(static_cast<std::int64_t>(value)); }
  void bind_one(bool value) { bind_one(static_cast<std::int64_t>(value)); }
  void bind_one(std::string_view value);
  void bind_one(const std::string& value) { bind_one(std::string_view(value)); }
  void bind_one(const char* value) { bind_one(std::string_view(value)); }
  void bind_one(Blob value);
  void bind_one(std::nullopt_t);
  template <class T>
  void bind_one(const std::optional<T>& value) {
    if (value)
      bind_one(*value);
    else
      bind_one(std::nullopt);
  }

  Statement* statement_;
  std::unique_ptr<Statement> own_;
  int bound_ = 0;
  bool done_ = false;
};

}  // namespace corohub::storage
