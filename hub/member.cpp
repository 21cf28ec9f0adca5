#include "hub/member.hpp"

#include <algorithm>

namespace corohub::hub {

const std::vector<std::unique_ptr<Subscription>>& Member::subscriptions() const noexcept {
  static const Subscriptions none;
  return subscriptions_ ? *subscriptions_ : none;
}

Subscription* Member::subscription(std::string_view topic, std::uint32_t) const noexcept {
  const auto found = std::ranges::find_if(subscriptions(), [topic](const std::unique_ptr<Subscription>& one) {
    return one->topic->name == topic;
  });
  return found == subscriptions().end() ? nullptr : found->get();
}

}  // namespace corohub::hub
