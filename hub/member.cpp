#include "hub/member.hpp"

#include <algorithm>
#include <utility>

namespace corohub::hub {

bool Member::dismiss(CloseReason reason) noexcept {
  if (outbox_.closed()) return false;
  outbox_.close();
  close(reason);
  return true;
}

const std::vector<std::unique_ptr<Subscription>>& Member::subscriptions() const noexcept {
  static const Subscriptions none;
  return subscriptions_ ? *subscriptions_ : none;
}

Subscription* Member::subscription(std::string_view topic, std::uint32_t label) const noexcept {
  const auto found = std::ranges::find_if(subscriptions(), [&](const std::unique_ptr<Subscription>& one) {
    return one->label == label && one->topic->name == topic;
  });
  return found == subscriptions().end() ? nullptr : found->get();
}

void Member::set_filter(EventFilterRef filter) {
  feeds_.reset();
  if (filter == nullptr) return;
  listen_only_when_asked();
  feeds_->emplace_back().filter = std::move(filter);
}

void Member::listen_only_when_asked() { feeds_ = std::make_unique<std::vector<Feed>>(); }

EventFilterRef Member::filter() const noexcept {
  return feeds_ && !feeds_->empty() ? feeds_->front().filter : nullptr;
}

std::span<const Feed> Member::feeds() const noexcept {
  return feeds_ ? std::span<const Feed>(*feeds_) : std::span<const Feed>();
}

Feed* Member::feed(std::uint32_t label) const noexcept {
  if (!feeds_) return nullptr;
  const auto found = std::ranges::find(*feeds_, label, &Feed::label);
  return found == feeds_->end() ? nullptr : &*found;
}

Interest* Member::interest(std::uint32_t number) const noexcept {
  Interest* found = nullptr;
  for_each_interest([&](Interest& one) {
    if (one.number == number) found = &one;
  });
  return found;
}

}  // namespace corohub::hub
