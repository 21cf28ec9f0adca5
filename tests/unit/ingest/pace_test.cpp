#include "ingest/pace.hpp"

#include "ingest/feed.hpp"
#include "ingest/redis_status.hpp"
#include "support/manual_clock.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::ingest {
namespace {

using namespace std::chrono_literals;
using Action = Heartbeat::Action;

TEST(BackOff, waits_at_random_up_to_a_bound_that_doubles_to_five_seconds) {
  BackOff back_off;
  std::vector<std::int64_t> bounds;
  for (int i = 0; i < 8; ++i) bounds.push_back(back_off.bound(0ms).count());
  EXPECT_EQ(bounds, (std::vector<std::int64_t>{100, 200, 400, 800, 1600, 3200, 5000, 5000}));
  bool early = false;
  bool late = false;
  for (int i = 0; i < 200; ++i) {
    const auto wait = back_off.next(0ms);
    EXPECT_LE(wait, BackOff::longest);
    early = early || wait < 1s;
    late = late || wait > 4s;
  }
  EXPECT_TRUE(early && late);
}

TEST(BackOff, begins_anew_after_a_connection_that_was_good_and_not_after_one_that_was_short) {
  BackOff back_off;
  for (int i = 0; i < 5; ++i) back_off.bound(0ms);
  EXPECT_EQ(back_off.bound(4999ms), 3200ms);
  EXPECT_EQ(back_off.bound(5s), 100ms);
}

TEST(Heartbeat, asks_after_ten_seconds_and_gives_up_five_later) {
  SteadyTime now{};
  Heartbeat heartbeat(now);
  EXPECT_EQ(heartbeat.next(), now + 10s);
  EXPECT_EQ(heartbeat.due(now + 9999ms), Action::wait);
  EXPECT_EQ(heartbeat.due(now + 10s), Action::ping);
  EXPECT_EQ(heartbeat.next(), now + 15s);
  EXPECT_EQ(heartbeat.due(now + 14999ms), Action::wait);
  EXPECT_EQ(heartbeat.due(now + 15s), Action::give_up);
}

TEST(Heartbeat, whatever_is_heard_is_a_sign_of_life) {
  SteadyTime now{};
  Heartbeat heartbeat(now);
  EXPECT_EQ(heartbeat.due(now + 10s), Action::ping);
  heartbeat.heard(now + 12s);
  EXPECT_EQ(heartbeat.next(), now + 22s);
  EXPECT_EQ(heartbeat.due(now + 15s), Action::wait);
  EXPECT_EQ(heartbeat.due(now + 22s), Action::ping);
}

TEST(Complaints, T73_the_first_is_said_at_once_and_the_others_together_after_ten_seconds) {
  corohub::test::ManualClock clock;
  Complaints complaints(clock);
  EXPECT_EQ(complaints.add(2), 2U);
  EXPECT_EQ(complaints.add(3), 0U);
  clock.advance(9'999ms);
  EXPECT_EQ(complaints.add(4), 0U);
  clock.advance(1ms);
  EXPECT_EQ(complaints.add(1), 8U);
  EXPECT_EQ(complaints.add(1), 0U);
}

TEST(RedisStatus, tells_once_that_updates_stop_and_when_all_connections_are_back_what_may_be_missing) {
  std::vector<std::string> told;
  RedisStatus status([&told](std::string_view message) { told.emplace_back(message); });
  EXPECT_FALSE(status.is_away());
  status.lost(true);
  status.lost(false);
  EXPECT_TRUE(status.is_away());
  status.back();
  EXPECT_TRUE(status.is_away());
  EXPECT_EQ(told.size(), 1U);
  status.back();
  EXPECT_FALSE(status.is_away());
  EXPECT_EQ(told.back(), "Flag updates from Redis are back; updates may be missing");
  status.lost(false);
  status.back();
  EXPECT_EQ(told.size(), 4U);
  EXPECT_EQ(told.back(), "Flag updates from Redis are back; no update is missing");
}

}  // namespace
}  // namespace corohub::ingest
