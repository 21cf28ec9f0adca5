// A hashed timing wheel: one timer for all deadlines of a shard. O(1) to arm, move and drop; no allocation.
// Pure: the caller says what time it is. Used on the shard's thread only.
//
// Deadlines are in a time of the wheel's own, which leaves pauses out: while the process was stopped nobody
// could be heard, so nobody is judged for that time.
#pragma once

#include "core/clock.hpp"

#include <algorithm>
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
  // The item's moment has come (up to one tick late); `now` is the wheel's time. The item may arm itself
  // again; it must not destroy other Timed objects.
  virtual void on_due(SteadyTime now) noexcept = 0;

 private:
  friend class Wheel;
  SteadyTime due_{};
};

class Wheel {
 public:
  static constexpr std::chrono::milliseconds tick{100};
  // More than this between two turns is a pause: the process or its machine was stopped, or the thread was
  // kept from its work. The time beyond it is left out.
  static constexpr std::chrono::milliseconds turn_max{500};

  enum class Pauses : bool {
    left_out,
    counted,  // for what ends at a moment, whatever happens meanwhile
  };

  explicit Wheel(SteadyTime start, Pauses pauses = Pauses::left_out) noexcept
      : longest_turn_(pauses == Pauses::counted ? SteadyTime::duration::max() : turn_max),
        turned_(start),
        time_(start),
        hand_(start.time_since_epoch() / tick) {}

  // The wheel's time when the clock says `steady`. Never goes back, and never far beyond the last turn.
  SteadyTime at(SteadyTime steady) const noexcept {
    return time_ + std::clamp(steady - turned_, SteadyTime::duration(), longest_turn_);
  }
  // All that was left out so far.
  SteadyTime::duration paused() const noexcept { return turned_ - time_; }

  // Replaces what was armed before.
  void arm(Timed& item, SteadyTime due) noexcept;
  // Replaces only a later moment: for an item that asks in on_due() whether its deadline has come, and so
  // need not be moved each time the deadline moves.
  void arm_by(Timed& item, SteadyTime due) noexcept;
  void disarm(Timed& item) noexcept;
  // Runs everything due when the clock says `steady`, each item once.
  void advance(SteadyTime steady) noexcept;

 private:
  static constexpr std::size_t slots = 1024;  // about 102 s; later deadlines go round again
  using Ticks = std::chrono::duration<std::int64_t, std::ratio<tick.count(), 1000>>;
  using List = boost::intrusive::list<Timed, boost::intrusive::constant_time_size<false>>;

  List& list_of(std::int64_t tick_number) noexcept;
  static void collect_due(List& list, SteadyTime now, List& due) noexcept;

  std::array<List, slots> lists_;
  const SteadyTime::duration longest_turn_;
  SteadyTime turned_;  // by the clock
  SteadyTime time_;    // at(turned_)
  std::int64_t hand_;  // the last tick that was looked at, counted from the clock's beginning
};

}  // namespace corohub
