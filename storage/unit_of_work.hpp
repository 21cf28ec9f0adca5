// One request's share of a commit, and one read transaction.
#pragma once

#include "core/position.hpp"
#include "storage/query.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace corohub::storage {

class Connection;  // storage/connection.hpp: one SQLite connection with its prepared statements

// A consistent read view; one reader thread at a time.
class Snapshot {
 public:
  explicit Snapshot(Connection& connection) noexcept : connection_(connection) {}
  // `sql` must live as long as the process (a literal): statements are kept prepared by its address and text.
  Query query(std::string_view sql);

 private:
  Connection& connection_;
};

// What a batch will cause outside the database once it is committed: events and control entries. The storage
// does not know what these are; it only takes back those of a unit that was refused.
class Effects {
 public:
  virtual ~Effects() = default;
  virtual std::size_t size() const noexcept = 0;
  virtual void truncate(std::size_t size) noexcept = 0;
};

// Given to a unit while the unit runs on the writer's thread, inside a savepoint. The unit may query and add
// effects; it must not touch a socket, a cache or a clock of its own, nor keep a reference to this object.
class UnitOfWork {
 public:
  UnitOfWork(Connection& connection, Effects& effects, UnixMs now) noexcept
      : connection_(connection), effects_(effects), now_(now) {}

  Query query(std::string_view sql);
  std::int64_t changes() const noexcept;  // rows changed by the last statement
  std::int64_t last_insert_id() const noexcept;

  UnixMs now() const noexcept { return now_; }  // the batch's time, the same for all its rows and events
  Effects& effects() noexcept { return effects_; }

  // Sets the position that this unit's answer will name: that of the last event the unit appended.
  void set_last_seq(Seq seq) noexcept { last_seq_ = seq; }
  Seq last_seq() const noexcept { return last_seq_; }

 private:
  Connection& connection_;
  Effects& effects_;
  UnixMs now_;
  Seq last_seq_ = 0;
};

}  // namespace corohub::storage
