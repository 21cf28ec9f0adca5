// How much one client may send: three token buckets that may fall into debt, because bytes that arrived
// cannot be sent back. In debt: don't read. What it has sent meanwhile is read later: a client at the limit
// has caught up in a moment, one beyond it never does. Held back for too long without catching up: end the
// connection. Pure.
#pragma once

#include "auth/rate_limit.hpp"
#include "core/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace corohub::gateway {

struct InboundRates {
  auth::Rate messages{100, std::chrono::seconds(1), 200};
  auth::Rate bytes{262'144, std::chrono::seconds(1), 524'288};
  auth::Rate control{10, std::chrono::seconds(1), 20};  // pings, pongs, closes
};

class InboundBudget {
 public:
  // Held back for so long, it does not care.
  static constexpr std::chrono::seconds patience{5};

  // `rates` must outlive the budget.
  InboundBudget(const InboundRates& rates, SteadyTime now) noexcept;

  void spend(std::size_t bytes, std::uint32_t messages, std::uint32_t control, SteadyTime now) noexcept;
  // Refills, and ends the episode once a tenth of every burst is there again.
  void refill(SteadyTime now) noexcept;
  // All that has come is read.
  void caught_up() noexcept { behind_since_ = SteadyTime::max(); }

  bool in_debt() const noexcept { return messages_ < 0 || bytes_ < 0 || control_ < 0; }
  // The debts will be paid by then.
  SteadyTime out_of_debt() const noexcept;

  // From the first debt on: it is told once.
  bool in_episode() const noexcept { return in_episode_; }
  // It was held back and has not caught up.
  bool is_behind() const noexcept { return behind_since_ != SteadyTime::max(); }
  SteadyTime patience_ends() const noexcept {
    return is_behind() ? behind_since_ + patience : SteadyTime::max();
  }

 private:
  const InboundRates* rates_;
  SteadyTime refilled_;
  SteadyTime behind_since_ = SteadyTime::max();
  float messages_;
  float bytes_;
  float control_;
  bool in_episode_ = false;
};

}  // namespace corohub::gateway
