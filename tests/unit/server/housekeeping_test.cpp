#include "server/housekeeping.hpp"

#include "support/test_database.hpp"

#include <atomic>

#include <boost/asio/post.hpp>
#include <gmock/gmock.h>

namespace corohub::server {
namespace {

using namespace std::chrono_literals;

// Runs `chores` without waiting until one of them has called `enough`.
class Housekeeping : public testing::Test {
 protected:
  void run(std::vector<Chore> chores, HousekeepingSettings settings) {
    Housekeeper housekeeper(context_, db_.writer, std::move(chores), settings);
    enough_ = [&] { asio::post(context_, [&] { housekeeper.stop(); }); };
    housekeeper.start();
    context_.run();
  }

  test::TestDatabase db_;
  asio::io_context context_{1};
  std::function<void()> enough_;
};

TEST_F(Housekeeping, goes_round_its_chores_and_on_while_there_is_more) {
  std::string done;
  const Chore first{"test_first", [&](storage::UnitOfWork&) {
                      done += 'a';
                      return Cleaned{1, false};
                    }};
  const Chore second{"test_second", [&](storage::UnitOfWork&) {
                       done += 'b';
                       if (done.size() == 6) enough_();
                       return Cleaned{10, true};
                     }};
  run({first, second}, {.interval = 1h, .pause = 0ms});
  EXPECT_EQ(done, "ababab");
  EXPECT_THAT(metrics::text(), testing::HasSubstr("corohub_cleaned_rows_total{what=\"test_second\"} 30"));
}

TEST_F(Housekeeping, a_step_that_fails_is_tried_again_in_the_next_round) {
  int tries = 0;
  const Chore chore{"test_failing", [&](storage::UnitOfWork&) -> Cleaned {
                      if (++tries == 3) enough_();
                      throw std::runtime_error("not now");
                    }};
  run({chore}, {.interval = 0ms, .pause = 1h});
  EXPECT_EQ(tries, 3);
}

TEST_F(Housekeeping, ends_when_the_writer_has_ended) {
  db_.writer.stop();
  Housekeeper housekeeper(context_, db_.writer,
                          {{"test_idle", [](storage::UnitOfWork&) { return Cleaned{}; }}});
  housekeeper.start();
  asio::post(context_, [&] { housekeeper.stop(); });
  context_.run();
}

}  // namespace
}  // namespace corohub::server
