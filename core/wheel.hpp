// A hashed timing wheel: one timer for all deadlines of a shard. O(1) to arm, move and drop; no allocation.
// Pure: it is told the time. Used on the shard's thread only.
#pragma once

#include "core/clock.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include <boost/intrusive/list.hpp>

namespace corohub {

// Something with a deadline. It is on the wheel at most once, at the earliest moment it must be looked at.
class Timed
    : public boost::intrusive::list_base_hook<boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
 public:
  virtual ~Timed() = default;
  // Its moment has come (up to one tick late). It may arm itself again; it must not destroy other Timed
  // objects.
  virtual void on_due(SteadyTime now) noexcept = 0;

 private:
  friend class Wheel;
  SteadyTime due_{};
};

class Wheel {
 public:
  static constexpr std::chrono::milliseconds tick{100};

  explicit Wheel(SteadyTime start) noexcept : hand_(start.time_since_epoch() / tick) {}

  // Replaces what was armed before.
  void arm(Timed& item, SteadyTime due) noexcept;
  // Replaces only a later moment: for an item that asks itself in on_due() whether its time has come, and so
  // need not be moved each time its deadline is.
  void arm_by(Timed& item, SteadyTime due) noexcept;
  void disarm(Timed& item) noexcept;
  // Runs everything due up to `now`. A long pause (a stopped process) runs each item once.
  void advance(SteadyTime now) noexcept;

 private:
  static constexpr std::size_t slots = 1024;  // about 102 s; later deadlines go round again
  using Ticks = std::chrono::duration<std::int64_t, std::ratio<tick.count(), 1000>>;
  using List = boost::intrusive::list<Timed, boost::intrusive::constant_time_size<false>>;

  List& list_of(std::int64_t tick_number) noexcept;
  static void collect_due(List& list, SteadyTime now, List& due) noexcept;

  std::array<List, slots> lists_;
  std::int64_t hand_;  // the last tick that was looked at, counted from the clock's beginning
};

}  // namespace corohub
