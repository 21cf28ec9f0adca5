// When a connection to Redis is asked for a sign of life, and when it is tried again. Pure.
#pragma once

#include "core/clock.hpp"

#include <chrono>
#include <cstdint>

namespace corohub::ingest {

// How long to wait before the next try: at random, up to a bound that doubles with each try, so that the many
// who have lost one Redis do not come back together.
class BackOff {
 public:
  static constexpr std::chrono::milliseconds first{100};
  static constexpr std::chrono::milliseconds longest{5'000};
  static constexpr std::chrono::milliseconds good{5'000};  // a connection that lived so long begins anew

  // The most that the next wait may be, after a connection that was good for `lived`.
  std::chrono::milliseconds bound(std::chrono::milliseconds lived) noexcept;
  std::chrono::milliseconds next(std::chrono::milliseconds lived) noexcept;

 private:
  unsigned tries_ = 0;
};

// Whether the other end lives: it is asked (PING) when it has said nothing for `interval`, and taken for gone
// when it says nothing for `patience` more.
class Heartbeat {
 public:
  static constexpr std::chrono::seconds interval{10};
  static constexpr std::chrono::seconds patience{5};
  enum class Action : std::uint8_t { wait, ping, give_up };

  explicit Heartbeat(SteadyTime now) noexcept { heard(now); }

  // It said something, or nobody has listened until now.
  void heard(SteadyTime now) noexcept;
  // What is to be done now; a ping is asked for once.
  Action due(SteadyTime now) noexcept;
  SteadyTime next() const noexcept { return next_; }  // when to ask due() again

 private:
  SteadyTime next_;
  bool asked_ = false;
};

}  // namespace corohub::ingest
