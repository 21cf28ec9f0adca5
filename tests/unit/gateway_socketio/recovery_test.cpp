#include "gateway/socketio/recovery.hpp"

#include "support/manual_clock.hpp"
#include "support/temp_dir.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::socketio {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

hub::Identity client(std::int64_t key, std::int64_t id) {
  boost::intrusive_ptr<hub::KeyHolder> holder(new hub::KeyHolder);
  holder->key_id = key;
  holder->client_id = id;
  return hub::Identity::of_key(std::move(holder));
}

TEST(SocketioRecovery, a_pid_is_of_one_somebody_and_one_namespace_and_outlives_the_server) {
  corohub::test::TempDir directory;
  corohub::test::ManualClock clock;
  const hub::Identity someone(7, Role::user);
  std::string pid;
  {
    const auth::KeyStore keys(directory.path() / "keys", clock);
    pid = Pids(keys, clock).issue(someone, "/admin");
  }
  const auth::KeyStore keys(directory.path() / "keys", clock);
  const Pids pids(keys, clock);
  EXPECT_TRUE(pids.is_good(pid, someone, "/admin"));
  EXPECT_TRUE(pids.is_good(pid, hub::Identity(7, Role::admin), "/admin"));
  EXPECT_FALSE(pids.is_good(pid, someone, "/client"));
  EXPECT_FALSE(pids.is_good(pid, hub::Identity(8, Role::user), "/admin"));
  EXPECT_FALSE(pids.is_good(pid, hub::Identity::guest(), "/admin"));
  EXPECT_FALSE(pids.is_good(pid, client(7, 7), "/admin"));
  EXPECT_NE(pid, pids.issue(someone, "/admin"));

  for (const std::string& broken : {std::string(), std::string("a.b.c"), pid + "A", pid.substr(1),
                                    pid.substr(0, pid.size() - 1), std::string(5000, '.')})
    EXPECT_FALSE(pids.is_good(broken, someone, "/admin")) << broken;
}

TEST(SocketioRecovery, the_topics_of_a_seat_are_kept_for_two_minutes) {
  corohub::test::ManualClock clock;
  KeptTopics kept(clock);
  EXPECT_FALSE(kept.find("pid"));
  const KeptTopics::Place seat = kept.begin("pid");
  EXPECT_THAT(kept.find("pid")->followed,
              IsEmpty());  // it lives, and its client may be back before that is known
  kept.add(seat, "a");
  kept.add(seat, "b");
  kept.add(seat, "b");
  kept.add(seat, "c");
  kept.remove(seat, "a");
  kept.revoke(seat, "c");
  kept.revoke(seat, "never there");
  kept.end(seat, true);
  clock.advance(2min - 1ms);
  EXPECT_THAT(kept.find("pid")->followed, ElementsAre("b"));
  EXPECT_THAT(kept.find("pid")->revoked, ElementsAre("c"));
  clock.advance(1ms);
  EXPECT_FALSE(kept.find("pid"));
  EXPECT_EQ(kept.size(), 0U);
}

TEST(SocketioRecovery, the_end_of_a_seat_does_not_touch_the_one_that_goes_on) {
  corohub::test::ManualClock clock;
  KeptTopics kept(clock);
  const KeptTopics::Place first = kept.begin("pid");
  kept.add(first, "a");
  const KeptTopics::Place second = kept.begin("pid");
  kept.end(first, false);
  kept.remove(first, "a");
  clock.advance(10min);
  EXPECT_THAT(kept.find("pid")->followed, ElementsAre("a"));
  kept.end(second, true);
  const KeptTopics::Place third = kept.begin("pid");
  clock.advance(10min);
  EXPECT_THAT(kept.find("pid")->followed, ElementsAre("a"));
  kept.end(third, false);
  EXPECT_FALSE(kept.find("pid"));
}

TEST(SocketioRecovery, what_is_kept_is_bounded_and_the_oldest_goes_first) {
  corohub::test::ManualClock clock;
  KeptTopics kept(clock, {.time = 2min, .seats = 2, .bytes = 10});
  const auto end = [&](const char* pid, const char* topic) {
    const KeptTopics::Place seat = kept.begin(pid);
    kept.add(seat, topic);
    kept.end(seat, true);
  };
  end("a", "1");
  end("b", "2");
  end("c", "3");
  EXPECT_FALSE(kept.find("a"));
  EXPECT_TRUE(kept.find("b"));
  end("d", "1234567890");
  EXPECT_FALSE(kept.find("b"));
  EXPECT_FALSE(kept.find("c"));
  EXPECT_THAT(kept.find("d")->followed, ElementsAre("1234567890"));
  end("e", "12345678901");
  EXPECT_EQ(kept.size(), 0U);
}

}  // namespace
}  // namespace corohub::gateway::socketio
