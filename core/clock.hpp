// The two clocks: wall time for what people read, steady time for every deadline, and RFC 3339 text.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace corohub {

// Milliseconds since 1970 UTC. What the database stores and tokens are judged by.
using UnixMs = std::int64_t;
using SteadyTime = std::chrono::steady_clock::time_point;

// Where time comes from; tests put a ManualClock (tests/support) here. Safe to share between threads.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual UnixMs unix_ms() const noexcept = 0;
  virtual SteadyTime steady() const noexcept = 0;
};

const Clock& system_clock() noexcept;

// "2026-01-06T10:30:01.123Z"
std::string rfc3339(UnixMs time);
void append_rfc3339(std::string& out, UnixMs time);

}  // namespace corohub
