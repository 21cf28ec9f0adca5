#include "http/turnstile.hpp"

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <gmock/gmock.h>

namespace corohub::http {
namespace {

using testing::ElementsAre;

struct TurnstileTest : testing::Test {
  static Task<> come(std::shared_ptr<Turnstile> turnstile, std::string who,
                     std::shared_ptr<std::vector<std::string>> through) {
    if (!turnstile->pass_now()) co_await turnstile->wait();
    through->push_back(who);
  }
  void come(std::string who) {
    asio::co_spawn(context, come(turnstile, std::move(who), through), asio::detached);
  }

  asio::io_context context;
  std::shared_ptr<Turnstile> turnstile = std::make_shared<Turnstile>(context.get_executor(), 2);
  std::shared_ptr<std::vector<std::string>> through = std::make_shared<std::vector<std::string>>();
};

TEST_F(TurnstileTest, a_few_go_through_at_once) {
  EXPECT_TRUE(turnstile->pass_now());
  EXPECT_TRUE(turnstile->pass_now());
  EXPECT_FALSE(turnstile->pass_now());
}

TEST_F(TurnstileTest, the_others_wait_for_later_turns_first_come_first_served) {
  for (const char* who : {"a", "b", "c", "d", "e"}) come(who);
  context.poll_one();
  for (int i = 0; i < 4; ++i) context.poll_one();
  EXPECT_THAT(*through, ElementsAre("a", "b")) << "all have come";
  asio::post(context, [this] { through->push_back("other work"); });
  context.run();
  EXPECT_THAT(*through, ElementsAre("a", "b", "c", "d", "other work", "e"));
}

TEST_F(TurnstileTest, one_who_comes_later_does_not_overtake) {
  for (const char* who : {"a", "b", "c", "d", "e"}) come(who);
  for (int i = 0; i < 6; ++i) context.poll_one();
  EXPECT_THAT(*through, ElementsAre("a", "b", "c", "d"));
  come("f");
  context.run();
  EXPECT_THAT(*through, ElementsAre("a", "b", "c", "d", "e", "f"));
}

TEST_F(TurnstileTest, of_a_large_crowd_more_go_through_at_a_time) {
  constexpr std::size_t crowd = 20'000;
  for (std::size_t i = 0; i < crowd; ++i) come("x");
  std::size_t turns = 0;
  std::size_t most = 0;
  std::size_t before = 0;
  const std::function<void()> mark = [&] {
    most = std::max(most, through->size() - std::exchange(before, through->size()));
    if (++turns > 1000 || through->size() == crowd) return;
    asio::post(context, mark);
  };
  asio::post(context, [&] { asio::post(context, mark); });
  context.run();
  EXPECT_EQ(through->size(), crowd);
  EXPECT_LT(turns, 500U);
  EXPECT_LE(most, crowd / 64 + 2);
}

TEST_F(TurnstileTest, when_nobody_comes_the_loop_ends) {
  come("a");
  EXPECT_GT(context.run(), 0U);
  context.restart();
  come("b");
  EXPECT_GT(context.run(), 0U);
  EXPECT_THAT(*through, ElementsAre("a", "b"));
}

// The leak checker looks: a coroutine that waits may hold what holds the turnstile.
TEST_F(TurnstileTest, who_waits_goes_with_the_loop) {
  {
    asio::io_context short_lived;
    auto own = std::make_shared<Turnstile>(short_lived.get_executor(), 1);
    for (int i = 0; i < 3; ++i)
      asio::co_spawn(short_lived, come(own, std::to_string(i), through), asio::detached);
    for (int i = 0; i < 3; ++i) short_lived.poll_one();
  }
  EXPECT_THAT(*through, ElementsAre("0"));
}

// Its last holder may go through while the loop goes on.
TEST_F(TurnstileTest, it_may_die_before_its_last_turn) {
  come("a");
  turnstile.reset();
  EXPECT_GT(context.run(), 0U);
  EXPECT_THAT(*through, ElementsAre("a"));
}

}  // namespace
}  // namespace corohub::http
