// A member's own audience: all of it, what a filter wants of it, or feeds that it asks for.
#include "hub/replay.hpp"
#include "support.hpp"

#include <gmock/gmock.h>

namespace corohub::hub::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Identity ann{1, Role::user, {}};

EventRef own(std::string type, Seq seq = 0) { return event(std::move(type), Audience::user(1), seq); }

struct Feeds : testing::Test {
  OneShard one;
  FakeMember member{one.shard, ann, FakeMember::default_limits(), Own::by_feeds};
};

TEST_F(Feeds, without_any_nothing_is_heard_of_the_own_audience) {
  const TopicRules rules;
  one.shard.subscribe(member, "rooms/one", *rules.find("rooms/one"));
  const EventRef in_room(new Event({"room", "{}", Audience::everyone(), "rooms/one"}, 2, 0));
  EXPECT_THAT(one.publish({own("own", 1), in_room, Notice{own("notice")}}), ElementsAre(0, 1, 0));
  EXPECT_THAT(member.log, ElementsAre("room"));
}

TEST_F(Feeds, each_has_its_copy_of_what_it_wants_and_the_member_is_reached_once) {
  one.shard.add_feed(member, {.label = 1, .prefix = prefix("1:"), .filter = filter_of_types({"system.*"})});
  one.shard.add_feed(member, {.label = 2, .prefix = prefix("2:")});
  one.shard.add_feed(member, {.label = 2, .prefix = prefix("again")});
  EXPECT_THAT(one.publish({own("system.alert", 1), own("user.updated", 2),
                           Notice{event("system.x", Audience::everyone())}}),
              ElementsAre(1, 1, 1));
  EXPECT_THAT(member.log,
              ElementsAre("1:system.alert", "2:system.alert", "2:user.updated", "1:system.x", "2:system.x"));
  one.shard.remove(member, *member.feed(1));
  one.publish({own("system.alert", 3)});
  EXPECT_EQ(member.log.size(), 6U);
  EXPECT_EQ(member.feed(1), nullptr);
}

TEST_F(Feeds, one_that_is_added_begins_here) {
  one.publish({own("before", 1)});
  one.shard.add_feed(member, {.label = 1});
  one.publish({own("before", 1), own("after", 2)});
  EXPECT_THAT(member.log, ElementsAre("after"));
}

TEST_F(Feeds, the_one_that_has_had_least_is_the_members_position) {
  one.shard.set_head(5);
  EXPECT_EQ(one.shard.had(member), 5);
  one.shard.add_feed(member, {.label = 1}).go_live(9);
  EXPECT_EQ(one.shard.had(member), 9);
  one.shard.add_feed(member, {.label = 2}).go_live(7);
  EXPECT_EQ(one.shard.had(member), 7);
}

class NoPages final : public ReplayOwner {
 public:
  void read_page(const Replay&, ReadPermits::Permit, PageWish) noexcept override {}
  void replay_gap(const Replay&, Seq, Seq) override {}
  void replay_failed() noexcept override {}
};

TEST_F(Feeds, one_goes_back_and_the_others_get_nothing_twice) {
  one.shard.add_feed(member, {.label = 1, .prefix = prefix("1:")});
  one.publish({own("a", 1), own("b", 2)});
  NoPages log;
  Replay replay(one.shard, member, log, one.shard.had(member));
  Feed& late = one.shard.add_feed(member, {.label = 2, .prefix = prefix("2:")});
  replay.hold(late, 1);
  one.publish({own("c", 3)});
  EXPECT_TRUE(replay.advance());
  one.publish({own("d", 4)});
  EXPECT_THAT(member.log, ElementsAre("1:a", "1:b", "2:b", "1:c", "2:c", "1:d", "2:d"));
}

TEST_F(Feeds, a_replay_stops_between_two_copies_when_the_outbox_is_full_enough) {
  const OutboxLimits limits{8, 1 << 20};
  FakeMember many(one.shard, ann, limits, Own::by_feeds);
  one.publish({own("a", 1)});
  for (std::uint32_t label = 1; label <= 20; ++label) one.shard.add_feed(many, {.label = label});
  many.blocked = true;
  NoPages log;
  Replay replay(one.shard, many, log, one.shard.had(many));
  many.for_each_feed([&](Feed& feed) { replay.hold(feed, 0); });
  for (int rounds = 0; rounds < 20 && !replay.advance(); ++rounds) {
    EXPECT_LT(many.outbox().messages(), 8U);
    many.take_all();
  }
  many.take_all();
  EXPECT_EQ(many.log.size(), 20U);
  EXPECT_THAT(many.closed_with, IsEmpty());
}

// ---- a filter of all ----

class Filtered final : public Member {
 public:
  Filtered(Shard& shard, const OutboxLimits& limits, EventFilterRef filter)
      : Member(ClientId::random(), limits), shard_(shard) {
    set_filter(std::move(filter));
    shard_.attach(*this, ann);
  }
  ~Filtered() override { shard_.detach(*this); }
  const Form& form() const noexcept override { return plain_form; }
  void close(CloseReason) noexcept override {}
  void role_changed() noexcept override {}
  void subscription_lost(const Subscription&) noexcept override {}
  MemberInfo info() const override { return {}; }

 private:
  Shard& shard_;
};

TEST(OwnFilter, lets_through_what_it_wants_from_the_moment_the_member_came) {
  OneShard one;
  one.shard.set_head(3);
  const OutboxLimits limits;
  Filtered picky(one.shard, limits, filter_of_types({"user.*"}));
  Filtered all(one.shard, limits, filter_of_types({}));
  EXPECT_EQ(all.filter(), nullptr);
  EXPECT_FALSE(all.hears_by_feeds());
  EXPECT_THAT(picky.filter()->types(), ElementsAre("user.*"));
  one.publish({own("user.old", 3), own("user.new", 4), own("other", 5)});
  EXPECT_EQ(picky.outbox().messages(), 1U);
  EXPECT_EQ(all.outbox().messages(), 2U);
}

// What a page of the log may leave out.
TEST(OwnFilter, a_page_is_asked_for_the_types_of_all_interests_together) {
  class Asked final : public ReplayOwner {
   public:
    void read_page(const Replay&, ReadPermits::Permit given, PageWish asked) noexcept override {
      permit = std::move(given);
      wish = std::move(asked);
    }
    void replay_gap(const Replay&, Seq, Seq) override {}
    void replay_failed() noexcept override {}
    ReadPermits::Permit permit;
    PageWish wish;
  };
  const auto types_with = [](const EventFilterRef& of_topic) {
    OneShard one({.tail = {.events = 1, .bytes = 1 << 20}});
    const TopicRules rules;
    one.publish({own("a", 1), own("b", 2), own("c", 3)});
    const OutboxLimits limits;
    Filtered picky(one.shard, limits, filter_of_types({"user.*", "x"}));
    for (const std::uint32_t label : {1U, 2U})
      one.shard.subscribe(picky, "rooms/one", *rules.find("rooms/one"), {.label = label, .filter = of_topic});
    Asked log;
    Replay replay(one.shard, picky, log, 0);
    picky.for_each_interest([&](Interest& interest) { replay.hold(interest, 0); });
    EXPECT_FALSE(replay.advance());
    EXPECT_EQ(log.wish.topics.size(), 1U) << "a topic once, however many follow it";
    return log.wish.types;
  };
  EXPECT_THAT(types_with(filter_of_types({"x", "chat.*"})),
              testing::UnorderedElementsAre("user.*", "x", "chat.*"));
  EXPECT_THAT(types_with(nullptr), IsEmpty());
}

}  // namespace
}  // namespace corohub::hub::test
