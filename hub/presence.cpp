#include "hub/presence.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <span>
#include <unordered_map>
#include <utility>

#include <boost/intrusive/list.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

namespace corohub::hub {
namespace {

using Kind = PresenceNotice::Kind;
using People = std::span<const Person>;

template <class Tag>
using Hook = boost::intrusive::list_base_hook<boost::intrusive::tag<Tag>,
                                              boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
template <class T, class Tag>
using ListOf = boost::intrusive::list<T, boost::intrusive::base_hook<Hook<Tag>>,
                                      boost::intrusive::constant_time_size<false>>;

struct ByState;
struct ByChange;

// A user who is online or in a topic, with the name of now.
struct User {
  std::string name;
  std::size_t attendances = 0;
};

// What a tick found in one group. Telling makes notices of a change.
struct Change {
  bool nothing() const noexcept { return joined.empty() && left.empty(); }

  std::string topic;
  std::uint8_t roles = 0;
  bool listed = true;
  std::vector<Person> joined;
  std::vector<Person> left;
  std::size_t count = 0;         // now
  std::size_t count_before = 0;  // the count that was told last, of a group that is only counted
};

// Makes notices of a change: who hears which part of it.
class Telling {
 public:
  Telling(std::vector<PresenceNotice>& notices, std::size_t people_per_notice) noexcept
      : notices_(notices), people_per_notice_(people_per_notice) {}

  void tell(const Change& change);

 private:
  void tell_admins(Kind kind, People people);
  void tell_count();
  void tell_list();
  void tell_each_other(People people);
  void add(Kind kind, People people, const std::vector<UserId>& only, const std::vector<UserId>& except);

  std::vector<PresenceNotice>& notices_;
  const std::size_t people_per_notice_;
  const Change* change_ = nullptr;
};

// Ascending.
std::vector<UserId> ids_of(People people) {
  std::vector<UserId> ids;
  ids.reserve(people.size());
  for (const Person& person : people) ids.push_back(person.user_id);
  std::ranges::sort(ids);
  return ids;
}

void Telling::tell(const Change& change) {
  change_ = &change;
  if (change.topic.empty()) {
    tell_admins(Kind::offline, change.left);
    tell_admins(Kind::online, change.joined);
  } else if (change.listed) {
    tell_list();
  } else {
    tell_count();
  }
}

void Telling::tell_admins(Kind kind, People people) {
  for (std::size_t i = 0; i < people.size(); ++i) add(kind, people.subspan(i, 1), {}, {people[i].user_id});
}

// A user who came alone is not told that somebody came.
void Telling::tell_count() {
  const Kind kind = change_->count > change_->count_before ? Kind::joined : Kind::left;
  const bool came_alone = kind == Kind::joined && change_->joined.size() == 1;
  notices_.push_back({kind, change_->topic, change_->roles, {}, change_->count, {}, {}});
  if (came_alone) notices_.back().except.push_back(change_->joined.front().user_id);
}

void Telling::tell_list() {
  add(Kind::left, change_->left, {}, {});
  if (change_->count > change_->joined.size())
    add(Kind::joined, change_->joined, {}, ids_of(change_->joined));
  tell_each_other(change_->joined);
}

// Each half is told of the other half, and so on inside each. J people take J log J names instead of the J *
// J of telling each of them of all others.
void Telling::tell_each_other(People people) {
  if (people.size() < 2) return;
  const People left = people.first(people.size() / 2);
  const People right = people.subspan(people.size() / 2);
  add(Kind::joined, left, ids_of(right), {});
  add(Kind::joined, right, ids_of(left), {});
  tell_each_other(left);
  tell_each_other(right);
}

void Telling::add(Kind kind, People people, const std::vector<UserId>& only,
                  const std::vector<UserId>& except) {
  while (!people.empty()) {
    const People some = people.first(std::min(people.size(), people_per_notice_));
    people = people.subspan(some.size());
    notices_.push_back(
        {kind, change_->topic, change_->roles, {some.begin(), some.end()}, change_->count, only, except});
  }
}

}  // namespace

// A user in a group. A user without a connection waits in `leaving` for the end of the grace, then in `gone`
// until others are told. A connected user waits in `fresh` until others are told.
struct Presence::Attendee : Hook<ByState> {
  Group* group = nullptr;
  User* user = nullptr;
  UserId id = 0;
  std::uint32_t connections = 0;
  bool announced = false;
  bool leaving = false;
  std::uint64_t looks_before = 0;  // the looks of the group when this user came
  SteadyTime grace_ends{};
};

// The users in one topic, or all users who are online.
struct Presence::Group : Hook<ByChange> {
  using List = ListOf<Attendee, ByState>;

  std::string topic;
  std::uint8_t roles = 0;
  bool listed = true;
  std::map<UserId, Attendee> attendees;
  List fresh;
  List gone;
  std::uint64_t looks = 0;     // snapshots taken
  std::size_t told_count = 0;  // the count that was told last, of a group that is only counted
  bool misled = false;         // a snapshot has shown another count since then
};

struct Presence::State {
  State(const Clock& given_clock, const PresenceLimits& given_limits)
      : clock(given_clock), limits(given_limits) {
    online.roles = Audience::admin_bits;
  }

  Group& group_of(std::string_view topic, const TopicRule& rule);
  Attendee& enter(Group& group, UserId id, User& user);
  void leave(Attendee& attendee) noexcept;
  void begin_grace(Attendee& attendee) noexcept;
  void unlink(Attendee& attendee) noexcept;
  void erase(Attendee& attendee) noexcept;
  void erase_if_empty(Group& group) noexcept;
  void changed(Group& group) noexcept;

  void end_grace(SteadyTime now) noexcept;
  void collect(Group& group, std::size_t& budget, std::vector<Change>& changes);
  void collect_people(Group& group, std::size_t budget, Change& change);

  const Clock& clock;
  const PresenceLimits limits;
  mutable std::mutex mutex;
  std::unordered_map<UserId, User> users;
  // Keys are the names inside the groups.
  boost::unordered_flat_map<std::string_view, std::unique_ptr<Group>> topics;
  Group online;
  ListOf<Group, ByChange> changed_groups;
  Group::List leaving;  // in the order in which their grace ends
  std::size_t leaving_count = 0;
  std::size_t places = 0;
};

// ---- coming and going ----

Presence::Presence(const Clock& clock, PresenceLimits limits)
    : state_(std::make_unique<State>(clock, limits)) {}
Presence::~Presence() = default;

Presence::Place Presence::online(UserId user, std::string_view name) {
  if (user == 0) return {};
  const std::scoped_lock lock(state_->mutex);
  User& known = state_->users[user];
  known.name = name;
  return {*state_, state_->enter(state_->online, user, known)};
}

Presence::Place Presence::join(std::string_view topic, const TopicRule& rule, UserId user) {
  if (rule.presence == PresenceMode::off) return {};
  const std::scoped_lock lock(state_->mutex);
  const auto known = state_->users.find(user);
  if (known == state_->users.end()) return {};
  return {*state_, state_->enter(state_->group_of(topic, rule), user, known->second)};
}

Presence::Group& Presence::State::group_of(std::string_view topic, const TopicRule& rule) {
  if (const auto known = topics.find(topic); known != topics.end()) return *known->second;
  auto made = std::make_unique<Group>();
  made->topic = topic;
  made->roles = rule.subscribers;
  made->listed = rule.presence == PresenceMode::list;
  Group& group = *made;
  topics.emplace(group.topic, std::move(made));
  return group;
}

Presence::Attendee& Presence::State::enter(Group& group, UserId id, User& user) {
  const auto [place, is_new] = group.attendees.try_emplace(id);
  Attendee& attendee = place->second;
  if (is_new) {
    attendee.group = &group;
    attendee.user = &user;
    attendee.id = id;
    attendee.looks_before = group.looks;
    ++user.attendances;
    ++places;
  }
  if (attendee.connections++ > 0) return attendee;
  unlink(attendee);
  if (attendee.announced) return attendee;  // the user was back within the grace
  group.fresh.push_back(attendee);
  changed(group);
  return attendee;
}

void Presence::State::leave(Attendee& attendee) noexcept {
  if (--attendee.connections > 0) return;
  Group& group = *attendee.group;
  const bool seen = attendee.looks_before != group.looks;
  attendee.grace_ends = clock.steady() + limits.grace;
  if (attendee.announced) return begin_grace(attendee);
  if (seen) return;  // a snapshot has shown this user, so all others are told, too
  erase(attendee);
  erase_if_empty(group);
}

void Presence::State::begin_grace(Attendee& attendee) noexcept {
  attendee.leaving = true;
  leaving.push_back(attendee);
  ++leaving_count;
}

void Presence::State::unlink(Attendee& attendee) noexcept {
  if (attendee.is_linked()) attendee.unlink();
  if (std::exchange(attendee.leaving, false)) --leaving_count;
}

void Presence::State::erase(Attendee& attendee) noexcept {
  const UserId id = attendee.id;
  if (--attendee.user->attendances == 0) users.erase(id);
  attendee.group->attendees.erase(id);
  --places;
}

void Presence::State::erase_if_empty(Group& group) noexcept {
  if (group.attendees.empty() && &group != &online) topics.erase(topics.find(group.topic));
}

void Presence::State::changed(Group& group) noexcept {
  if (!group.is_linked() && &group != &online) changed_groups.push_back(group);
}

Presence::Place::Place(Place&& other) noexcept
    : state_(other.state_), attendee_(std::exchange(other.attendee_, nullptr)) {}

Presence::Place& Presence::Place::operator=(Place&& other) noexcept {
  Place taken(std::move(other));
  std::swap(state_, taken.state_);
  std::swap(attendee_, taken.attendee_);
  return *this;
}

Presence::Place::~Place() {
  if (attendee_ == nullptr) return;
  const std::scoped_lock lock(state_->mutex);
  state_->leave(*attendee_);
}

// ---- questions ----

void Presence::rename(UserId user, std::string_view name) {
  const std::scoped_lock lock(state_->mutex);
  if (const auto known = state_->users.find(user); known != state_->users.end()) known->second.name = name;
}

Presence::Snapshot Presence::snapshot(std::string_view topic) {
  const std::scoped_lock lock(state_->mutex);
  const auto found = state_->topics.find(topic);
  if (found == state_->topics.end()) return {};
  Group& group = *found->second;
  ++group.looks;
  Snapshot snapshot;
  snapshot.count = group.attendees.size();
  if (snapshot.count != group.told_count) group.misled = true;
  if (!group.listed) return snapshot;
  snapshot.people.reserve(std::min(snapshot.count, state_->limits.listed));
  for (const auto& [id, attendee] : group.attendees) {
    if (snapshot.people.size() == state_->limits.listed) break;
    snapshot.people.push_back({id, attendee.user->name});
  }
  return snapshot;
}

bool Presence::is_online(UserId user) {
  const std::scoped_lock lock(state_->mutex);
  Group& online = state_->online;
  const auto found = online.attendees.find(user);
  if (found == online.attendees.end()) return false;
  if (!found->second.announced) ++online.looks;
  return true;
}

std::string Presence::name_of(UserId user) const {
  const std::scoped_lock lock(state_->mutex);
  const auto known = state_->users.find(user);
  return known == state_->users.end() ? std::string() : known->second.name;
}

std::size_t Presence::places() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->places;
}

// ---- what has changed ----

void Presence::State::end_grace(SteadyTime now) noexcept {
  while (!leaving.empty()) {
    Attendee& first = leaving.front();
    if (first.grace_ends > now && leaving_count <= limits.waiting_to_leave) return;
    unlink(first);
    first.group->gone.push_back(first);
    changed(*first.group);
  }
}

// Takes out of a group what others are to be told. What exceeds the budget waits for the next tick.
void Presence::State::collect(Group& group, std::size_t& budget, std::vector<Change>& changes) {
  Change change{group.topic, group.roles, group.listed, {}, {}, 0, group.told_count};
  // A group that is only counted tells one number, however many people have changed.
  collect_people(group, group.listed ? budget : group.attendees.size(), change);
  budget -= std::min(budget, group.listed ? change.joined.size() + change.left.size() : 1);
  if (!group.fresh.empty() || !group.gone.empty()) changed(group);

  change.count = group.told_count = group.attendees.size();
  const bool misled = std::exchange(group.misled, false);
  const bool known = !group.listed && change.count == change.count_before && !misled;
  const bool alone = change.left.empty() && change.joined.size() == 1 && change.count == 1;
  const bool nobody_there = &group != &online && (alone || group.attendees.empty());
  erase_if_empty(group);
  if (!change.nothing() && !known && !nobody_there) changes.push_back(std::move(change));
}

void Presence::State::collect_people(Group& group, std::size_t budget, Change& change) {
  const auto person = [&](const Attendee& attendee) {
    return Person{attendee.id, group.listed ? attendee.user->name : std::string()};
  };
  for (; !group.gone.empty() && budget > 0; --budget) {
    change.left.push_back(person(group.gone.front()));
    erase(group.gone.front());
  }
  for (; !group.fresh.empty() && budget > 0; --budget) {
    Attendee& attendee = group.fresh.front();
    change.joined.push_back(person(attendee));
    attendee.announced = true;
    unlink(attendee);
    if (attendee.connections == 0) begin_grace(attendee);
  }
}

std::vector<PresenceNotice> Presence::tick() {
  State& state = *state_;
  std::vector<Change> changes;
  {
    const std::scoped_lock lock(state.mutex);
    state.end_grace(state.clock.steady());
    std::size_t online_budget = state.limits.online_per_tick;
    state.collect(state.online, online_budget, changes);
    std::size_t budget = state.limits.people_per_tick;
    while (!state.changed_groups.empty() && budget > 0) {
      Group& group = state.changed_groups.front();
      group.unlink();
      state.collect(group, budget, changes);
    }
  }
  std::vector<PresenceNotice> notices;
  Telling telling(notices, state.limits.people_per_notice);
  for (const Change& change : changes) telling.tell(change);
  return notices;
}

}  // namespace corohub::hub
