// Where events go, in what order, and what it costs.
#include "core/metrics.hpp"
#include "support/allocations.hpp"
#include "unit/hub/support.hpp"

#include <map>

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::hub::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const SessionId some_session = SessionId::random();

Identity who(UserId id, Role role = Role::user) { return {id, role, some_session}; }

// T48: every audience against every kind of connection, one copy each.
TEST(Delivery, T48_goes_to_those_it_is_for_once) {
  struct Row {
    const char* name;
    Audience audience;
    std::vector<int> reached;  // of: user 1, user 1 again, user 2, admin 3, superadmin 4, service (no user)
  };
  const std::vector<Row> table = {
      {"everyone", Audience::everyone(), {1, 1, 1, 1, 1, 1}},
      {"admins", Audience::admins(), {0, 0, 0, 1, 1, 0}},
      {"exactly users", Audience::exactly(Role::user), {1, 1, 1, 0, 0, 1}},
      {"exactly admins", Audience::exactly(Role::admin), {0, 0, 0, 1, 0, 0}},
      {"exactly superadmins", Audience::exactly(Role::superadmin), {0, 0, 0, 0, 1, 0}},
      {"user 1", Audience::user(1), {1, 1, 0, 0, 0, 0}},
      {"admin 3", Audience::user(3), {0, 0, 0, 1, 0, 0}},
      {"user 1 and admins", Audience::user_and_admins(1), {1, 1, 0, 1, 1, 0}},
      {"admin 3 and admins", Audience::user_and_admins(3), {0, 0, 0, 1, 1, 0}},
      {"superadmin 4 and admins", Audience::user_and_admins(4), {0, 0, 0, 1, 1, 0}},
      {"everyone and user 2", {Audience::everyone_bits, 2}, {1, 1, 1, 1, 1, 1}},
      {"a user who is not here", Audience::user(9), {0, 0, 0, 0, 0, 0}},
      {"nobody", Audience::one_connection(), {0, 0, 0, 0, 0, 0}},
  };
  OneShard one;
  FakeMember user1(one.shard, who(1)), user1_again(one.shard, who(1)), user2(one.shard, who(2)),
      admin3(one.shard, who(3, Role::admin)), super4(one.shard, who(4, Role::superadmin)),
      service(one.shard, who(0));
  const std::vector<FakeMember*> members{&user1, &user1_again, &user2, &admin3, &super4, &service};
  for (const Row& row : table) {
    SCOPED_TRACE(row.name);
    const auto reached = one.publish({event("e", row.audience)});
    std::vector<int> got;
    got.reserve(members.size());
    for (FakeMember* member : members) {
      got.push_back(static_cast<int>(member->log.size()));
      EXPECT_EQ(!member->log.empty(), row.audience.includes(member->identity()));
      member->log.clear();
    }
    EXPECT_EQ(got, row.reached);
    EXPECT_THAT(reached, ElementsAre(std::count(got.begin(), got.end(), 1)));
  }
}

TEST(Delivery, keeps_the_order_over_batches_of_one_turn) {
  OneShard one;
  FakeMember member(one.shard, who(1));
  one.put({event("a", Audience::everyone(), 1), event("b", Audience::user(1), 2)});
  one.put({event("volatile", Audience::everyone())});
  one.put({event("c", Audience::everyone(), 3)});
  one.run();
  EXPECT_THAT(member.log, ElementsAre("a", "b", "volatile", "c"));
  EXPECT_EQ(one.shard.head(), 3);
}

TEST(Delivery, many_events_of_a_turn_leave_in_one_flush) {
  OneShard one;
  FakeMember member(one.shard, who(1));
  FakeMember untouched(one.shard, who(2));
  for (int i = 0; i < 10; ++i) one.put({event("e", Audience::user(1)), event("e", Audience::user(1))});
  one.run();
  EXPECT_EQ(member.flushes, 1);
  EXPECT_EQ(untouched.flushes, 0);
}

// What a turn has for many leaves in steps.
struct Crowd {
  explicit Crowd(UserId people) {
    for (UserId id = 1; id <= people; ++id)
      members.push_back(std::make_unique<FakeMember>(one.shard, who(id)));
  }
  void turn_once() {
    one.context.restart();
    one.context.run_one();
  }
  std::ptrdiff_t sent_to() const {
    return std::ranges::count_if(members, [](const auto& member) { return member->flushes > 0; });
  }

  OneShard one;
  std::vector<std::unique_ptr<FakeMember>> members;
};

TEST(Delivery, many_are_sent_to_in_steps_and_what_comes_meanwhile_leaves_with_what_waits) {
  Crowd crowd(3 * Shard::sends_at_once);
  crowd.one.put({event("first", Audience::everyone(), 1)});
  crowd.turn_once();
  EXPECT_EQ(crowd.sent_to(), 0) << "queued for all";
  crowd.turn_once();
  EXPECT_EQ(crowd.sent_to(), Shard::sends_at_once);
  crowd.one.put({event("second", Audience::everyone(), 2)});
  crowd.one.run();
  EXPECT_EQ(crowd.members.front()->flushes, 2);
  EXPECT_EQ(crowd.members.back()->flushes, 1);
  for (const auto& member : crowd.members) EXPECT_THAT(member->log, ElementsAre("first", "second"));
}

TEST(Delivery, few_do_not_wait_behind_many) {
  constexpr auto few = static_cast<UserId>(2 * Shard::sends_at_once);
  constexpr auto all = static_cast<UserId>(2 * SendLines::short_line_members);
  Crowd crowd(all);
  crowd.one.put({event("for all", Audience::everyone(), 1)});
  crowd.turn_once();
  std::vector<Entry> entries;
  for (UserId id = all - few; id < all; ++id)
    entries.emplace_back(event("for few", Audience::user(id + 1), 2));
  entries.emplace_back(event("for one", Audience::user(all), 3));
  crowd.one.put(std::move(entries));
  const auto few_have_it = [&] {
    return std::all_of(crowd.members.end() - few, crowd.members.end(),
                       [](const auto& member) { return member->flushes > 0; });
  };
  while (!few_have_it()) crowd.turn_once();
  EXPECT_LE(crowd.sent_to(), few + 4 * static_cast<std::ptrdiff_t>(Shard::sends_at_once));
  crowd.one.run();
  EXPECT_EQ(crowd.sent_to(), all);
  EXPECT_THAT(crowd.members.front()->log, ElementsAre("for all"));
  EXPECT_THAT(crowd.members.back()->log, ElementsAre("for all", "for few", "for one"));
  EXPECT_EQ(crowd.members.back()->flushes, 1);
}

TEST(Delivery, who_goes_while_it_waits_is_not_sent_to) {
  Crowd crowd(1000);
  crowd.one.put({event("e", Audience::everyone(), 1)});
  crowd.turn_once();
  for (std::size_t i = 0; i < 1000; i += 2) crowd.members[i].reset();
  std::erase(crowd.members, nullptr);
  crowd.one.run();
  EXPECT_EQ(crowd.sent_to(), 500);
}

TEST(Delivery, a_shard_that_stops_sends_what_waits) {
  Crowd crowd(1000);
  crowd.one.put({event("e", Audience::everyone(), 1)});
  crowd.turn_once();
  crowd.one.shard.stop();
  EXPECT_EQ(crowd.sent_to(), 1000);
  crowd.one.run();
}

TEST(Delivery, the_time_from_commit_to_send_ends_with_the_last_send) {
  const auto measured = [] {
    const auto& histogram = metrics::histogram("corohub_commit_to_send_seconds", "", {});
    return histogram.Collect().histogram;
  };
  Crowd crowd(2 * Shard::sends_at_once);
  const auto before = measured();
  const SteadyTime committed = crowd.one.clock.steady();
  crowd.one.hub.publish(
      std::make_shared<Batch>(std::vector<Entry>{event("e", Audience::everyone(), 1)}, nullptr, committed));
  crowd.one.put({event("volatile", Audience::everyone())});
  crowd.turn_once();
  crowd.turn_once();
  EXPECT_EQ(measured().sample_count, before.sample_count) << "half of them are left";
  crowd.one.clock.advance(std::chrono::milliseconds(2));
  crowd.one.run();
  EXPECT_EQ(measured().sample_count, before.sample_count + 1);
  EXPECT_NEAR(measured().sample_sum - before.sample_sum, 0.002, 1e-9);
}

TEST(Delivery, begins_after_the_head_at_which_a_member_came) {
  OneShard one;
  one.shard.set_head(10);
  FakeMember member(one.shard, who(1));
  one.publish({event("old", Audience::everyone(), 10), event("new", Audience::everyone(), 11)});
  FakeMember late(one.shard, who(1));
  const auto reached =
      one.publish({event("new", Audience::everyone(), 11), event("volatile", Audience::everyone())});
  EXPECT_THAT(late.log, ElementsAre("volatile"));
  EXPECT_EQ(member.log.front(), "new");
  EXPECT_EQ(reached.back(), 2U);
}

TEST(Delivery, ends_when_a_member_goes) {
  OneShard one;
  FakeMember first(one.shard, who(1));
  auto second = std::make_unique<FakeMember>(one.shard, who(1));
  FakeMember third(one.shard, who(1));
  second.reset();
  EXPECT_THAT(one.publish({event("e", Audience::user(1)), event("e", Audience::everyone())}),
              ElementsAre(2, 2));
  EXPECT_EQ(one.shard.size(), 2U);
  one.shard.detach(third);
  one.shard.detach(third);
  EXPECT_THAT(one.publish({event("e", Audience::user(1)), event("e", Audience::everyone())}),
              ElementsAre(1, 1));
  EXPECT_EQ(third.log.size(), 2U);
}

TEST(Delivery, the_receipt_counts_each_entry) {
  OneShard one;
  FakeMember user(one.shard, who(1)), admin(one.shard, who(2, Role::admin));
  EXPECT_THAT(one.publish({event("e", Audience::everyone()), event("e", Audience::admins()),
                           Kick{ClientId::random()}, event("e", Audience::user(9)), Kick{user.client_id()}}),
              ElementsAre(2, 1, 0, 0, 1));
  EXPECT_THAT(one.publish({}), IsEmpty());
}

TEST(Delivery, a_frame_pushed_by_hand_leaves_at_once) {
  OneShard one;
  FakeMember member(one.shard, who(1));
  EXPECT_EQ(one.shard.push(member, event("welcome", Audience::one_connection())->frame(plain_form)),
            Push::queued);
  EXPECT_THAT(member.log, ElementsAre("welcome"));
  EXPECT_EQ(member.flushes, 1);
}

TEST(Delivery, lists_its_members) {
  OneShard one;
  FakeMember user(one.shard, who(1)), admin(one.shard, who(2, Role::admin));
  std::map<UserId, MemberInfo> infos;
  for (MemberInfo& info : one.shard.list(10)) infos[info.user_id] = std::move(info);
  ASSERT_EQ(infos.size(), 2U);
  EXPECT_EQ(infos.at(1).client_id, user.client_id());
  EXPECT_EQ(infos.at(2).role, Role::admin);
}

// Encode once: the guard that the performance of everything rests on.
TEST(Delivery, one_frame_is_built_per_event_for_a_thousand_members) {
  OneShard one;
  std::vector<std::unique_ptr<FakeMember>> members;
  members.reserve(1000);
  for (UserId id = 1; id <= 1000; ++id) members.push_back(std::make_unique<FakeMember>(one.shard, who(id)));
  const std::uint64_t before = frames_built();
  const auto reached = one.publish({event("a", Audience::everyone(), 1), event("b", Audience::everyone(), 2),
                                    event("nobody", Audience::user(5000), 3)});
  EXPECT_THAT(reached, ElementsAre(1000, 1000, 0));
  EXPECT_EQ(frames_built() - before, 2U);
}

// Takes all and remembers nothing.
class SilentMember final : public Member, private Outlet {
 public:
  SilentMember(Shard& shard, Identity identity, const OutboxLimits& limits, const Form& form = plain_form)
      : Member(ClientId{}, limits), shard_(shard), form_(form) {
    set_outlet(this);
    shard_.attach(*this, identity);
  }
  ~SilentMember() override { shard_.detach(*this); }
  const Form& form() const noexcept override { return form_; }
  void close(CloseReason) noexcept override {}
  void role_changed() noexcept override {}
  void subscription_lost(const Subscription&) noexcept override {}
  MemberInfo info() const override { return {}; }

 private:
  void flush() noexcept override { outbox().consume(outbox().bytes()); }
  bool is_full() const noexcept override { return false; }

  Shard& shard_;
  const Form& form_;
};

// Encode once: the same guard where forms are mixed.
TEST(Delivery, an_event_is_encoded_once_per_form_for_a_thousand_members_of_each) {
  OneShard one;
  const OutboxLimits limits;
  const CountingForm first, second;
  std::vector<std::unique_ptr<SilentMember>> members;
  for (UserId id = 1; id <= 2000; ++id)
    members.push_back(
        std::make_unique<SilentMember>(one.shard, who(id), limits, id % 2 == 0 ? first : second));
  EXPECT_THAT(one.publish({event("a", Audience::everyone(), 1), event("b", Audience::everyone(), 2)}),
              ElementsAre(2000, 2000));
  EXPECT_EQ(first.encoded, 2);
  EXPECT_EQ(second.encoded, 2);
}

TEST(Delivery, allocates_no_more_for_a_thousand_members_than_for_one) {
  const OutboxLimits limits;
  const auto allocations_with = [&](UserId count) {
    OneShard one;
    std::vector<std::unique_ptr<SilentMember>> members;
    members.reserve(static_cast<std::size_t>(count));
    for (UserId id = 1; id <= count; ++id)
      members.push_back(std::make_unique<SilentMember>(one.shard, who(id), limits));
    const auto publish_five = [&] {
      for (int i = 0; i < 5; ++i) one.put({event("e", Audience::everyone())});
      one.run();
    };
    publish_five();
    const corohub::test::AllocationCount allocations;
    for (int i = 0; i < 10; ++i) publish_five();
    return allocations.so_far();
  };
  EXPECT_EQ(allocations_with(1000), allocations_with(1));
}

// Pings, reads and new connections of the same thread must not wait for a flood to end.
TEST(Delivery, a_flood_lets_the_rest_of_the_thread_run_and_keeps_its_order) {
  constexpr int events = 900;
  OneShard one;
  const OutboxLimits limits;
  FakeMember witness(one.shard, who(1));
  std::vector<std::unique_ptr<SilentMember>> crowd;
  crowd.reserve(600);
  for (UserId id = 2; id <= 600; ++id)
    crowd.push_back(std::make_unique<SilentMember>(one.shard, who(id), limits));
  for (int i = 1; i <= events; ++i) one.put({event("e" + std::to_string(i), Audience::everyone(), i)});
  Seq head_of_neighbour = 0;
  asio::post(one.context, [&] { head_of_neighbour = one.shard.head(); });
  one.run();
  EXPECT_GT(head_of_neighbour, 0);
  EXPECT_LT(head_of_neighbour, events);
  ASSERT_EQ(witness.log.size(), static_cast<std::size_t>(events));
  for (int i = 1; i <= events; ++i)
    ASSERT_EQ(witness.log[static_cast<std::size_t>(i) - 1], "e" + std::to_string(i));
}

}  // namespace
}  // namespace corohub::hub::test
