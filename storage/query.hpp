// A prepared statement in use: bind, step, read. It is reset when it goes out of scope, so no statement stays
// open and pins the write-ahead log. Belongs to one connection and so to one thread.
#pragma once

#include "core/clock.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3_stmt;

namespace SQLite {
class Statement;
}

namespace corohub::storage {

// Bytes for a BLOB column (text binds as TEXT).
struct Blob {
  std::string_view bytes;
};

class Query {
 public:
  explicit Query(SQLite::Statement& statement) noexcept : statement_(&statement) {}
  Query(Query&& other) noexcept
      : statement_(std::exchange(other.statement_, nullptr)), bound_(other.bound_) {}
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

  bool next();  // true: there is a row
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

  SQLite::Statement* statement_;
  int bound_ = 0;
};

}  // namespace corohub::storage
