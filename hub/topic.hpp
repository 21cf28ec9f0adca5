// A topic on one shard, and a member's interest in it. Used on the shard's thread only.
#pragma once

#include "core/position.hpp"
#include "hub/event_filter.hpp"
#include "hub/frame.hpp"
#include "hub/presence.hpp"
#include "hub/topic_rules.hpp"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace corohub::hub {

class Member;
struct Subscription;

// Exists as long as it has subscribers.
struct Topic {
  std::string name;
  const TopicRule* rule;  // of the rules, which outlive all topics
  std::vector<Subscription*> subscriptions;
};

struct Subscription {
  enum class Phase : std::uint8_t {
    live,     // durable events after `skip` are queued as they are applied
    held,     // the member's replay brings them
    pending,  // it is not known yet where it begins
  };

  // Nothing durable is queued from here on.
  void hold(Phase why) noexcept {
    skip = std::numeric_limits<Seq>::max();
    phase = why;
  }
  void go_live(Seq position) noexcept {
    skip = position;
    phase = Phase::live;
  }

  Member* member;
  Topic* topic = nullptr;
  std::uint32_t slot = 0;    // in the topic's vector
  std::uint32_t number = 0;  // its owner's, to tell it from an earlier or a later one to the same topic
  Phase phase = Phase::live;
  Seq skip = 0;                // durable events up to here are not for it
  Seq floor = 0;               // events up to here a replay does not bring: he has had them, or they expired
  Presence::Place presence{};  // its user is in the topic
  std::uint32_t label = 0;
};
using Interest = Subscription;
struct Asking {
  std::uint32_t label = 0;
  FrameRef prefix{};
  EventFilterRef filter{};
};

// A topic in a question to the log.
struct TopicScope {
  std::string topic;
  std::uint8_t subscribers = 0;  // of its rule
  Seq floor = 0;                 // its events up to here are not to be read
};

}  // namespace corohub::hub
