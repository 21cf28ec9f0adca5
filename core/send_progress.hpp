// Whether a peer takes what it is sent: the deadline for a client that does not read. The deadline asks for
// progress, not for the end: a client that reads on, however slowly within reason, gets all. Pure: the caller
// says what time it is and what the peer has acknowledged. What the kernel has swallowed says nothing,
// because it takes megabytes at once.
#pragma once

#include "core/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace corohub {

class SendProgress {
 public:
  // On the average of `time`; fewer bytes are a drip (T9 in the other direction).
  static constexpr std::int64_t bytes_per_s_min = 1024;

  // `acknowledged` may count from anywhere; only its growth matters. The peer has failed when the count has
  // not grown enough for `time`.
  SendProgress(std::chrono::milliseconds time, std::uint64_t acknowledged, SteadyTime now) noexcept
      : time_(time), mark_(acknowledged), ends_(now + time), next_look_(now + look_interval()) {}

  // False: the peer has failed. The peer's kernel acknowledges something before the peer has read anything,
  // so progress is judged more often than once in `time`, and what was acknowledged in the beginning does not
  // count for later.
  bool look(std::uint64_t acknowledged, SteadyTime now) noexcept;
  SteadyTime next_look() const noexcept { return next_look_; }

 private:
  std::chrono::milliseconds look_interval() const noexcept { return time_ / 10; }
  std::int64_t bytes_wanted() const noexcept { return time_.count() * bytes_per_s_min / 1000; }

  std::chrono::milliseconds time_;
  std::uint64_t mark_;  // acknowledged when `time` began
  SteadyTime ends_;
  SteadyTime next_look_;
};

// How many bytes this TCP socket was given that its peer has not acknowledged yet.
std::size_t unacknowledged_bytes(int socket) noexcept;

}  // namespace corohub
