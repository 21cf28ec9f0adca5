#include "gateway/wire/inbound_budget.hpp"

#include <algorithm>

namespace corohub::gateway {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

float refilled(float tokens, const auth::Rate& rate, Milliseconds elapsed) noexcept {
  const double added = rate.tokens * elapsed.count() / static_cast<double>(rate.per.count());
  return static_cast<float>(std::min(rate.burst, tokens + added));
}

Milliseconds time_to_pay(float tokens, const auth::Rate& rate) noexcept {
  return Milliseconds(std::max(0.0, -static_cast<double>(tokens)) * static_cast<double>(rate.per.count()) /
                      rate.tokens);
}

bool recovered(float tokens, const auth::Rate& rate) noexcept { return tokens >= rate.burst / 10; }

}  // namespace

InboundBudget::InboundBudget(const InboundRates& rates, SteadyTime now) noexcept
    : rates_(&rates),
      refilled_(now),
      messages_(static_cast<float>(rates.messages.burst)),
      bytes_(static_cast<float>(rates.bytes.burst)),
      control_(static_cast<float>(rates.control.burst)) {}

void InboundBudget::spend(std::size_t bytes, std::uint32_t messages, std::uint32_t control,
                          SteadyTime now) noexcept {
  refill(now);
  bytes_ -= static_cast<float>(bytes);
  messages_ -= static_cast<float>(messages);
  control_ -= static_cast<float>(control);
  if (!in_debt()) return;
  in_episode_ = true;
  if (!is_behind()) behind_since_ = now;
}

void InboundBudget::refill(SteadyTime now) noexcept {
  const Milliseconds elapsed = std::max(now, refilled_) - refilled_;
  refilled_ = std::max(now, refilled_);
  messages_ = refilled(messages_, rates_->messages, elapsed);
  bytes_ = refilled(bytes_, rates_->bytes, elapsed);
  control_ = refilled(control_, rates_->control, elapsed);
  const bool all_recovered = recovered(messages_, rates_->messages) && recovered(bytes_, rates_->bytes) &&
                             recovered(control_, rates_->control);
  if (all_recovered) in_episode_ = false;
}

SteadyTime InboundBudget::out_of_debt() const noexcept {
  const Milliseconds wait =
      std::max({time_to_pay(messages_, rates_->messages), time_to_pay(bytes_, rates_->bytes),
                time_to_pay(control_, rates_->control)});
  return refilled_ + std::chrono::ceil<std::chrono::milliseconds>(wait);
}

}  // namespace corohub::gateway
