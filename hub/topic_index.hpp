// The topics that have subscribers on a shard, and who they are. Used on the shard's thread only.
#pragma once

#include "hub/member.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>

namespace corohub::hub {

class TopicIndex {
 public:
  explicit TopicIndex(std::size_t topics_max) noexcept : topics_max_(topics_max) {}

  std::size_t size() const noexcept { return topics_.size(); }
  // Null: nobody is subscribed to it.
  Topic* find(std::string_view name) const noexcept;
  // A subscription that gets durable events after `skip`; the member owns it. Null: there are too many
  // topics.
  Subscription* add(Member& member, std::string_view topic, const TopicRule& rule, InterestTerms terms,
                    Seq skip);
  // It ends for the topic; to take it from its member is the caller's. The last one takes the topic along.
  void remove(Subscription& subscription) noexcept;

 private:
  const std::size_t topics_max_;
  // Keys are the names inside the topics.
  boost::unordered_flat_map<std::string_view, std::unique_ptr<Topic>> topics_;
};

}  // namespace corohub::hub
