// A clock that stands still until a test moves it.
#pragma once

#include "core/clock.hpp"

#include <atomic>

namespace corohub::test {

class ManualClock final : public Clock {
 public:
  UnixMs unix_ms() const noexcept override { return unix_ms_.load(); }
  SteadyTime steady() const noexcept override {
    return SteadyTime(std::chrono::milliseconds(steady_ms_.load()));
  }

  void advance(std::chrono::milliseconds by) {
    unix_ms_ += by.count();
    steady_ms_ += by.count();
  }
  // A step of the wall clock alone (an operator, NTP).
  void step_wall(std::chrono::milliseconds by) { unix_ms_ += by.count(); }

 private:
  std::atomic<std::int64_t> unix_ms_{1'767'695'401'123};  // 2026-01-06T10:30:01.123Z
  std::atomic<std::int64_t> steady_ms_{1'000'000};
};

}  // namespace corohub::test
