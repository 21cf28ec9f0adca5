#include "core/wheel.hpp"

#include <algorithm>

namespace corohub {

std::size_t Wheel::slot(SteadyTime time) const noexcept {
  return static_cast<std::size_t>(time.time_since_epoch() / tick) % slots;
}

void Wheel::arm(Timed& item, SteadyTime due) noexcept {
  if (item.is_linked()) item.unlink();
  // What is due already must not fall into a slot the hand has just left.
  item.due_ = std::max(due, last_ + tick);
  lists_[slot(item.due_)].push_back(item);
}

void Wheel::disarm(Timed& item) noexcept {
  if (item.is_linked()) item.unlink();
}

void Wheel::advance(SteadyTime now) noexcept {
  const auto ticks = std::min<std::int64_t>((now - last_) / tick, slots);
  if (ticks <= 0) return;
  const SteadyTime first = last_ + tick;
  last_ = std::max(last_ + tick * ticks, now - tick);
  for (std::int64_t i = 0; i < ticks; ++i) {
    List due;
    List& list = lists_[slot(first + tick * i)];
    for (auto item = list.begin(); item != list.end();) {
      Timed& candidate = *item++;
      if (candidate.due_ > now) continue;  // it goes round again
      candidate.unlink();
      due.push_back(candidate);
    }
    while (!due.empty()) {
      Timed& item = due.front();
      item.unlink();
      item.on_due(now);
    }
  }
}

}  // namespace corohub
