// Events whose audience is judged, and topics that are the second of an event: who gets them, live and from a
// replay, and how often.
#include "hub/replay.hpp"
#include "unit/hub/support.hpp"

#include <set>

#include <gmock/gmock.h>

namespace corohub::hub::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Knows by number whom it finds every event for: users, and clients.
class ByNumber final : public AudienceJudge {
 public:
  bool includes(const Event&, const Identity& who) const noexcept override {
    ++asked;
    return found.contains(who.is_user() ? who.user_id : who.key->client_id);
  }
  std::set<std::int64_t> found;
  mutable int asked = 0;
};

Identity of_key(std::int64_t client_id) {
  auto holder = boost::intrusive_ptr<KeyHolder>(new KeyHolder);
  holder->client_id = client_id;
  return Identity::of_key(std::move(holder));
}

EventRef also(std::string type, std::string topic, std::string second, Seq seq,
              Audience audience = Audience::admins()) {
  EventDraft draft{.type = std::move(type), .data = "{}", .audience = audience};
  draft.topic = std::move(topic);
  draft.also = std::move(second);
  return {new Event(std::move(draft), seq, 0)};
}

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

TEST(Judged, T48_an_event_goes_to_those_the_judge_finds_beside_the_rest) {
  OneShard one;
  ByNumber judge;
  judge.found = {1, 3, 50};
  one.shard.set_judge(&judge);
  FakeMember found(one.shard, {1, Role::user}), other(one.shard, {2, Role::user}),
      admin(one.shard, {3, Role::admin}), by_name(one.shard, {4, Role::user}), key(one.shard, of_key(50)),
      other_key(one.shard, of_key(51)), service(one.shard, of_key(0)), guest(one.shard, Identity::guest());
  const std::vector<FakeMember*> members{&found, &other,     &admin,   &by_name,
                                         &key,   &other_key, &service, &guest};
  struct Row {
    const char* name;
    Audience audience;
    std::vector<int> reached;
  };
  const std::vector<Row> table = {
      {"clients", Audience::clients(), {1, 0, 1, 0, 1, 0, 0, 0}},
      {"admins and clients", Audience::admins_and_clients(), {1, 0, 1, 0, 1, 0, 0, 0}},
      {"and one by name", {Audience::clients().roles, 4}, {1, 0, 1, 1, 1, 0, 0, 0}},
      {"one found twice", {Audience::clients().roles, 1}, {1, 0, 1, 0, 1, 0, 0, 0}},
      {"nobody is judged", Audience::everyone(), {1, 1, 1, 1, 0, 0, 0, 0}},
  };
  for (const Row& row : table) {
    SCOPED_TRACE(row.name);
    const EventRef sent = event("e", row.audience);
    one.publish({sent});
    std::vector<int> got;
    std::vector<int> is_for;
    for (FakeMember* member : members) {
      got.push_back(static_cast<int>(member->log.size()));
      is_for.push_back(one.shard.is_for(*sent, member->identity()) ? 1 : 0);
      member->log.clear();
    }
    EXPECT_EQ(got, row.reached);
    EXPECT_EQ(is_for, row.reached);
  }
  judge.asked = 0;
  one.publish({event("e", Audience::everyone())});
  EXPECT_EQ(judge.asked, 0) << "an event that is not judged costs nothing of it";
  EXPECT_EQ(one.shard.size(), members.size());
  EXPECT_EQ(one.shard.list(100).size(), members.size());
}

TEST(Judged, without_a_judge_nobody_is_found) {
  OneShard one;
  FakeMember user(one.shard, {1, Role::user}), admin(one.shard, {2, Role::admin}), key(one.shard, of_key(3));
  one.publish({event("e", Audience::admins_and_clients())});
  EXPECT_THAT(user.log, IsEmpty());
  EXPECT_THAT(key.log, IsEmpty());
  EXPECT_THAT(admin.log, ElementsAre("e"));
}

TEST(Judged, T49_a_replay_brings_what_the_judge_finds_when_it_is_pushed) {
  OneShard one;
  ByNumber judge;
  judge.found = {1, 50};
  one.shard.set_judge(&judge);
  one.publish({event("e1", Audience::clients(), 1), event("e2", Audience::everyone(), 2),
               event("e3", Audience::admins_and_clients(), 3)});
  NoPages log;
  FakeMember user(one.shard, {1, Role::user}), key(one.shard, of_key(50)), other(one.shard, of_key(51)),
      service(one.shard, of_key(0));
  for (FakeMember* member : {&user, &key, &other, &service}) {
    Replay replay(one.shard, *member, log, 0);
    EXPECT_TRUE(replay.advance());
  }
  EXPECT_THAT(user.log, ElementsAre("e1", "e2", "e3"));
  EXPECT_THAT(key.log, ElementsAre("e1", "e3"));
  EXPECT_THAT(other.log, IsEmpty());
  EXPECT_THAT(service.log, IsEmpty());
  judge.found.clear();
  FakeMember late(one.shard, {1, Role::user});
  Replay replay(one.shard, late, log, 0);
  EXPECT_TRUE(replay.advance());
  EXPECT_THAT(late.log, ElementsAre("e2"));
}

TEST(Judged, what_waits_and_is_judged_alone_outlives_a_change_of_rank) {
  OneShard one;
  ByNumber judge;
  judge.found = {1};
  one.shard.set_judge(&judge);
  const SessionId login = SessionId::random();
  FakeMember user(one.shard, {1, Role::user, login});
  user.blocked = true;
  one.publish({event("judged", Audience::clients()), event("everyone", Audience::everyone()),
               event("users", Audience::exactly(Role::user))});
  one.publish({AccountChanged{1, account(1, Role::admin, {login}), CloseReason::session_revoked}});
  user.take_all();
  EXPECT_THAT(user.log, ElementsAre("judged", "everyone"));
}

// ---- second topics ----

class SecondTopics : public testing::Test {
 protected:
  Subscription& subscribe(FakeMember& member, const char* topic, std::uint32_t label = 0) {
    return *one.shard.subscribe(member, topic, *rules.find(topic), {.label = label});
  }

  OneShard one;
  const TopicRules rules;
  NoPages log;
};

TEST_F(SecondTopics, an_event_goes_to_their_subscribers_too) {
  FakeMember by_audience(one.shard, {1, Role::admin}), feature(one.shard, {2, Role::admin}),
      both(one.shard, {3, Role::admin}), labelled(one.shard, {4, Role::admin});
  subscribe(feature, "feature/7");
  subscribe(feature, "platform/2");
  subscribe(both, "feature/7");
  subscribe(both, "flags/bep");
  subscribe(both, "flags");
  subscribe(labelled, "feature/7", 1);
  subscribe(labelled, "flags/bep", 2);
  one.publish({also("flag", "flags/bep", "feature/7", 1), also("other", "flags/bep", "feature/8", 2),
               also("platform", "", "platform/2", 3), also("volatile", "flags/bep", "feature/7", 0)});
  EXPECT_THAT(by_audience.log, ElementsAre("platform"));
  EXPECT_THAT(feature.log, ElementsAre("flag", "platform", "volatile")) << "once, by audience or by topic";
  EXPECT_THAT(both.log, ElementsAre("flag", "other", "platform", "volatile")) << "once by all its topics";
  EXPECT_THAT(labelled.log, ElementsAre("flag", "flag", "other", "platform", "volatile", "volatile"))
      << "each label has its own";
}

TEST_F(SecondTopics, who_has_several_copies_is_reached_once) {
  FakeMember one_thing(one.shard, {1, Role::admin}, FakeMember::default_limits(), Own::by_feeds),
      all(one.shard, {2, Role::admin}, FakeMember::default_limits(), Own::by_feeds);
  subscribe(one_thing, "platform", 1);
  subscribe(one_thing, "platform/2", 2);
  subscribe(one_thing, "platform/2", 3);
  subscribe(all, "platform", 1);
  subscribe(all, "platform", 2);
  EXPECT_THAT(one.publish({also("platform", "", "platform/2", 1)}), ElementsAre(2));
  EXPECT_THAT(one_thing.log, ElementsAre("platform", "platform", "platform"));
  EXPECT_THAT(all.log, ElementsAre("platform", "platform"));
}

TEST_F(SecondTopics, one_that_gathers_brings_those_of_all_things_of_its_kind) {
  FakeMember all(one.shard, {1, Role::admin}), both(one.shard, {2, Role::admin}),
      labelled(one.shard, {3, Role::admin}), kinds(one.shard, {4, Role::admin});
  subscribe(all, "feature");
  subscribe(both, "feature");
  subscribe(both, "feature/7");
  subscribe(both, "flags");
  subscribe(labelled, "feature", 1);
  subscribe(labelled, "feature/7", 2);
  subscribe(kinds, "platform");
  subscribe(kinds, "package");
  one.publish({also("flag", "flags/bep", "feature/7", 1), also("staged", "flags/bep/staging", "feature/8", 2),
               also("platform", "", "platform/2", 3), also("plain", "flags/bep", "", 4)});
  EXPECT_THAT(all.log, ElementsAre("flag", "staged", "platform"));
  EXPECT_THAT(both.log, ElementsAre("flag", "staged", "platform", "plain")) << "once by all its topics";
  EXPECT_THAT(labelled.log, ElementsAre("flag", "flag", "staged", "platform")) << "each label has its own";
  EXPECT_THAT(kinds.log, ElementsAre("platform")) << "once, by audience or by topic";

  FakeMember late(one.shard, {5, Role::admin});
  Replay replay(one.shard, late, log, 0);
  replay.hold(subscribe(late, "feature"), 0);
  replay.hold(subscribe(late, "feature/8"), 0);
  EXPECT_TRUE(replay.advance());
  EXPECT_THAT(late.log, ElementsAre("flag", "staged", "platform"));
}

TEST_F(SecondTopics, a_replay_brings_the_same) {
  one.publish({also("flag", "flags/bep", "feature/7", 1), also("other", "flags/bep", "feature/8", 2),
               also("platform", "", "platform/2", 3)});
  FakeMember feature(one.shard, {2, Role::admin}), both(one.shard, {3, Role::admin}),
      labelled(one.shard, {4, Role::admin});
  const auto resume = [&](FakeMember& member, const std::vector<Subscription*>& held) {
    Replay replay(one.shard, member, log, 0);
    for (Subscription* one_held : held) replay.hold(*one_held, 0);
    EXPECT_TRUE(replay.advance());
  };
  resume(feature, {&subscribe(feature, "feature/7"), &subscribe(feature, "platform/2")});
  EXPECT_THAT(feature.log, ElementsAre("flag", "platform"));
  resume(both, {&subscribe(both, "feature/7"), &subscribe(both, "flags/bep"), &subscribe(both, "flags")});
  EXPECT_THAT(both.log, ElementsAre("flag", "other", "platform"));
  resume(labelled, {&subscribe(labelled, "feature/7", 1), &subscribe(labelled, "flags/bep", 2)});
  EXPECT_THAT(labelled.log, ElementsAre("flag", "flag", "other", "platform"));
}

TEST_F(SecondTopics, a_page_is_asked_for_by_their_names) {
  OneShard small({.tail = {.events = 1, .bytes = 1 << 20}});
  small.publish({also("a", "", "platform/2", 1), also("b", "", "platform/2", 2)});
  NoPages small_log;
  FakeMember member(small.shard, {1, Role::admin});
  Subscription* held = small.shard.subscribe(member, "platform/2", *rules.find("platform/2"));
  Replay replay(small.shard, member, small_log, 0);
  replay.hold(*held, 0);
  EXPECT_FALSE(replay.advance());
  ASSERT_TRUE(small_log.wish);
  ASSERT_EQ(small_log.wish->topics.size(), 1U);
  EXPECT_TRUE(small_log.wish->topics[0].is_second);
  EXPECT_EQ(small_log.wish->topics[0].subscribers, Audience::admin_bits);
}

}  // namespace
}  // namespace corohub::hub::test
