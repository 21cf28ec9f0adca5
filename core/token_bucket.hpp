// One token bucket: filled evenly over time, up to a burst. A plain value; the caller says what time it is.
#pragma once

#include "core/clock.hpp"

#include <algorithm>
#include <chrono>

namespace corohub {

class TokenBucket {
 public:
  struct Rate {
    double per_second;
    double burst;  // most tokens held
  };

  TokenBucket(const Rate& rate, SteadyTime now) noexcept
      : left_(static_cast<float>(rate.burst)), refilled_(now) {}

  // False: there is none, and none is taken.
  bool take(const Rate& rate, SteadyTime now) noexcept {
    const std::chrono::duration<double> passed = now - refilled_;
    refilled_ = now;
    left_ = static_cast<float>(std::min(rate.burst, left_ + passed.count() * rate.per_second));
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  float left_;
  SteadyTime refilled_;
};

}  // namespace corohub
