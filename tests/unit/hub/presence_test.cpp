#include "hub/presence.hpp"

#include "support/manual_clock.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

namespace corohub::hub {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using Kind = PresenceNotice::Kind;

const TopicRule list_rule{
    "rooms/*", Audience::everyone_bits, Audience::everyone_bits, 0, {}, PresenceMode::list, false};
const TopicRule count_rule{"halls/*", Audience::admin_bits, Audience::admin_bits, 0, {}, PresenceMode::count,
                           false};
const TopicRule off_rule{
    "quiet/*", Audience::everyone_bits, Audience::everyone_bits, 0, {}, PresenceMode::off, false};
const std::string room = "rooms/one";

std::vector<UserId> ids(const std::vector<Person>& people) {
  std::vector<UserId> all;
  for (const Person& person : people) all.push_back(person.user_id);
  return all;
}

// Users with a connection each, and the notices of topics apart from those of who is online.
class PresenceTest : public testing::Test {
 protected:
  Presence::Place online(UserId user) { return presence_.online(user, "user" + std::to_string(user)); }
  Presence::Place& join(UserId user, const TopicRule& rule = list_rule) {
    connections_[user] = online(user);
    return places_[user] = presence_.join(room, rule, user);
  }
  void leave(UserId user) {
    connections_.erase(user);
    places_.erase(user);
  }
  std::vector<PresenceNotice> tick(std::chrono::milliseconds after = 500ms) {
    clock_.advance(after);
    std::vector<PresenceNotice> notices = presence_.tick();
    std::erase_if(notices, [](const PresenceNotice& notice) { return notice.topic.empty(); });
    return notices;
  }
  // Users 1 to `count` are in the room, and everybody knows.
  void fill(UserId count, const TopicRule& rule = list_rule) {
    for (UserId user = 1; user <= count; ++user) join(user, rule);
    tick();
  }

  corohub::test::ManualClock clock_;
  Presence presence_{clock_};
  std::map<UserId, Presence::Place> connections_;
  std::map<UserId, Presence::Place> places_;
};

TEST_F(PresenceTest, one_who_comes_is_told_to_the_others_in_one_notice_however_many_they_are) {
  fill(1000);
  join(2000);
  const auto notices = tick();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].kind, Kind::joined);
  EXPECT_EQ(notices[0].topic, room);
  EXPECT_EQ(notices[0].roles, Audience::everyone_bits);
  EXPECT_THAT(notices[0].people, ElementsAre(Person{2000, "user2000"}));
  EXPECT_EQ(notices[0].count, 1001U);
  EXPECT_THAT(notices[0].only, IsEmpty());
  EXPECT_THAT(notices[0].except, ElementsAre(2000));
  EXPECT_THAT(tick(), IsEmpty());
}

TEST_F(PresenceTest, nobody_is_told_of_one_who_is_alone) {
  join(1);
  EXPECT_THAT(tick(), IsEmpty());
  leave(1);
  EXPECT_THAT(tick(6s), IsEmpty());
  EXPECT_EQ(presence_.places(), 0U);
}

TEST_F(PresenceTest, who_leaves_has_five_seconds_to_come_back) {
  fill(2);
  leave(2);
  EXPECT_THAT(tick(4999ms), IsEmpty());
  EXPECT_THAT(ids(presence_.snapshot(room).people), ElementsAre(1, 2));
  join(2);
  EXPECT_THAT(tick(6s), IsEmpty());
  leave(2);
  const auto notices = tick(5s);
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].kind, Kind::left);
  EXPECT_THAT(notices[0].people, ElementsAre(Person{2, "user2"}));
  EXPECT_EQ(notices[0].count, 1U);
  EXPECT_THAT(notices[0].except, IsEmpty());
  EXPECT_THAT(ids(presence_.snapshot(room).people), ElementsAre(1));
}

TEST_F(PresenceTest, three_tabs_are_one_user) {
  fill(1);
  std::vector<Presence::Place> tabs;
  for (int i = 0; i < 3; ++i) {
    tabs.push_back(online(7));
    tabs.push_back(presence_.join(room, list_rule, 7));
  }
  EXPECT_EQ(tick().size(), 1U);
  EXPECT_EQ(presence_.snapshot(room).count, 2U);
  tabs.resize(2);
  EXPECT_THAT(tick(6s), IsEmpty());
  tabs.clear();
  EXPECT_EQ(tick(5s).size(), 1U);
}

TEST_F(PresenceTest, one_nobody_has_seen_is_not_mentioned) {
  fill(1);
  join(2);
  leave(2);
  EXPECT_EQ(presence_.snapshot(room).count, 1U);
  EXPECT_THAT(tick(10s), IsEmpty());
}

TEST_F(PresenceTest, one_whom_somebody_has_seen_comes_and_leaves_for_everybody) {
  fill(1);
  join(2);
  EXPECT_THAT(ids(presence_.snapshot(room).people), ElementsAre(1, 2));
  leave(2);
  auto notices = tick();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].kind, Kind::joined);
  notices = tick(5s);
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].kind, Kind::left);
}

TEST_F(PresenceTest, those_who_come_together_hear_of_each_other_without_a_notice_for_each_pair) {
  constexpr UserId joiners = 64;
  for (UserId user = 1; user <= joiners; ++user) join(user);
  std::map<UserId, std::multiset<UserId>> heard;
  std::size_t deliveries = 0;
  for (const PresenceNotice& notice : tick()) {
    ASSERT_FALSE(notice.only.empty()) << "nobody else is there";
    ASSERT_TRUE(std::ranges::is_sorted(notice.only));
    deliveries += notice.only.size();
    for (const UserId reader : notice.only)
      for (const Person& person : notice.people) heard[reader].insert(person.user_id);
  }
  EXPECT_EQ(deliveries, 64U * 6);
  for (UserId reader = 1; reader <= joiners; ++reader) {
    EXPECT_EQ(heard[reader].size(), 63U) << "of everybody else, once";
    EXPECT_EQ(heard[reader].count(reader), 0U) << "never of himself";
    EXPECT_EQ(std::set(heard[reader].begin(), heard[reader].end()).size(), 63U);
  }
}

TEST_F(PresenceTest, only_the_count_is_told_where_the_rule_says_so) {
  fill(2, count_rule);
  join(3, count_rule);
  auto notices = tick();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].kind, Kind::joined);
  EXPECT_THAT(notices[0].people, IsEmpty());
  EXPECT_EQ(notices[0].count, 3U);
  EXPECT_EQ(notices[0].roles, Audience::admin_bits);
  EXPECT_THAT(notices[0].except, ElementsAre(3));

  join(4, count_rule);
  join(5, count_rule);
  notices = tick();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_THAT(notices[0].except, IsEmpty()) << "each must hear of the other";
  leave(5);
  notices = tick(5s);
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].kind, Kind::left);
  EXPECT_EQ(notices[0].count, 4U);
  const Presence::Snapshot snapshot = presence_.snapshot(room);
  EXPECT_THAT(snapshot.people, IsEmpty());
  EXPECT_EQ(snapshot.count, 4U);
}

TEST_F(PresenceTest, a_count_that_stays_the_same_is_not_told) {
  fill(3, count_rule);
  leave(3);
  clock_.advance(4900ms);
  presence_.tick();
  join(4, count_rule);
  EXPECT_THAT(tick(100ms), IsEmpty());
}

TEST_F(PresenceTest, no_presence_where_the_rule_has_none) {
  EXPECT_FALSE(join(1, off_rule));
  EXPECT_EQ(presence_.snapshot(room).count, 0U);
}

TEST_F(PresenceTest, T50_a_snapshot_has_at_most_a_thousand_people_and_counts_all) {
  fill(1200);
  const Presence::Snapshot snapshot = presence_.snapshot(room);
  EXPECT_EQ(snapshot.people.size(), 1000U);
  EXPECT_EQ(snapshot.count, 1200U);
}

TEST_F(PresenceTest, many_at_once_are_told_in_several_notices) {
  fill(1);
  for (UserId user = 2; user <= 251; ++user) join(user);
  std::size_t to_others = 0;
  for (const PresenceNotice& notice : tick()) {
    EXPECT_LE(notice.people.size(), 100U);
    if (notice.only.empty()) ++to_others;
  }
  EXPECT_EQ(to_others, 3U);
}

TEST_F(PresenceTest, names_are_of_now) {
  fill(2);
  presence_.rename(2, "Zoe");
  EXPECT_EQ(presence_.name_of(2), "Zoe");
  EXPECT_EQ(presence_.snapshot(room).people[1].name, "Zoe");
  leave(2);
  EXPECT_EQ(tick(5s)[0].people[0].name, "Zoe");
  EXPECT_EQ(presence_.name_of(2), "");
}

TEST_F(PresenceTest, admins_are_told_who_is_online_but_not_of_themselves) {
  {
    const Presence::Place ann = online(7);
    const Presence::Place second = online(7);
    EXPECT_TRUE(presence_.is_online(7));
    const auto notices = presence_.tick();
    ASSERT_EQ(notices.size(), 1U);
    EXPECT_EQ(notices[0].kind, Kind::online);
    EXPECT_EQ(notices[0].roles, Audience::admin_bits);
    EXPECT_THAT(notices[0].people, ElementsAre(Person{7, "user7"}));
    EXPECT_THAT(notices[0].except, ElementsAre(7));
  }
  EXPECT_TRUE(presence_.is_online(7)) << "in his grace";
  clock_.advance(5s);
  const auto notices = presence_.tick();
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_EQ(notices[0].kind, Kind::offline);
  EXPECT_FALSE(presence_.is_online(7));
}

TEST_F(PresenceTest, a_storm_is_told_to_admins_bit_by_bit) {
  std::vector<Presence::Place> all;
  for (UserId user = 1; user <= 600; ++user) all.push_back(online(user));
  EXPECT_EQ(presence_.tick().size(), 256U);
  EXPECT_EQ(presence_.tick().size(), 256U);
  EXPECT_EQ(presence_.tick().size(), 88U);
}

TEST_F(PresenceTest, whoever_is_no_user_is_nowhere) {
  EXPECT_FALSE(presence_.online(0, ""));
  EXPECT_FALSE(presence_.join(room, list_rule, 0));
  EXPECT_EQ(presence_.places(), 0U);
}

TEST_F(PresenceTest, T59_nothing_remains_of_many_who_came_and_went) {
  const Presence::Place ann = online(7);
  presence_.tick();
  for (int i = 0; i < 1000; ++i) {
    const Presence::Place place = presence_.join("rooms/" + std::to_string(i), list_rule, 7);
    if (i % 10 == 0) tick();
  }
  EXPECT_LE(presence_.places(), 1U + 10) << "those in their grace";
  tick(5s);
  EXPECT_EQ(presence_.places(), 1U);
}

TEST(PresenceLimitsTest, too_many_in_their_grace_lose_it) {
  corohub::test::ManualClock clock;
  Presence presence(clock, {.waiting_to_leave = 10});
  std::vector<Presence::Place> all;
  for (UserId user = 1; user <= 30; ++user) all.push_back(presence.online(user, "x"));
  presence.tick();
  all.clear();
  EXPECT_EQ(presence.tick().size(), 20U);
  EXPECT_EQ(presence.places(), 10U);
}

TEST(PresenceThreads, places_may_be_taken_and_given_back_anywhere) {
  Presence presence;
  std::vector<std::jthread> threads;
  for (UserId user = 1; user <= 4; ++user)
    threads.emplace_back([&, user] {
      for (int i = 0; i < 500; ++i) {
        const Presence::Place ann = presence.online(user % 2 + 1, "ann");
        const Presence::Place place =
            presence.join("rooms/" + std::to_string(i % 3), list_rule, user % 2 + 1);
        if (i % 16 == 0) presence.tick();
        presence.snapshot("rooms/1");
        presence.is_online(1);
      }
    });
}

}  // namespace
}  // namespace corohub::hub
