// What travels to the shards: events and changes of rights, in commit order, in one stream.
#pragma once

#include "core/account.hpp"
#include "core/clock.hpp"
#include "core/close_reason.hpp"
#include "hub/event.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

namespace corohub::hub {

// A user is as `account` says from here on; null: the account is gone. This is a state, not a difference: a
// shard replaces the account it has, moves the user's connections to the new role, and closes with `ending`
// the connections whose login is no longer in account->sessions, or all of them if the account is gone or
// disabled.
struct AccountChanged {
  UserId user_id = 0;
  AccountRef account;
  CloseReason ending = CloseReason::session_revoked;
};

// An administrator ends one connection; nothing is revoked.
struct Kick {
  ClientId client;
};

// A volatile event (who joined or left, who is typing, who is online) that goes to some of the connections
// that its topic or its audience names.
struct Notice {
  EventRef event;                // without seq
  std::vector<UserId> only{};    // connections of these users; empty: all ...
  std::vector<UserId> except{};  // ... but these. Ascending.
  bool if_idle = false;          // but not connections for which something waits
};

// Events up to here have left the log for good, so no shard serves them from its memory any more: a client
// that comes back is told the same whichever way it asks.
struct LogShortened {
  Seq up_to = 0;
};

// A change of what another room keeps for each shard, in its place among the events: whoever asks on a
// shard's thread sees it exactly from there on. Shared by all shards.
class ShardChange {
 public:
  virtual ~ShardChange() = default;
  // Called on the thread of the shard with this index.
  virtual void apply(std::size_t shard) const noexcept = 0;
};
using ShardChangeRef = std::shared_ptr<const ShardChange>;

using Entry = std::variant<EventRef, AccountChanged, Kick, Notice, LogShortened, ShardChangeRef>;

// What happens once every shard has applied a batch. `reached[i]` says of entry i how many subscriptions and
// connections it was queued for (an event, a notice), or how many connections it closed (control). Called on
// the thread of the last shard.
class BatchDone {
 public:
  virtual ~BatchDone() = default;
  virtual void applied(const std::vector<std::uint32_t>& reached) noexcept = 0;
};

// Entries in order, immutable once published, with the receipt that counts down the shards.
class Batch {
 public:
  // `committed`: when the transaction behind it was durable; nothing for what is volatile.
  explicit Batch(std::vector<Entry> entries, std::unique_ptr<BatchDone> done = nullptr,
                 std::optional<SteadyTime> committed = {});

  const std::vector<Entry>& entries() const noexcept { return entries_; }
  std::size_t bytes() const noexcept { return bytes_; }
  std::optional<SteadyTime> committed() const noexcept { return committed_; }

  // Called by the hub before publishing; then once by each shard.
  void expect(std::uint32_t shards) noexcept { shards_left_.store(shards, std::memory_order_relaxed); }
  void add_reached(std::size_t entry, std::uint32_t outboxes) noexcept {
    reached_[entry].fetch_add(outboxes, std::memory_order_relaxed);
  }
  void applied_by_one_shard() noexcept;

 private:
  std::vector<Entry> entries_;
  std::size_t bytes_ = 0;
  const std::optional<SteadyTime> committed_;
  std::vector<std::atomic<std::uint32_t>> reached_;
  std::vector<std::uint32_t>
      said_;  // what the receipt is told; its memory is there before, so that the last shard cannot fail
  std::atomic<std::uint32_t> shards_left_{0};
  std::unique_ptr<BatchDone> done_;
};
using BatchRef = std::shared_ptr<Batch>;

}  // namespace corohub::hub
