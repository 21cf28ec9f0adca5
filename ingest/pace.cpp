#include "ingest/pace.hpp"

#include "core/random.hpp"

#include <algorithm>

namespace corohub::ingest {

std::chrono::milliseconds BackOff::bound(std::chrono::milliseconds lived) noexcept {
  if (lived >= good) tries_ = 0;
  constexpr unsigned doublings_max = 6;  // beyond the longest wait
  const unsigned doublings = std::min(tries_, doublings_max);
  ++tries_;
  return std::min(first * (1U << doublings), longest);
}

std::chrono::milliseconds BackOff::next(std::chrono::milliseconds lived) noexcept {
  return std::chrono::milliseconds(random_below(static_cast<std::uint32_t>(bound(lived).count()) + 1));
}

void Heartbeat::heard(SteadyTime now) noexcept {
  next_ = now + interval;
  asked_ = false;
}

Heartbeat::Action Heartbeat::due(SteadyTime now) noexcept {
  if (now < next_) return Action::wait;
  if (asked_) return Action::give_up;
  asked_ = true;
  next_ = now + patience;
  return Action::ping;
}

}  // namespace corohub::ingest
