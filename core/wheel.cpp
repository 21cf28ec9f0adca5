#include "core/wheel.hpp"

#include <algorithm>

namespace corohub {

Wheel::List& Wheel::list_of(std::int64_t tick_number) noexcept {
  return lists_[static_cast<std::size_t>(tick_number) % slots];
}

void Wheel::arm(Timed& item, SteadyTime due) noexcept {
  if (item.is_linked()) item.unlink();
  item.due_ = due;
  // An item is due at the first tick at or after its deadline, when the hand comes there; not at the tick
  // where the hand stands already.
  const std::int64_t at = std::max(std::chrono::ceil<Ticks>(due.time_since_epoch()).count(), hand_ + 1);
  list_of(at).push_back(item);
}

void Wheel::arm_by(Timed& item, SteadyTime due) noexcept {
  if (!item.is_linked() || due < item.due_) arm(item, due);
}

void Wheel::disarm(Timed& item) noexcept {
  if (item.is_linked()) item.unlink();
}

void Wheel::advance(SteadyTime steady) noexcept {
  const SteadyTime now = at(steady);
  turned_ = std::max(turned_, steady);
  time_ = now;
  const std::int64_t until = now.time_since_epoch() / tick;
  // After more than a round every slot is looked at, once.
  const std::int64_t from = std::max(hand_ + 1, until - static_cast<std::int64_t>(slots) + 1);
  if (from > until) return;
  // Set before the first on_due(): what is armed from now on belongs behind the new place of the hand.
  hand_ = until;
  List due;
  for (std::int64_t i = from; i <= until; ++i) collect_due(list_of(i), now, due);
  while (!due.empty()) {
    Timed& item = due.front();
    item.unlink();
    item.on_due(now);
  }
}

void Wheel::collect_due(List& list, SteadyTime now, List& due) noexcept {
  for (auto item = list.begin(); item != list.end();) {
    Timed& candidate = *item++;
    if (candidate.due_ > now) continue;  // due in a later round
    candidate.unlink();
    due.push_back(candidate);
  }
}

}  // namespace corohub
