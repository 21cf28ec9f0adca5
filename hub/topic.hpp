// A topic on one shard, and a member's interest in it. Used on the shard's thread only.
#pragma once

#include "core/position.hpp"
#include "hub/interest.hpp"
#include "hub/presence.hpp"
#include "hub/topic_rules.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::hub {

class Member;
struct Subscription;

// A topic exists as long as it has subscribers.
struct Topic {
  std::string name;
  const TopicRule* rule;  // of the rules, which outlive all topics
  std::vector<Subscription*> subscriptions;

  // Whether events of that topic reach its subscribers.
  bool hears(std::string_view of_event) const noexcept {
    return of_event == name || (rule->gathers && is_one_level_below(name, of_event));
  }
  bool hears(std::string_view of_event, std::string_view also) const noexcept {
    return hears(of_event) || hears(also);
  }
};

struct Subscription : Interest {
  Member* member = nullptr;
  Topic* topic = nullptr;
  std::uint32_t slot = 0;      // in the topic's vector
  Presence::Place presence{};  // the member's user is in the topic
};

// Which events of a topic a page of the log is to have.
struct TopicScope {
  std::string topic;
  std::uint8_t subscribers = 0;  // the roles that may subscribe, of the topic's rule
  Seq floor = 0;                 // events up to here are not to be read
  bool gathers = false;          // events of the topics one level below belong to it
  bool is_second = false;        // events whose second topic it is belong to it, and no others

  bool has(std::string_view of_event) const noexcept {
    return of_event == topic || (gathers && is_one_level_below(topic, of_event));
  }
  bool has(std::string_view of_event, std::string_view also) const noexcept {
    return has(of_event) || has(also);
  }
};

inline TopicScope scope_of(std::string topic, const TopicRule& rule, Seq floor) {
  return {std::move(topic), rule.subscribers, floor, rule.gathers, rule.is_second};
}

}  // namespace corohub::hub
