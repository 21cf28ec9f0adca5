// How much one client may send: three token buckets that may fall into debt, because bytes that arrived
// cannot be sent back. In debt: don't read. In debt, or nearly, for too long: end the connection. Pure.
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
  // An episode that lasts so long is a client that does not care.
  static constexpr std::chrono::seconds patience{5};

  // `rates` must outlive the budget.
  InboundBudget(const InboundRates& rates, SteadyTime now) noexcept;

  void spend(std::size_t bytes, std::uint32_t messages, std::uint32_t control, SteadyTime now) noexcept;
  // Refills, and ends the episode once a tenth of every burst is there again.
  void refill(SteadyTime now) noexcept;

  bool in_debt() const noexcept { return messages_ < 0 || bytes_ < 0 || control_ < 0; }
  // The debts will be paid by then.
  SteadyTime out_of_debt() const noexcept;

  bool in_episode() const noexcept { return episode_began_ != SteadyTime::max(); }
  SteadyTime patience_ends() const noexcept {
    return in_episode() ? episode_began_ + patience : SteadyTime::max();
  }

 private:
  const InboundRates* rates_;
  SteadyTime refilled_;
  SteadyTime episode_began_ = SteadyTime::max();
  float messages_;
  float bytes_;
  float control_;
};

}  // namespace corohub::gateway
