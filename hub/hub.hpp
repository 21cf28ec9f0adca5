// The one entry for publishers: the hub hands a batch to every shard. It has no thread and no queue of its
// own. Safe from any thread once the shards are set.
#pragma once

#include "hub/control.hpp"
#include "hub/presence.hpp"
#include "hub/roster.hpp"
#include "hub/shard.hpp"

#include <vector>

namespace corohub::hub {

class Hub {
 public:
  explicit Hub(RosterLimits limits = {}, const Clock& clock = system_clock())
      : roster_(limits), presence_(clock) {}

  // Before any batch is published. Without shards (the command line on a data directory) a batch is applied
  // at once.
  void set_shards(std::vector<Shard*> shards) { shards_ = std::move(shards); }
  const std::vector<Shard*>& shards() const noexcept { return shards_; }

  // Durable batches: in commit order, from the writer's thread, waiting for room.
  void publish(const BatchRef& batch) noexcept;
  // Volatile events and kicks: all shards take the batch or none does. False, and counted, when one of them
  // has no room.
  bool try_publish(const BatchRef& batch) noexcept;

  Roster& roster() noexcept { return roster_; }
  const Roster& roster() const noexcept { return roster_; }
  Presence& presence() noexcept { return presence_; }

 private:
  std::vector<Shard*> shards_;
  Roster roster_;
  Presence presence_;
};

}  // namespace corohub::hub
