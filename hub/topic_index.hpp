// The topics that have subscribers on a shard, and their subscriptions. Used on the shard's thread only.
#pragma once

#include "hub/member.hpp"

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

namespace corohub::hub {

class TopicIndex {
 public:
  explicit TopicIndex(std::size_t topics_max) noexcept : topics_max_(topics_max) {}

  std::size_t size() const noexcept { return topics_.size(); }
  // Null: the topic has no subscriber.
  Topic* find(std::string_view name) const noexcept;
  // Another topic whose subscribers hear the events of this one. Null: none has subscribers.
  const Topic* find_gathering(std::string_view topic) const noexcept {
    if (gathering_.empty()) [[likely]]
      return nullptr;
    return find_among_gathering(topic);
  }
  std::size_t subscribers(std::string_view topic) const noexcept {
    const Topic* const found = find(topic);
    return found == nullptr ? 0 : found->subscriptions.size();
  }
  // A new subscription of the member, which owns it and gets durable events after `skip` by it. Null: there
  // are too many topics.
  Subscription* add(Member& member, std::string_view topic, const TopicRule& rule, InterestTerms terms,
                    Seq skip);
  // Takes a subscription from its topic; the caller takes it from its member. A topic ends with its last
  // subscription.
  void remove(Subscription& subscription) noexcept;

 private:
  const Topic* find_among_gathering(std::string_view topic) const noexcept;

  const std::size_t topics_max_;
  std::vector<const Topic*> gathering_;  // topics whose rule says so: there are few such rules
  // Keys are the names inside the topics.
  boost::unordered_flat_map<std::string_view, std::unique_ptr<Topic>> topics_;
};

}  // namespace corohub::hub
