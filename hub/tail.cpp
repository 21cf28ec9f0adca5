#include "hub/tail.hpp"

#include <algorithm>
#include <ranges>

namespace corohub::hub {

void Tail::push(const EventRef& event) noexcept {
  const std::size_t size = event->size();
  while (count_ > 0 && (count_ == ring_.size() || bytes_ + size > limits_.bytes)) drop_oldest();
  if (ring_.empty() || size > limits_.bytes) {
    base_ = event->seq();
    return;
  }
  ring_[(first_ + count_++) % ring_.size()] = event;
  bytes_ += size;
}

void Tail::forget(Seq up_to) noexcept {
  while (count_ > 0 && at(0)->seq() <= up_to) drop_oldest();
  base_ = std::max(base_, up_to);
  floor_ = std::max(floor_, up_to);
}

void Tail::drop_oldest() noexcept {
  EventRef& oldest = ring_[first_];
  base_ = oldest->seq();
  bytes_ -= oldest->size();
  oldest.reset();
  first_ = (first_ + 1) % ring_.size();
  --count_;
}

std::size_t Tail::after(Seq seq) const noexcept {
  const auto indexes = std::views::iota(std::size_t{0}, count_);
  const auto found =
      std::ranges::partition_point(indexes, [&](std::size_t i) { return at(i)->seq() <= seq; });
  return static_cast<std::size_t>(found - indexes.begin());
}

}  // namespace corohub::hub
