// The durable events a shard applied last, so that a client that missed only these needs no disk. Bounded in
// events and bytes: the oldest give way. A tail allocates at the beginning only. Used on the shard's thread
// only.
#pragma once

#include "hub/event.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace corohub::hub {

struct TailLimits {
  std::size_t events = 4096;
  std::size_t bytes = 8 << 20;  // of Event::size(); shards share it
};

class Tail {
 public:
  explicit Tail(TailLimits limits) : limits_(limits), ring_(limits.events) {}

  // The tail has every event of the log after base() and up to the newest it has.
  Seq base() const noexcept { return base_; }
  void begin_at(Seq base) noexcept { base_ = base; }

  // Events up to here are not in the log any more, nor here. floor(): the newest of these, as far as the
  // shard knows.
  void forget(Seq up_to) noexcept;
  Seq floor() const noexcept { return floor_; }

  // In the order of seq.
  void push(const EventRef& event) noexcept;

  std::size_t size() const noexcept { return count_; }
  const EventRef& at(std::size_t i) const noexcept { return ring_[(first_ + i) % ring_.size()]; }
  // The first index whose event comes after `seq`; size() if there is none.
  std::size_t after(Seq seq) const noexcept;

 private:
  void drop_oldest() noexcept;

  const TailLimits limits_;
  std::vector<EventRef> ring_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  Seq base_ = 0;
  Seq floor_ = 0;
};

}  // namespace corohub::hub
