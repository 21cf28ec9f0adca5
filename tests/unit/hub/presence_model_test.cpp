// Presence against a naive model: random users come, go, look and wait; whoever has looked once and hears
// what he is told since must know who is there.
#include "hub/presence.hpp"
#include "support/manual_clock.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::hub {
namespace {

using namespace std::chrono_literals;
using Kind = PresenceNotice::Kind;

constexpr UserId users = 12;
constexpr auto grace = 5s;

// What is true of one user in one topic, without any cleverness.
struct Truth {
  bool present(SteadyTime now) const { return connections > 0 || (known && now < left_at + grace); }

  int connections = 0;
  bool known = false;  // to anybody: he was there at a tick, or in a snapshot
  SteadyTime left_at{};
};

// What one user has been told of a topic since he looked.
struct View {
  std::set<UserId> people;
  std::size_t count = 0;
};

class TopicModel {
 public:
  TopicModel(Presence& presence, const Clock& clock, std::string name, PresenceMode mode)
      : presence_(presence), clock_(clock), name_(std::move(name)) {
    rule_.subscribers = Audience::everyone_bits;
    rule_.presence = mode;
  }

  void join(UserId user, bool looks) {
    places_[user].push_back(presence_.join(name_, rule_, user));
    ++truths_[user].connections;
    if (looks) look(user);
  }
  bool leave(UserId user) {
    Truth& truth = truths_[user];
    if (truth.connections == 0) return false;
    places_[user].pop_back();
    if (--truth.connections > 0) return true;
    truth.left_at = clock_.steady();
    views_.erase(user);
    told_.erase(user);
    return true;
  }
  void look(UserId user) {
    const Presence::Snapshot snapshot = presence_.snapshot(name_);
    View view;
    for (const Person& person : snapshot.people) view.people.insert(person.user_id);
    view.count = snapshot.count;
    for (auto& [id, truth] : truths_) truth.known = truth.known || truth.connections > 0;
    if (truths_[user].connections > 0) views_[user] = view;
  }
  void at_tick() {
    const SteadyTime now = clock_.steady();
    for (auto& [id, truth] : truths_) truth.known = truth.connections > 0 || truth.present(now);
    heard_now_.clear();
  }
  void hear(const PresenceNotice& notice) {
    for (const auto& [user, truth] : truths_) {
      if (truth.connections == 0 || std::ranges::count(notice.except, user) > 0) continue;
      if (!notice.only.empty() && std::ranges::count(notice.only, user) == 0) continue;
      hear(user, notice);
    }
  }
  void check(bool settled) {
    const SteadyTime now = clock_.steady();
    std::set<UserId> present;
    for (const auto& [id, truth] : truths_)
      if (truth.present(now)) present.insert(id);
    if (!settled) return;
    for (const auto& [user, view] : views_) {
      if (rule_.presence == PresenceMode::list) {
        std::set<UserId> people = view.people;
        people.insert(user);
        EXPECT_EQ(people, present) << "what " << user << " knows";
      }
      EXPECT_EQ(view.count, present.size()) << "what " << user << " knows";
    }
  }

  std::string_view name() const { return name_; }

 private:
  void hear(UserId user, const PresenceNotice& notice) {
    for (const Person& person : notice.people) {
      EXPECT_NE(person.user_id, user) << "himself";
      EXPECT_TRUE(heard_now_.emplace(user, person.user_id).second) << "twice in a tick";
      std::set<UserId>& told = told_[user];
      if (notice.kind == Kind::joined) {
        EXPECT_TRUE(told.insert(person.user_id).second) << user << " knew of " << person.user_id;
      } else {
        told.erase(person.user_id);
      }
    }
    const auto found = views_.find(user);
    if (found == views_.end()) return;
    View& view = found->second;
    view.count = notice.count;
    for (const Person& person : notice.people) {
      if (notice.kind == Kind::joined)
        view.people.insert(person.user_id);
      else
        view.people.erase(person.user_id);
    }
  }

  Presence& presence_;
  const Clock& clock_;
  std::string name_;
  TopicRule rule_;
  std::map<UserId, std::vector<Presence::Place>> places_;
  std::map<UserId, Truth> truths_;
  std::map<UserId, View> views_;
  std::map<UserId, std::set<UserId>> told_;
  std::set<std::pair<UserId, UserId>> heard_now_;
};

// Users who are online throughout, in two topics of each kind.
class World {
 public:
  World(unsigned seed, const PresenceLimits& limits) : random_(seed), presence_(clock_, limits) {
    for (UserId user = 1; user <= users; ++user) online_.push_back(presence_.online(user, "x"));
    for (const char* name : {"a", "b", "c", "d"})
      topics_.emplace_back(presence_, clock_, name, name[0] < 'c' ? PresenceMode::list : PresenceMode::count);
  }

  void step() {
    pass(std::chrono::milliseconds(random(300)));
    TopicModel& topic = topics_[random(topics_.size())];
    const auto user = static_cast<UserId>(1 + random(users));
    switch (random(8)) {
      case 0:
      case 1:
        return topic.join(user, true);
      case 2:
        return topic.join(user, false);
      case 3:
      case 4:
        topic.leave(user);
        return;
      case 5:
        return topic.look(user);
      case 6:
        clock_.advance(std::chrono::milliseconds(random(6000)));
        return;
      default:
        tick();
    }
  }
  void pass(std::chrono::milliseconds time) {
    for (; time.count() > 0; time -= 100ms) {
      clock_.advance(std::min(time, std::chrono::milliseconds(100)));
      if (random(5) == 0) tick();
    }
  }
  void tick(bool settled = false) {
    const std::vector<PresenceNotice> notices = presence_.tick();
    for (TopicModel& topic : topics_) {
      topic.at_tick();
      for (const PresenceNotice& notice : notices)
        if (notice.topic == topic.name()) topic.hear(notice);
      topic.check(settled || unlimited_);
    }
  }
  void limit() { unlimited_ = false; }
  void settle() {
    clock_.advance(grace);
    for (int i = 0; i < 40; ++i) tick();
    tick(true);
  }
  void empty() {
    for (TopicModel& topic : topics_)
      for (UserId user = 1; user <= users; ++user)
        while (topic.leave(user)) {
        }
    clock_.advance(grace);
    for (int i = 0; i < 40; ++i) presence_.tick();
    EXPECT_EQ(presence_.places(), static_cast<std::size_t>(users)) << "online, in no topic";
  }

 private:
  std::size_t random(std::size_t below) { return random_() % below; }

  std::mt19937 random_;
  corohub::test::ManualClock clock_;
  Presence presence_;
  std::vector<Presence::Place> online_;
  std::vector<TopicModel> topics_;
  bool unlimited_ = true;
};

TEST(PresenceModel, everybody_who_has_looked_knows_who_is_there) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed, {});
    for (int i = 0; i < 1000; ++i) world.step();
    world.empty();
    if (testing::Test::HasFailure()) return;
  }
}

TEST(PresenceModel, and_in_the_end_also_when_a_tick_tells_of_few) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    World world(seed, {.people_per_notice = 2, .people_per_tick = 3});
    world.limit();
    for (int round = 0; round < 20; ++round) {
      for (int i = 0; i < 50; ++i) world.step();
      world.settle();
    }
    world.empty();
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace corohub::hub
