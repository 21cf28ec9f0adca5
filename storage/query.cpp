#include "storage/query.hpp"

#include "storage/statement.hpp"

#include <sqlite3.h>

namespace corohub::storage {

Query::Query(Statement& statement, std::unique_ptr<Statement> own) noexcept
    : statement_(&statement), own_(std::move(own)) {
  statement_->in_use = true;
}

Query::Query(Query&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)),
      own_(std::move(other.own_)),
      bound_(other.bound_),
      done_(other.done_) {}

Query::~Query() {
  if (statement_ == nullptr) return;
  statement_->prepared.tryReset();
  try {
    statement_->prepared.clearBindings();  // hashes and addresses are not kept in memory until the next use
  } catch (const SQLite::Exception&) {
  }
  statement_->in_use = false;
}

bool Query::next() {
  if (done_) return false;
  if (bound_ != statement_->prepared.getBindParameterCount())
    throw std::logic_error("query with unbound parameters: " + statement_->prepared.getQuery());
  const int code = statement_->prepared.tryExecuteStep();
  if (code == SQLITE_ROW) return true;
  done_ = true;
  if (code != SQLITE_DONE) throw database_error(statement_->handle, code);
  return false;
}

bool Query::is_null(int column) const { return statement_->prepared.getColumn(column).isNull(); }

std::int64_t Query::integer(int column) const { return statement_->prepared.getColumn(column).getInt64(); }

std::optional<std::int64_t> Query::integer_or_null(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

std::string Query::text(int column) const { return statement_->prepared.getColumn(column).getString(); }

std::optional<std::string> Query::text_or_null(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

std::string Query::blob(int column) const { return text(column); }  // the bytes as they are, for both types

namespace {

template <class... Value>
void bind_value(Statement& statement, int index, const Value&... value) {
  try {
    statement.prepared.bind(index, value...);
  } catch (const SQLite::Exception&) {
    rethrow_as_database_error();
  }
}

}  // namespace

void Query::bind_one(std::int64_t value) { bind_value(*statement_, ++bound_, value); }
void Query::bind_one(std::string_view value) { bind_value(*statement_, ++bound_, std::string(value)); }
void Query::bind_one(std::nullopt_t) { bind_value(*statement_, ++bound_); }

void Query::bind_one(Blob value) {
  // A null pointer would bind NULL; no bytes are still a value.
  const void* bytes = value.bytes.empty() ? "" : value.bytes.data();
  bind_value(*statement_, ++bound_, bytes, static_cast<int>(value.bytes.size()));
}

}  // namespace corohub::storage
