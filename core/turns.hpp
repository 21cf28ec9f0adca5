// Counts a crowd through the turns of a loop: a few go in each turn, of a large crowd more, so that N are
// through in less than `turns_of_a_crowd` (1 + ln N) turns, and other work goes on in between. Who they are,
// where they wait and what calls the next turn is its owner's. Used on one thread only.
#pragma once

#include <algorithm>
#include <cstddef>

namespace corohub {

class Turns {
 public:
  Turns(std::size_t per_turn, std::size_t turns_of_a_crowd) noexcept
      : per_turn_(per_turn), turns_of_a_crowd_(turns_of_a_crowd), left_(per_turn) {}

  // Whether one who comes goes in this turn, as `waiting` others came before and have not gone.
  bool goes_now(std::size_t waiting) noexcept {
    if (left_ == 0 || waiting > 0) return false;
    --left_;
    return true;
  }
  // A turn begins: so many of `waiting` go first in it.
  std::size_t begin(std::size_t waiting) noexcept {
    const std::size_t through = std::min(waiting, std::max(per_turn_, waiting / turns_of_a_crowd_));
    left_ = per_turn_ - std::min(per_turn_, through);
    return through;
  }
  // Whether nobody has gone since the turn began.
  bool idle() const noexcept { return left_ == per_turn_; }

 private:
  const std::size_t per_turn_;
  const std::size_t turns_of_a_crowd_;
  std::size_t left_;  // how many more go in this turn
};

}  // namespace corohub
