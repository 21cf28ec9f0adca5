#include "hub/topic_index.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace corohub::hub {

Topic* TopicIndex::find(std::string_view name) const noexcept {
  const auto found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second.get();
}

const Topic* TopicIndex::find_among_gathering(std::string_view topic) const noexcept {
  const auto found = std::ranges::find_if(
      gathering_, [topic](const Topic* one) { return is_one_level_below(one->name, topic); });
  return found == gathering_.end() ? nullptr : *found;
}

Subscription* TopicIndex::add(Member& member, std::string_view topic, const TopicRule& rule,
                              InterestTerms terms, Seq skip) {
  if (!member.subscriptions_) member.subscriptions_ = std::make_unique<Member::Subscriptions>();
  Member::Subscriptions& all = *member.subscriptions_;
  all.reserve(all.size() + 1);
  auto subscription = std::make_unique<Subscription>();
  static_cast<InterestTerms&>(*subscription) = std::move(terms);
  subscription->skip = skip;
  subscription->member = &member;
  Topic* place = find(topic);
  if (place == nullptr) {
    if (topics_.size() >= topics_max_) return nullptr;
    auto made = std::make_unique<Topic>(Topic{std::string(topic), &rule, {}});
    made->subscriptions.reserve(1);
    if (rule.gathers) gathering_.reserve(gathering_.size() + 1);
    place = made.get();
    topics_.emplace(place->name, std::move(made));
    if (rule.gathers) gathering_.push_back(place);
  }
  subscription->topic = place;
  subscription->slot = static_cast<std::uint32_t>(place->subscriptions.size());
  place->subscriptions.push_back(subscription.get());
  all.push_back(std::move(subscription));
  return all.back().get();
}

void TopicIndex::remove(Subscription& subscription) noexcept {
  Topic& topic = *subscription.topic;
  topic.subscriptions[subscription.slot] = topic.subscriptions.back();
  topic.subscriptions[subscription.slot]->slot = subscription.slot;
  topic.subscriptions.pop_back();
  if (!topic.subscriptions.empty()) return;
  std::erase(gathering_, &topic);
  topics_.erase(topics_.find(topic.name));
}

}  // namespace corohub::hub
