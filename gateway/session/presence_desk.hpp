// What clients are told of presence: events about what has changed, answers to questions, and who is typing.
// The desk joins hub::Presence with the rules of topics and the hub. Safe from any thread.
#pragma once

#include "auth/rate_limit.hpp"
#include "core/json.hpp"
#include "hub/hub.hpp"
#include "hub/topic_rules.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway {

// Who asks.
struct Onlooker {
  UserId user_id = 0;
  Role role = Role::user;
  bool exempt = false;  // from the limit
};

class PresenceDesk {
 public:
  // `per_user`: how often a user may ask (T50).
  PresenceDesk(hub::Hub& hub, const hub::TopicRules& rules, const Clock& clock, auth::Rate per_user)
      : hub_(hub), rules_(rules), clock_(clock), questions_(per_user, clock) {}

  hub::Presence& presence() noexcept { return hub_.presence(); }

  // {"users":[{"user_id":…,"name":…}],"count":…}, without users where they are only counted. A user who may
  // subscribe may ask, others are forbidden; rate_limited.
  Result<json::object> who_is_in(std::string_view topic, const Onlooker& onlooker);
  // [{"user_id":…,"online":…}] in the order of `users`. rate_limited.
  Result<json::array> who_is_online(const std::vector<UserId>& users, const Onlooker& onlooker);

  // Publishes what has changed since the last tick. What the hub has no room for is tried again with the next
  // tick, before anything newer. Called by one thread.
  void tick();
  // Tells the others in the topic, except those for whom something waits already. What the hub has no room
  // for is lost.
  void publish_typing(std::string_view topic, const hub::TopicRule& rule, UserId user, bool typing);

 private:
  Result<> take(const Onlooker& onlooker);

  hub::Hub& hub_;
  const hub::TopicRules& rules_;
  const Clock& clock_;
  auth::RateLimiter questions_;
  hub::BatchRef refused_;  // by the hub, in the last tick
};

}  // namespace corohub::gateway
