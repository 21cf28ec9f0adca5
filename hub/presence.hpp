// Who is online and who is in which topic, on the whole node, and what is to be told of it. One mutex,
// touched at connect, disconnect, subscribe, unsubscribe and with every tick, never per delivery. It is asked
// the time of its clock and makes no event itself: what a tick says is for the caller to publish. Safe from
// any thread.
#pragma once

#include "core/account.hpp"
#include "core/clock.hpp"
#include "hub/topic_rules.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::hub {

struct PresenceLimits {
  std::chrono::seconds grace{5};           // whoever is back within it was never away
  std::size_t listed = 1000;               // people in one snapshot; the count is of all
  std::size_t people_per_notice = 100;     // with the longest names about 64 KiB
  std::size_t people_per_tick = 2000;      // told of in all topics; the rest in the next tick
  std::size_t online_per_tick = 256;       // told to admins, an event each: an outbox has room for four ticks
  std::size_t waiting_to_leave = 100'000;  // in their grace; of more, the oldest lose the rest of it
};

struct Person {
  UserId user_id = 0;
  std::string name;
  bool operator==(const Person&) const = default;
};

// What somebody is to be told.
struct PresenceNotice {
  enum class Kind : std::uint8_t { joined, left, online, offline };

  Kind kind{};
  std::string topic;           // empty: online, offline
  std::uint8_t roles = 0;      // that may hear of it, a bit each
  std::vector<Person> people;  // of one who is on- or offline; empty when the topic is only counted
  std::size_t count = 0;       // in the topic, after it
  // Subscribers of these users, empty: all, but not of these. Ascending.
  std::vector<UserId> only;
  std::vector<UserId> except;
};

// Everybody who is in a topic hears once of everybody who comes or goes, and never of himself. Whoever comes
// and goes between two ticks without anybody having seen him is not mentioned.
class Presence {
 public:
  explicit Presence(const Clock& clock = system_clock(), PresenceLimits limits = {});
  ~Presence();
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  // A connection's share in a user's being online or in a topic; given back when it dies, which must be
  // before the presence does. Movable; an empty one is nowhere.
  class Place;

  // `user` 0, a principal that is no user: an empty place. The name is of now, for all his places.
  Place online(UserId user, std::string_view name);
  // For a user who is online. Empty if the rule has no presence.
  Place join(std::string_view topic, const TopicRule& rule, UserId user);
  // Somebody has another name from here on. Nothing is told.
  void rename(UserId user, std::string_view name);

  struct Snapshot {
    std::vector<Person> people;  // by id, at most limits.listed; empty when the topic is only counted
    std::size_t count = 0;
  };
  // Who leaves is in it until his grace is over.
  Snapshot snapshot(std::string_view topic);
  bool is_online(UserId user);
  // Empty: he is not here.
  std::string name_of(UserId user) const;

  // What has changed since the last tick, in the order in which it is to be published.
  std::vector<PresenceNotice> tick();

  // What is kept, in topics or online: connected or in grace. For metrics and tests.
  std::size_t places() const;

 private:
  struct State;
  struct Group;
  struct Attendee;

  std::unique_ptr<State> state_;
};

class Presence::Place {
 public:
  Place() = default;
  Place(Place&& other) noexcept;
  Place& operator=(Place&& other) noexcept;
  ~Place();

  explicit operator bool() const noexcept { return attendee_ != nullptr; }

 private:
  friend class Presence;
  Place(State& state, Attendee& attendee) noexcept : state_(&state), attendee_(&attendee) {}

  State* state_ = nullptr;
  Attendee* attendee_ = nullptr;
};

}  // namespace corohub::hub
