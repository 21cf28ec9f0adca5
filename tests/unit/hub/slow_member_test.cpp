// Slow clients and the end of all: who is closed, and who is not.
#include "core/metrics.hpp"
#include "unit/hub/support.hpp"

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::hub::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

Identity who(UserId id) { return {id, Role::user, {}}; }

TEST(SlowMember, T60_R6_a_full_outbox_closes_that_member_alone) {
  OneShard one;
  const OutboxLimits limits{3, 1 << 20};
  FakeMember slow(one.shard, who(1), limits), healthy(one.shard, who(2), limits);
  slow.blocked = true;
  metrics::Counter& closed = metrics::counter("corohub_slow_consumers_total", "");
  const double before = closed.Value();
  std::vector<Entry> entries;
  entries.reserve(5);
  for (int i = 1; i <= 5; ++i) entries.push_back(event("e", Audience::everyone(), i));
  EXPECT_THAT(one.publish(std::move(entries)), ElementsAre(2, 2, 2, 1, 1));
  EXPECT_THAT(slow.log, ElementsAre("close slow_consumer"));
  EXPECT_TRUE(slow.outbox().empty());
  EXPECT_EQ(healthy.log.size(), 5U);
  EXPECT_THAT(healthy.closed_with, IsEmpty());
  EXPECT_EQ(closed.Value() - before, 1);
}

TEST(SlowMember, T60_also_by_bytes) {
  OneShard one;
  const OutboxLimits limits{1024, 200};
  FakeMember slow(one.shard, who(1), limits);
  slow.blocked = true;
  one.publish({event("e", Audience::everyone()), event("e", Audience::everyone())});
  EXPECT_THAT(slow.closed_with, IsEmpty());
  one.publish({event("e", Audience::everyone()), event("e", Audience::everyone())});
  EXPECT_THAT(slow.closed_with, ElementsAre(CloseReason::slow_consumer));
}

TEST(SlowMember, a_healthy_one_survives_a_burst_of_900_events) {
  OneShard one;
  FakeMember member(one.shard, who(1));
  for (int i = 1; i <= 900; ++i) one.put({event("e", Audience::everyone(), i)});
  member.blocked = true;
  one.run();
  member.take_all();
  EXPECT_EQ(member.log.size(), 900U);
  EXPECT_THAT(member.closed_with, IsEmpty());
}

// The outbox may fill within one turn before the socket was ever asked.
TEST(SlowMember, one_whose_socket_takes_all_survives_a_turn_longer_than_its_outbox) {
  OneShard one;
  const OutboxLimits limits{16, 1 << 20};
  FakeMember member(one.shard, who(1), limits);
  for (int i = 1; i <= 100; ++i) one.put({event("e" + std::to_string(i), Audience::everyone(), i)});
  one.run();
  ASSERT_EQ(member.log.size(), 100U);
  EXPECT_EQ(member.log.back(), "e100");
}

TEST(SlowMember, a_push_by_hand_into_a_full_outbox_closes_it) {
  OneShard one;
  const OutboxLimits limits{1, 1 << 20};
  FakeMember member(one.shard, who(1), limits);
  member.blocked = true;
  const FrameRef frame = Frame::make("", "x", Audience::one_connection());
  EXPECT_EQ(one.shard.push(member, frame), Push::queued);
  EXPECT_EQ(one.shard.push(member, frame), Push::full);
  EXPECT_THAT(member.closed_with, ElementsAre(CloseReason::slow_consumer));
  EXPECT_EQ(one.shard.push(member, frame), Push::closed);
  EXPECT_EQ(member.closed_with.size(), 1U);
}

TEST(SlowMember, T61_above_the_memory_of_all_outboxes_the_worst_go_first) {
  OneShard one(ShardLimits{.outbox_memory = frame_bytes() + 200'000});
  FakeMember worst(one.shard, who(1)), bad(one.shard, who(2)), healthy(one.shard, who(3));
  worst.blocked = bad.blocked = true;
  const auto big_event = [&](UserId user) {
    return Entry(event(std::string(60'000, 'x'), Audience::user(user)));
  };
  one.publish({big_event(1), big_event(1), big_event(2), big_event(3)});
  one.tick();
  EXPECT_THAT(worst.closed_with, IsEmpty()) << "180 KB are allowed";
  one.publish({big_event(1)});
  one.tick();
  EXPECT_THAT(worst.closed_with, ElementsAre(CloseReason::slow_consumer));
  EXPECT_TRUE(worst.outbox().empty());
  one.tick();
  EXPECT_THAT(bad.closed_with, IsEmpty()) << "enough is free";
  EXPECT_THAT(healthy.closed_with, IsEmpty());
}

TEST(SlowMember, T61_what_waits_for_a_client_beside_its_outbox_is_its_own) {
  OneShard one(ShardLimits{.outbox_memory = frame_bytes() + 50'000});
  FakeMember worst(one.shard, who(1)), innocent(one.shard, who(2));
  innocent.blocked = true;
  worst.beside = 100'000;
  one.publish({Entry(event(std::string(60'000, 'x'), Audience::user(2)))});
  one.tick();
  EXPECT_THAT(worst.closed_with, ElementsAre(CloseReason::slow_consumer));
  EXPECT_THAT(innocent.closed_with, IsEmpty());
}

struct CloseAll : testing::Test {
  CloseAll() {
    for (UserId id = 1; id <= 40; ++id) members.push_back(std::make_unique<FakeMember>(one.shard, who(id)));
  }
  std::size_t closed() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(members, [](const auto& m) { return !m->closed_with.empty(); }));
  }

  OneShard one;
  std::vector<std::unique_ptr<FakeMember>> members;
};

TEST_F(CloseAll, at_once) {
  one.shard.close_all(CloseReason::draining, 0ms);
  EXPECT_EQ(closed(), 40U);
  EXPECT_THAT(members.front()->closed_with, ElementsAre(CloseReason::draining));
}

TEST_F(CloseAll, in_equal_steps) {
  one.shard.close_all(CloseReason::draining, 4000ms);
  EXPECT_EQ(closed(), 0U);
  for (std::size_t step = 1; step <= 40; ++step) {
    one.tick();
    EXPECT_LE(closed(), step);
    EXPECT_GE(closed() + 1, step);
  }
  one.tick();
  EXPECT_EQ(closed(), 40U);
  for (const auto& member : members) EXPECT_EQ(member->closed_with.size(), 1U);
}

TEST_F(CloseAll, takes_along_those_who_come_and_passes_those_who_went) {
  one.shard.close_all(CloseReason::draining, 1000ms);
  one.tick(5);
  members.erase(members.begin(), members.begin() + 10);
  members.push_back(std::make_unique<FakeMember>(one.shard, who(99)));
  one.tick(6);
  EXPECT_EQ(closed(), members.size());
  FakeMember later(one.shard, who(100));
  one.tick(5);
  EXPECT_THAT(later.closed_with, IsEmpty()) << "it is over";
}

TEST_F(CloseAll, lets_what_waits_leave_first_and_nothing_after) {
  one.put({event("last", Audience::user(1))});
  one.run();
  one.shard.close_all(CloseReason::draining, 0ms);
  EXPECT_THAT(one.publish({event("late", Audience::everyone())}), ElementsAre(0));
  EXPECT_THAT(members.front()->log, ElementsAre("last", "close draining"));
}

TEST(ShardTime, a_tick_runs_the_wheel_and_beats) {
  struct Alarm final : Timed {
    void on_due(SteadyTime) noexcept override { ++rings; }
    int rings = 0;
  } alarm;
  OneShard one;
  const std::uint64_t before = one.shard.heartbeat();
  one.shard.wheel().arm(alarm, one.clock.steady() + 300ms);
  one.tick(2);
  EXPECT_EQ(alarm.rings, 0);
  one.tick(2);
  EXPECT_EQ(alarm.rings, 1);
  EXPECT_EQ(one.shard.heartbeat() - before, 4U);
}

TEST(ShardTime, a_shard_whose_turn_does_not_come_has_no_beat_any_more) {
  OneShard one;
  one.put({event("e", Audience::everyone())});
  one.tick();
  const std::uint64_t before = one.shard.heartbeat();
  one.tick(10);
  EXPECT_EQ(one.shard.heartbeat(), before);
  one.run();
  one.tick();
  EXPECT_EQ(one.shard.heartbeat(), before + 1);
}

TEST(ShardTime, stop_applies_what_is_left_and_lets_the_loop_end) {
  OneShard one;
  FakeMember member(one.shard, who(1));
  one.shard.start();
  one.put({event("e", Audience::everyone())});
  asio::post(one.context, [&] { one.shard.stop(); });
  one.run();
  EXPECT_THAT(member.log, ElementsAre("e"));
  EXPECT_THAT(one.publish({event("late", Audience::everyone())}), ElementsAre(0))
      << "receipts still count down";
  EXPECT_EQ(member.log.size(), 1U);
}

}  // namespace
}  // namespace corohub::hub::test
