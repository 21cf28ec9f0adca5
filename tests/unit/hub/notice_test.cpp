// Volatile events that not everybody gets who could: see hub::Notice.
#include "support.hpp"

#include <gmock/gmock.h>

namespace corohub::hub {
namespace {

using test::FakeMember;
using test::OneShard;
using testing::ElementsAre;
using testing::IsEmpty;

const TopicRule rule{"rooms/*", Audience::everyone_bits, Audience::everyone_bits, 0, {}, PresenceMode::list,
                     true};

Notice of_topic(std::string type) {
  EventDraft draft{std::move(type), "{}", Audience::everyone(), "rooms/one"};
  return {EventRef(new Event(std::move(draft), 0, 0))};
}

class NoticeTest : public testing::Test {
 protected:
  void publish(Notice notice) {
    std::vector<Entry> entries;
    entries.emplace_back(std::move(notice));
    one_.publish(std::move(entries));
  }

  OneShard one_;
  FakeMember ann_{one_.shard, {1, Role::admin, {}}};
  FakeMember ann_again_{one_.shard, {1, Role::admin, {}}};
  FakeMember bob_{one_.shard, {2, Role::user, {}}};
};

TEST_F(NoticeTest, of_a_topic_goes_to_its_subscribers_but_some) {
  one_.shard.subscribe(ann_, "rooms/one", rule);
  one_.shard.subscribe(bob_, "rooms/one", rule);
  publish(of_topic("a"));
  Notice notice = of_topic("b");
  notice.except = {2, 5};
  publish(notice);
  notice = of_topic("c");
  notice.only = {1, 2};
  notice.except = {1};
  publish(notice);
  EXPECT_THAT(ann_.log, ElementsAre("a", "b"));
  EXPECT_THAT(bob_.log, ElementsAre("a", "c"));
  EXPECT_THAT(ann_again_.log, IsEmpty());
}

TEST_F(NoticeTest, of_a_topic_has_a_copy_for_each_subscription_that_wants_it) {
  one_.shard.subscribe(bob_, "rooms/one", rule, {.label = 1, .prefix = test::prefix("1:")});
  one_.shard.subscribe(bob_, "rooms/one", rule,
                       {.label = 2, .prefix = test::prefix("2:"), .filter = filter_of_types({"b"})});
  publish(of_topic("a"));
  Notice notice = of_topic("b");
  notice.only = {2};
  publish(notice);
  EXPECT_THAT(bob_.log, ElementsAre("1:a", "1:b", "2:b"));
}

TEST_F(NoticeTest, without_a_topic_goes_to_its_audience_but_some) {
  FakeMember root(one_.shard, {3, Role::superadmin, {}});
  publish({test::event("a", Audience::admins())});
  publish({test::event("b", Audience::admins()), {}, {1}});
  publish({test::event("c", Audience::admins()), {1, 2}});
  EXPECT_THAT(ann_.log, ElementsAre("a", "c"));
  EXPECT_THAT(ann_again_.log, ElementsAre("a", "c"));
  EXPECT_THAT(root.log, ElementsAre("a", "b"));
  EXPECT_THAT(bob_.log, IsEmpty());
}

TEST_F(NoticeTest, is_never_queued_behind_something_if_it_says_so) {
  one_.shard.subscribe(bob_, "rooms/one", rule);
  bob_.blocked = true;
  Notice notice = of_topic("typing");
  notice.if_idle = true;
  publish(notice);
  EXPECT_EQ(bob_.outbox().messages(), 1U) << "it has nothing to wait behind";
  publish(notice);
  EXPECT_EQ(bob_.outbox().messages(), 1U);
}

TEST_F(NoticeTest, what_is_queued_in_the_same_turn_is_nothing_to_wait_behind) {
  one_.shard.subscribe(bob_, "rooms/one", rule);
  Notice notice = of_topic("typing");
  notice.if_idle = true;
  std::vector<Entry> entries;
  entries.emplace_back(of_topic("message").event);
  entries.emplace_back(notice);
  one_.publish(std::move(entries));
  EXPECT_THAT(bob_.log, ElementsAre("message", "typing"));
}

TEST(NoticeToMany, nobody_is_sent_to_in_the_turn_because_something_waits) {
  OneShard one;
  std::vector<std::unique_ptr<FakeMember>> crowd;
  for (std::size_t i = 0; i <= Shard::sends_at_once; ++i) {
    crowd.push_back(
        std::make_unique<FakeMember>(one.shard, Identity{static_cast<UserId>(i + 1), Role::user, {}}));
    one.shard.subscribe(*crowd.back(), "rooms/one", rule);
  }
  for (int i = 0; i < 40; ++i) one.put({of_topic("event")});
  Notice typing = of_topic("typing");
  typing.if_idle = true;
  one.put({typing});
  one.context.restart();
  one.context.run_one();
  for (const auto& member : crowd) EXPECT_EQ(member->flushes, 0);
  one.run();
  for (const auto& member : crowd) {
    EXPECT_EQ(member->log.size(), 41U);
    EXPECT_EQ(member->log.back(), "typing");
  }
}

}  // namespace
}  // namespace corohub::hub
