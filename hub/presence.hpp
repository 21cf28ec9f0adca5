// Who is online and who is in which topic, on the whole node, and what others are to be told of that. There
// is one mutex, locked at connect, disconnect, subscribe, unsubscribe and with every tick, never per
// delivery. Presence makes no events: the caller publishes the notices of a tick. Safe from any thread.
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
  std::chrono::seconds grace{5};        // a user who is back within this time was never away
  std::size_t listed = 1000;            // people in one snapshot, which counts all
  std::size_t people_per_notice = 100;  // with the longest names about 64 KiB
  std::size_t people_per_tick =
      2000;  // in the notices of one tick, of all topics; the rest wait for the next tick
  std::size_t online_per_tick = 256;  // told to admins, one event each: an outbox has room for four ticks
  std::size_t waiting_to_leave =
      100'000;  // users in their grace; of more, the oldest lose the rest of their grace
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
  std::uint8_t roles = 0;      // a bit for each role that may hear of this
  std::vector<Person> people;  // one of them for online and offline; none when the topic is only counted
  std::size_t count = 0;       // in the topic, after this change
  // Connections of the users in `only` (empty: of all users) but not of those in `except`. Both are
  // ascending.
  std::vector<UserId> only;
  std::vector<UserId> except;
};

// Every user who is in a topic is told once of every other user who comes or goes. A user who comes and goes
// between two ticks, and whom no snapshot has shown, is not mentioned.
class Presence {
 public:
  explicit Presence(const Clock& clock = system_clock(), PresenceLimits limits = {});
  ~Presence();
  Presence(const Presence&) = delete;
  Presence& operator=(const Presence&) = delete;

  // One connection's share in its user's being online, or in a topic. The place is given back when it dies,
  // which must be before the presence dies. Movable; an empty place is nowhere.
  class Place;

  // Of user 0, a principal that is no user: an empty place. All places of the user have this name from now
  // on.
  Place online(UserId user, std::string_view name);
  // For a user who is online. An empty place if the rule has no presence.
  Place join(std::string_view topic, const TopicRule& rule, UserId user);
  // The user has another name from here on. Nobody is told.
  void rename(UserId user, std::string_view name);

  struct Snapshot {
    std::vector<Person> people;  // by id, at most limits.listed; empty when the topic is only counted
    std::size_t count = 0;
  };
  // A user who has left is in the snapshot until the grace is over.
  Snapshot snapshot(std::string_view topic);
  bool is_online(UserId user);
  // Empty: the user is not online.
  std::string name_of(UserId user) const;

  // What has changed since the last tick, in the order in which the notices are to be published.
  std::vector<PresenceNotice> tick();

  // Users kept, once for each topic and once for being online, connected or in their grace. For metrics and
  // tests.
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
