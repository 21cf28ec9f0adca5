#include "hub/replay.hpp"
#include "support.hpp"

#include <new>
#include <optional>
#include <string>

#include <gmock/gmock.h>

namespace corohub::hub::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const Identity ann{1, Role::user, {}};
const Identity bob{2, Role::user, {}};

EventRef said(std::string type, std::string topic, Seq seq = 0,
              std::uint8_t roles = Audience::everyone_bits) {
  return EventRef(new Event({std::move(type), "{}", {roles, 0}, std::move(topic)}, seq, 0));
}

TEST(Topics, an_event_reaches_subscribers_and_nobody_else) {
  OneShard one;
  const TopicRules rules;
  FakeMember first(one.shard, ann);
  FakeMember other(one.shard, bob);
  one.shard.subscribe(first, "rooms/one", *rules.find("rooms/one"));
  one.shard.subscribe(first, "rooms/one", *rules.find("rooms/one"));  // no difference
  one.publish({said("a", "rooms/one", 1), said("b", "rooms/two", 2), said("c", "rooms/one")});
  EXPECT_THAT(first.log, ElementsAre("a", "c"));
  EXPECT_THAT(other.log, IsEmpty());
  one.shard.unsubscribe(*first.subscription("rooms/one"));
  one.publish({said("d", "rooms/one", 3)});
  EXPECT_THAT(first.log, ElementsAre("a", "c"));
}

TEST(Topics, an_event_of_flags_also_reaches_those_who_follow_all_of_them) {
  OneShard one;
  const TopicRules rules;
  const auto follow = [&](FakeMember& member, const char* topic, InterestTerms terms = {}) {
    one.shard.subscribe(member, topic, *rules.find(topic), std::move(terms));
  };
  FakeMember all(one.shard, ann), both(one.shard, ann), other(one.shard, bob), labels(one.shard, bob);
  follow(all, "flags");
  follow(both, "flags");
  follow(both, "flags/a");
  follow(other, "flags/b");
  follow(labels, "flags", {1, prefix("1:")});
  follow(labels, "flags/a", {2, prefix("2:")});
  const auto reached = one.publish({said("x", "flags/a", 1), said("y", "flags/a/staging", 2)});
  EXPECT_THAT(reached, ElementsAre(4, 0));
  EXPECT_THAT(all.log, ElementsAre("x"));
  EXPECT_THAT(both.log, ElementsAre("x")) << "once, as it has no labels";
  EXPECT_THAT(other.log, IsEmpty());
  EXPECT_THAT(labels.log, testing::UnorderedElementsAre("1:x", "2:x"));
  one.shard.unsubscribe(*both.subscription("flags/a"));
  one.publish({said("z", "flags/a", 3)});
  EXPECT_THAT(both.log, ElementsAre("x", "z"));
}

TEST(Topics, a_subscription_that_takes_nothing_yet_keeps_nothing_from_another) {
  OneShard one;
  const TopicRules rules;
  FakeMember member(one.shard, ann);
  one.shard.subscribe(member, "flags", *rules.find("flags"));
  one.shard.subscribe(member, "flags/a", *rules.find("flags/a"))->hold(Interest::Phase::pending);
  one.publish({said("x", "flags/a", 1)});
  EXPECT_THAT(member.log, ElementsAre("x"));
}

TEST(Topics, what_is_revoked_is_told_and_the_others_stay) {
  OneShard one;
  const TopicRules rules;
  FakeMember first(one.shard, ann), second(one.shard, bob);
  for (FakeMember* member : {&first, &second})
    for (const char* topic : {"flags/a", "flags/b"}) one.shard.subscribe(*member, topic, *rules.find(topic));
  one.shard.revoke("flags/a", [](const Member& member) { return member.identity().user_id == 1; });
  one.shard.revoke("flags/c", [](const Member&) { return false; });
  EXPECT_THAT(first.topics_lost, IsEmpty());
  EXPECT_THAT(second.topics_lost, ElementsAre("flags/a"));
  one.shard.revoke(first, [](const Topic& topic) { return topic.name == "flags/b"; });
  EXPECT_THAT(first.topics_lost, ElementsAre("flags/a"));
  one.publish({said("x", "flags/a", 1), said("y", "flags/b", 2)});
  EXPECT_THAT(first.log, ElementsAre("y"));
  EXPECT_THAT(second.log, ElementsAre("y"));
}

TEST(Topics, T14_a_guest_hears_what_it_follows_and_can_be_ended) {
  OneShard one;
  const TopicRules rules;
  FakeMember guest(one.shard, Identity::guest()), user(one.shard, ann);
  one.shard.subscribe(guest, "flags/a", *rules.find("flags/a"));
  one.publish({event("all", Audience::everyone(), 1), event("admins", Audience::admins(), 2),
               said("x", "flags/a", 3)});
  EXPECT_THAT(guest.log, ElementsAre("x"));
  EXPECT_THAT(user.log, ElementsAre("all"));
  EXPECT_FALSE(Audience::everyone().includes(guest.identity()));
  EXPECT_EQ(one.shard.size(), 2U);
  EXPECT_EQ(one.shard.list(10).size(), 2U);
  EXPECT_EQ(one.shard.find(guest.client_id())->user_id, 0);
  one.publish({Kick{guest.client_id()}});
  EXPECT_THAT(guest.closed_with, ElementsAre(CloseReason::kicked));
}

TEST(Topics, T59_nothing_remains_of_a_topic_that_nobody_follows) {
  OneShard one({.topics = 2});
  const TopicRules rules;
  const TopicRule& rule = *rules.find("rooms/one");
  {
    FakeMember first(one.shard, ann);
    FakeMember second(one.shard, bob);
    one.shard.subscribe(first, "rooms/one", rule);
    one.shard.subscribe(second, "rooms/one", rule);
    one.shard.subscribe(second, "rooms/two", rule);
    EXPECT_EQ(one.shard.subscribe(first, "rooms/three", rule), nullptr) << "too many";
    EXPECT_EQ(one.shard.topics(), 2U);
    one.shard.unsubscribe(*second.subscription("rooms/two"));
    EXPECT_EQ(one.shard.topics(), 1U);
    EXPECT_NE(one.shard.subscribe(first, "rooms/three", rule), nullptr);
  }
  EXPECT_EQ(one.shard.topics(), 0U);
}

TEST(Topics, a_lost_role_loses_subscriptions_and_what_waits_of_them) {
  OneShard one;
  const TopicRules rules;
  const SessionId login{};
  FakeMember member(one.shard, {1, Role::admin, login});
  one.shard.subscribe(member, "admin/logs", *rules.find("admin/logs"));
  one.shard.subscribe(member, "rooms/one", *rules.find("rooms/one"));
  member.blocked = true;
  one.publish({said("started", "rooms/one", 1)});
  member.outbox().consume(1);
  one.publish({said("secret", "admin/logs", 2, Audience::admin_bits), said("open", "rooms/one", 3),
               AccountChanged{1, account(1, Role::user, {login}), CloseReason::session_revoked},
               said("later", "admin/logs", 4, Audience::admin_bits), said("more", "rooms/one", 5)});
  EXPECT_THAT(member.topics_lost, ElementsAre("admin/logs"));
  EXPECT_EQ(member.subscription("admin/logs"), nullptr);
  member.take_all();
  EXPECT_THAT(member.log, ElementsAre("started", "open", "more"));
}

TEST(Topics, whoever_loses_some_of_many_keeps_the_others) {
  OneShard one;
  const TopicRules rules;
  const SessionId login{};
  FakeMember member(one.shard, {1, Role::admin, login});
  for (const char* topic : {"admin/a", "rooms/x", "admin/b", "rooms/y", "admin/c"})
    one.shard.subscribe(member, topic, *rules.find(topic));
  one.publish({AccountChanged{1, account(1, Role::user, {login}), CloseReason::session_revoked}});
  EXPECT_THAT(member.topics_lost, testing::UnorderedElementsAre("admin/a", "admin/b", "admin/c"));
  EXPECT_EQ(member.subscription_count(), 2U);
  EXPECT_EQ(one.shard.topics(), 2U);
  one.publish({said("x", "rooms/x", 1), said("y", "rooms/y", 2), said("a", "admin/a", 3)});
  EXPECT_THAT(member.log, ElementsAre("x", "y"));
}

TEST(Topics, a_subscription_has_a_filter_of_its_own) {
  OneShard one;
  const TopicRules rules;
  FakeMember picky(one.shard, ann);
  picky.set_filter(filter_of_types({"nothing"}));  // of its own audience
  one.shard.subscribe(picky, "rooms/one", *rules.find("rooms/one"), {.filter = filter_of_types({"chat.*"})});
  one.publish({said("chat.line", "rooms/one", 1), said("other", "rooms/one", 2)});
  EXPECT_THAT(picky.log, ElementsAre("chat.line"));
}

// ---- several subscriptions to one topic ----

TEST(Topics, each_subscription_has_its_copy_behind_its_own_prefix) {
  OneShard one;
  const TopicRules rules;
  const TopicRule& rule = *rules.find("rooms/one");
  FakeMember member(one.shard, ann);
  Subscription* first = one.shard.subscribe(member, "rooms/one", rule, {.label = 1, .prefix = prefix("1:")});
  one.shard.subscribe(member, "rooms/one", rule,
                      {.label = 2, .prefix = prefix("2:"), .filter = filter_of_types({"b"})});
  EXPECT_EQ(one.shard.subscribe(member, "rooms/one", rule, {.label = 1}), first);
  EXPECT_EQ(member.subscription("rooms/one"), nullptr) << "none without a label";
  const std::uint64_t before = frames_built();
  EXPECT_THAT(one.publish({said("a", "rooms/one", 1), said("b", "rooms/one", 2)}), ElementsAre(1, 2));
  EXPECT_EQ(frames_built() - before, 2U) << "the rest is shared";
  EXPECT_THAT(member.log, ElementsAre("1:a", "1:b", "2:b"));
  one.shard.unsubscribe(*first);
  one.publish({said("b", "rooms/one", 3)});
  EXPECT_EQ(member.log.back(), "2:b");
  EXPECT_EQ(member.subscription_count(), 1U);
}

TEST(Topics, a_lost_role_loses_each_of_them_and_both_frames_of_what_waits) {
  OneShard one;
  const TopicRules rules;
  const SessionId login{};
  FakeMember member(one.shard, {1, Role::admin, login});
  for (const std::uint32_t label : {1U, 2U})
    one.shard.subscribe(member, "admin/logs", *rules.find("admin/logs"),
                        {.label = label, .prefix = prefix("p:")});
  member.blocked = true;
  one.publish({said("secret", "admin/logs", 1, Audience::admin_bits)});
  EXPECT_EQ(member.outbox().messages(), 2U);
  one.publish({AccountChanged{1, account(1, Role::user, {login}), CloseReason::session_revoked}});
  EXPECT_THAT(member.topics_lost, ElementsAre("admin/logs", "admin/logs"));
  EXPECT_TRUE(member.outbox().empty());
}

// ---- bytes that are not shared ----

class UnsharedForm final : public Form {
 public:
  FrameRef encode(const Event&, std::string_view) const override { return nullptr; }
};

class OwnFrames final : public Member {
 public:
  OwnFrames(Shard& shard, const OutboxLimits& limits) : Member(ClientId::random(), limits), shard_(shard) {
    shard_.attach(*this, ann);
  }
  ~OwnFrames() override { shard_.detach(*this); }
  const Form& form() const noexcept override {
    static const UnsharedForm form;
    return form;
  }
  FrameRef own_frame(const Event& event, const Interest& interest) override {
    if (event.type() == "no memory") throw std::bad_alloc();
    if (event.type() == "nothing") return nullptr;
    return personal(std::to_string(interest.label) + std::string(event.type()));
  }
  void close(CloseReason reason) noexcept override { closed_with = reason; }
  void role_changed() noexcept override {}
  void subscription_lost(const Subscription&) noexcept override {}
  MemberInfo info() const override { return {}; }

  std::string waiting() const {
    std::string all;
    for (std::uint32_t i = 0; i < outbox().frames(); ++i) all.append(outbox().at(i).bytes()).append(" ");
    return all;
  }

  std::optional<CloseReason> closed_with;

 private:
  Shard& shard_;
};

TEST(Topics, where_bytes_are_not_shared_the_member_makes_a_frame_for_each_interest) {
  OneShard one;
  const TopicRules rules;
  const OutboxLimits limits;
  OwnFrames member(one.shard, limits);
  for (const std::uint32_t label : {3U, 4U})
    one.shard.subscribe(member, "rooms/one", *rules.find("rooms/one"),
                        {.label = label, .prefix = prefix("unused")});
  EXPECT_THAT(one.publish({said("a", "rooms/one", 1), said("nothing", "rooms/one", 2),
                           event("own", Audience::everyone(), 3)}),
              ElementsAre(2, 0, 1));
  one.publish({Notice{said("notice", "rooms/one")}});
  EXPECT_EQ(member.waiting(), "3a 4a 0own 3notice 4notice ");
  one.publish({said("no memory", "rooms/one", 4), said("later", "rooms/one", 5)});
  EXPECT_EQ(member.closed_with, CloseReason::overloaded);
  EXPECT_EQ(member.waiting(), "3a 4a 0own 3notice 4notice ");
}

// ---- replays with subscriptions ----

class NoPages final : public ReplayOwner {
 public:
  void read_page(const Replay&, ReadPermits::Permit given, PageWish asked) noexcept override {
    permit = std::move(given);
    wish = std::move(asked);
  }
  void replay_gap(const Replay&, Seq, Seq) override {}
  void replay_failed() noexcept override {}
  ReadPermits::Permit permit;
  std::optional<PageWish> wish;
};

TEST(Topics, a_subscription_goes_back_and_what_comes_meanwhile_waits_for_it) {
  OneShard one;
  const TopicRules rules;
  one.publish({said("r1", "rooms/one", 1), event("own2", Audience::everyone(), 2), said("r3", "rooms/one", 3),
               said("x4", "rooms/two", 4)});
  FakeMember member(one.shard, ann);
  Subscription* two = one.shard.subscribe(member, "rooms/two", *rules.find("rooms/two"));
  NoPages log;
  Replay replay(one.shard, member, log, one.shard.had(member));
  EXPECT_EQ(replay.position(), 4);
  replay.hold(*one.shard.subscribe(member, "rooms/one", *rules.find("rooms/one")), 1);
  EXPECT_EQ(replay.position(), 1);
  one.publish({event("own5", Audience::everyone(), 5), said("r6", "rooms/one", 6),
               said("volatile", "rooms/one"), said("x7", "rooms/two", 7)});
  EXPECT_THAT(member.log, ElementsAre("volatile"));
  EXPECT_TRUE(replay.advance());
  one.publish({said("r8", "rooms/one", 8), said("x9", "rooms/two", 9)});
  EXPECT_THAT(member.log, ElementsAre("volatile", "r3", "own5", "r6", "x7", "r8", "x9"));
  EXPECT_EQ(two->phase, Subscription::Phase::live);
}

TEST(Topics, own_events_and_topics_come_together_in_the_order_of_the_log) {
  OneShard one;
  const TopicRules rules;
  one.publish({said("r1", "rooms/one", 1), event("own2", Audience::everyone(), 2), said("q3", "rooms/two", 3),
               said("r4", "rooms/one", 4), event("admins5", Audience::admins(), 5)});
  FakeMember member(one.shard, ann);
  NoPages log;
  Replay replay(one.shard, member, log, 0);
  replay.hold(*one.shard.subscribe(member, "rooms/one", *rules.find("rooms/one")), 0);
  replay.hold(*one.shard.subscribe(member, "rooms/two", *rules.find("rooms/two")), 3);  // history no more
  EXPECT_TRUE(replay.advance());
  one.publish({said("q6", "rooms/two", 6), event("own7", Audience::everyone(), 7)});
  EXPECT_THAT(member.log, ElementsAre("r1", "own2", "r4", "q6", "own7"));
}

TEST(Topics, a_page_is_asked_for_what_is_still_followed) {
  OneShard one({.tail = {.events = 1, .bytes = 1 << 20}});
  const TopicRules rules;
  one.publish({said("r1", "rooms/one", 1), said("r2", "rooms/one", 2), event("own3", Audience::everyone(), 3),
               event("own4", Audience::everyone(), 4)});
  FakeMember member(one.shard, ann);
  NoPages log;
  Replay replay(one.shard, member, log, one.shard.had(member));
  Subscription* subscription = one.shard.subscribe(member, "rooms/one", *rules.find("rooms/one"));
  replay.hold(*subscription, 0);
  EXPECT_FALSE(replay.advance());
  ASSERT_TRUE(log.wish);
  EXPECT_FALSE(log.wish->own) << "he has had those";
  ASSERT_EQ(log.wish->topics.size(), 1U);
  EXPECT_EQ(log.wish->topics[0].topic, "rooms/one");
  EXPECT_EQ(log.wish->topics[0].subscribers, Audience::everyone_bits);
  one.shard.unsubscribe(*subscription);
  log.permit.give_back();
  replay.page_read({{said("r1", "rooms/one", 1)}, 4, 0});
  EXPECT_TRUE(replay.advance()) << "nothing is left to bring";
  one.publish({event("own5", Audience::everyone(), 5)});
  EXPECT_THAT(member.log, ElementsAre("own5"));
}

TEST(Topics, T74_a_page_that_lacks_a_topic_held_since_is_thrown_away) {
  OneShard one({.tail = {.events = 1, .bytes = 1 << 20}});
  const TopicRules rules;
  const EventRef own1 = event("own1", Audience::everyone(), 1), r2 = said("r2", "rooms/one", 2);
  one.publish({own1, r2, event("own3", Audience::everyone(), 3)});
  FakeMember member(one.shard, ann);
  NoPages log;
  Replay replay(one.shard, member, log, 0);
  EXPECT_FALSE(replay.advance());
  replay.hold(*one.shard.subscribe(member, "rooms/one", *rules.find("rooms/one")), replay.position());
  log.permit.give_back();
  replay.page_read({{own1}, 2, 0});
  EXPECT_THAT(member.log, testing::IsEmpty());
  EXPECT_FALSE(replay.advance());
  EXPECT_EQ(log.wish->topics.size(), 1U);
  log.permit.give_back();
  replay.page_read({{own1, r2}, 2, 0});
  EXPECT_TRUE(replay.advance());
  EXPECT_THAT(member.log, ElementsAre("own1", "r2", "own3"));
}

}  // namespace
}  // namespace corohub::hub::test
