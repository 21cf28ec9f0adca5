#include "server/health.hpp"

#include "storage/storage.hpp"

#include <string>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub::server {
namespace {

TEST(StallWatch, a_shard_that_moves_is_never_found) {
  StallWatch watch;
  for (std::uint64_t beat = 1; beat < 100; ++beat) EXPECT_LT(watch.observe({beat, beat * 3}).rounds, 2U);
}

TEST(StallWatch, counts_rounds_in_which_one_stood_still_and_forgets_them_when_it_moves) {
  StallWatch watch;
  watch.observe({5, 5});
  for (unsigned round = 1; round <= StallWatch::fatal_rounds; ++round) {
    const StallWatch::Finding finding = watch.observe({5 + round, 5});
    EXPECT_EQ(finding.shard, 1U);
    EXPECT_EQ(finding.rounds, round);
  }
  EXPECT_EQ(watch.observe({100, 6}).rounds, 0U);
}

// R13: a process that was stopped has missed rounds as well as heartbeats.
TEST(StallWatch, R13_time_alone_is_no_stall) {
  StallWatch watch;
  watch.observe({7});
  EXPECT_EQ(watch.observe({7}).rounds, 1U);
}

TEST(Health, ready_only_while_serving_with_storage_and_moving_shards) {
  HealthBoard board;
  EXPECT_EQ(board.not_ready(), "starting");
  board.set_phase(Phase::serving);
  EXPECT_EQ(board.not_ready(), "");
  board.set(Component::database, Status::degraded);  // a full disk: reads and sockets go on
  EXPECT_EQ(board.not_ready(), "");
  board.set(Component::database, Status::down);
  EXPECT_EQ(board.not_ready(), "storage");
  board.set(Component::database, Status::ok);
  board.set(Component::hub, Status::degraded);
  EXPECT_EQ(board.not_ready(), "stalled");
  board.set(Component::hub, Status::ok);
  board.set_phase(Phase::draining);
  EXPECT_EQ(board.not_ready(), "draining");
}

TEST(Health, redis_is_a_component_where_it_is_wanted_and_only_degrades) {
  HealthBoard without;
  EXPECT_FALSE(health_document(without, 0, true).at("components").as_object().contains("redis"));
  HealthBoard board(true);
  board.set_phase(Phase::serving);
  board.set(Component::redis, Status::degraded);
  EXPECT_EQ(health_document(board, 0, false).at("components").at("redis"),
            (json::object{{"status", "degraded"}}));
  EXPECT_EQ(board.overall(), Status::degraded);
  EXPECT_EQ(board.not_ready(), "");
  for (const HealthBoard* one : {&without, &board}) {
    std::string text;
    append_health(text, *one, 0);
    EXPECT_EQ(text, json::serialize(health_document(*one, 0, false)));
  }
}

TEST(Health, T45_the_public_document_has_statuses_and_nothing_else) {
  HealthBoard board;
  board.set_disk_free_bytes(1234);
  board.set(Component::disk, Status::degraded);
  const json::object open = health_document(board, 0, false);
  EXPECT_EQ(open.at("status"), "degraded");
  EXPECT_EQ(open.at("components").at("disk"), (json::object{{"status", "degraded"}}));
  EXPECT_EQ(open.at("components").at("database"), (json::object{{"status", "ok"}}));
  EXPECT_EQ(open.at("components").at("hub"), (json::object{{"status", "ok"}}));
  EXPECT_EQ(open.at("timestamp"), "1970-01-01T00:00:00.000Z");
  std::string text;
  append_health(text, board, 0);
  EXPECT_EQ(text, json::serialize(open));
  const json::object detailed = health_document(board, 0, true);
  EXPECT_EQ(detailed.at("components").at("disk").at("free_bytes"), 1234U);
  EXPECT_EQ(detailed.at("components").at("database").at("sqlite_version"),
            json::value(storage::sqlite_version()));
}

// A monitor whose world the test moves, round by round.
struct Rig {
  asio::io_context context{1};
  HealthBoard board;
  storage::StorageState storage = storage::StorageState::ok;
  std::vector<std::uint64_t> heartbeats{1, 1};
  std::vector<std::string> changes;
  std::vector<std::size_t> stalled;
  bool redis_away = false;
  HealthMonitor monitor{
      context,
      board,
      {[this] { return storage; }, "/", 0, [this] { return heartbeats; },
       [this](Component component, Status from, Status to) {
         changes.push_back(std::string(name(component)) + " " + std::string(name(from)) + " " +
                           std::string(name(to)));
       },
       [this](std::size_t shard) { stalled.push_back(shard); }, [this] { return redis_away; }}};

  void round() {
    ++heartbeats[0];
    monitor.round();
  }
};

TEST(HealthMonitor, tells_each_change_once) {
  Rig rig;
  ++rig.heartbeats[1];
  rig.round();
  EXPECT_TRUE(rig.changes.empty());
  for (const auto state : {storage::StorageState::full, storage::StorageState::full,
                           storage::StorageState::failed, storage::StorageState::ok}) {
    rig.storage = state;
    ++rig.heartbeats[1];
    rig.round();
  }
  EXPECT_EQ(rig.changes,
            (std::vector<std::string>{"database ok degraded", "database degraded down", "database down ok"}));
  EXPECT_EQ(rig.board.overall(), Status::ok);
}

TEST(HealthMonitor, tells_that_redis_goes_and_comes) {
  Rig rig;
  for (const bool away : {false, true, true, false}) {
    rig.redis_away = away;
    ++rig.heartbeats[1];
    rig.round();
  }
  EXPECT_EQ(rig.changes, (std::vector<std::string>{"redis ok degraded", "redis degraded ok"}));
}

TEST(HealthMonitor, a_shard_that_stands_still_is_degraded_first_and_fatal_after_ten_rounds) {
  Rig rig;
  rig.round();  // shard 1 has not moved since
  for (unsigned round = 1; round < StallWatch::fatal_rounds; ++round) rig.round();
  EXPECT_EQ(rig.changes, (std::vector<std::string>{"hub ok degraded"}));
  EXPECT_TRUE(rig.stalled.empty());
  rig.board.set_phase(Phase::serving);
  EXPECT_EQ(rig.board.not_ready(), "stalled");
  rig.round();
  EXPECT_EQ(rig.stalled, (std::vector<std::size_t>{1}));
}

}  // namespace
}  // namespace corohub::server
