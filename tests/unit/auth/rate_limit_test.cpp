#include "auth/rate_limit.hpp"

#include "support/manual_clock.hpp"

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::auth {
namespace {

using boost::asio::ip::make_address;
using std::chrono::milliseconds;
using std::chrono::seconds;

// `tokens` per `per`, at most `burst` at once.
Rate rate(double tokens, milliseconds per, double burst) { return {tokens, per, burst}; }

TEST(RateLimiter, many_tokens_at_once_are_taken_all_or_none) {
  corohub::test::ManualClock clock;
  RateLimiter limiter({1000, std::chrono::seconds(10), 1000}, clock);
  EXPECT_TRUE(limiter.take("a", 700).allowed);
  const RateDecision refused = limiter.take("a", 500);
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.remaining, 300U);
  EXPECT_EQ(refused.retry_after, std::chrono::seconds(2));
  EXPECT_TRUE(limiter.take("a", 300).allowed);
  clock.advance(std::chrono::seconds(5));
  EXPECT_TRUE(limiter.take("a", 500).allowed);
  EXPECT_FALSE(limiter.take("a", 1).allowed);
}

TEST(RateLimiter, gives_the_burst_and_then_one_token_at_a_time) {
  corohub::test::ManualClock clock;
  RateLimiter limiter(rate(10, seconds(1), 3), clock);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limiter.take("a").allowed);
  EXPECT_FALSE(limiter.take("a").allowed);
  clock.advance(milliseconds(99));
  EXPECT_FALSE(limiter.take("a").allowed);
  clock.advance(milliseconds(1));
  EXPECT_TRUE(limiter.take("a").allowed);
  EXPECT_FALSE(limiter.take("a").allowed);
}

TEST(RateLimiter, never_holds_more_than_the_burst) {
  corohub::test::ManualClock clock;
  RateLimiter limiter(rate(10, seconds(1), 3), clock);
  clock.advance(std::chrono::hours(24));
  int allowed = 0;
  while (limiter.take("a").allowed) ++allowed;
  clock.advance(std::chrono::hours(24));
  while (limiter.take("a").allowed) ++allowed;
  EXPECT_EQ(allowed, 6);
}

TEST(RateLimiter, says_what_the_headers_say) {
  corohub::test::ManualClock clock;
  RateLimiter limiter(rate(10, std::chrono::minutes(1), 10), clock);
  const RateDecision first = limiter.take("a");
  EXPECT_TRUE(first.allowed);
  EXPECT_EQ(first.limit, 10u);
  EXPECT_EQ(first.remaining, 9u);
  EXPECT_EQ(first.reset, seconds(6));
  EXPECT_EQ(first.retry_after, seconds(0));
  for (int i = 0; i < 8; ++i) limiter.take("a");
  const RateDecision last = limiter.take("a");
  EXPECT_TRUE(last.allowed);
  EXPECT_EQ(last.remaining, 0u);
  EXPECT_EQ(last.reset, seconds(60));

  clock.advance(milliseconds(500));
  const RateDecision refused = limiter.take("a");
  EXPECT_FALSE(refused.allowed);
  EXPECT_EQ(refused.limit, 10u);
  EXPECT_EQ(refused.remaining, 0u);
  EXPECT_EQ(refused.reset, seconds(60));
  EXPECT_EQ(refused.retry_after, seconds(6));
}

TEST(RateLimiter, who_waits_as_told_is_let_in) {
  corohub::test::ManualClock clock;
  for (const double tokens : {1.0, 3.0, 7.0, 100.0, 0.3}) {
    RateLimiter limiter(rate(tokens, std::chrono::minutes(1), 2.5), clock);
    for (int i = 0; i < 50; ++i) {
      const RateDecision decision = limiter.take("a");
      if (decision.allowed) continue;
      EXPECT_GE(decision.retry_after, seconds(1));
      clock.advance(decision.retry_after);
      EXPECT_TRUE(limiter.take("a").allowed) << tokens;
    }
  }
}

TEST(RateLimiter, refused_attempts_cost_nothing) {
  corohub::test::ManualClock clock;
  RateLimiter limiter(rate(1, seconds(1), 1), clock);
  EXPECT_TRUE(limiter.take("a").allowed);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(limiter.take("a").allowed);
  clock.advance(seconds(1));
  EXPECT_TRUE(limiter.take("a").allowed);
}

TEST(RateLimiter, keys_do_not_share) {
  using namespace std::string_literals;
  corohub::test::ManualClock clock;
  RateLimiter limiter(rate(1, seconds(1), 1), clock);
  for (const std::string& key : {""s, "a"s, "A"s, "a\0"s, "a\0b"s, std::string(100'000, 'a')}) {
    EXPECT_TRUE(limiter.take(key).allowed);
    EXPECT_FALSE(limiter.take(key).allowed);
  }
}

TEST(RateLimiter, what_is_given_back_may_be_taken_again_but_makes_no_credit) {
  corohub::test::ManualClock clock;
  RateLimiter limiter(rate(1, std::chrono::hours(1), 2), clock);
  EXPECT_TRUE(limiter.take("a").allowed);
  EXPECT_TRUE(limiter.take("a").allowed);
  limiter.give_back("a");
  EXPECT_TRUE(limiter.take("a").allowed);
  EXPECT_FALSE(limiter.take("a").allowed);
  limiter.give_back("a", 2);
  EXPECT_TRUE(limiter.take("a", 2).allowed);
  for (int i = 0; i < 100; ++i) limiter.give_back("a");
  limiter.give_back("nobody");
  EXPECT_TRUE(limiter.take("a").allowed);
  EXPECT_TRUE(limiter.take("a").allowed);
  EXPECT_FALSE(limiter.take("a").allowed);
}

TEST(RateLimiter, R12_the_wall_clock_does_not_matter) {
  corohub::test::ManualClock clock;
  RateLimiter limiter(rate(1, seconds(10), 1), clock);
  EXPECT_TRUE(limiter.take("a").allowed);
  clock.step_wall(std::chrono::hours(1));
  EXPECT_FALSE(limiter.take("a").allowed);
  clock.step_wall(std::chrono::hours(-2));
  clock.advance(seconds(10));
  EXPECT_TRUE(limiter.take("a").allowed);
}

TEST(RateLimiter, forgets_the_keys_used_least_lately_when_there_are_too_many) {
  corohub::test::ManualClock clock;
  RateLimiter limiter(rate(1, std::chrono::hours(1), 1), clock, 1600);
  EXPECT_TRUE(limiter.take("busy").allowed);
  EXPECT_TRUE(limiter.take("idle").allowed);
  for (int i = 0; i < 20'000; ++i) {
    EXPECT_TRUE(limiter.take(std::to_string(i)).allowed);
    EXPECT_FALSE(limiter.take("busy").allowed);
  }
  EXPECT_TRUE(limiter.take("idle").allowed);
}

TEST(RateLimiter, callers_on_many_threads_get_the_burst_once) {
  corohub::test::ManualClock clock;
  RateLimiter limiter(rate(1, std::chrono::hours(1), 500), clock);
  std::atomic<int> allowed{0};
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 200; ++k) {
        if (limiter.take("shared").allowed) ++allowed;
        limiter.take(std::to_string(k));
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(allowed, 500);
}

TEST(RateLimiter, refuses_rates_without_sense) {
  const corohub::test::ManualClock clock;
  for (const Rate& bad :
       {rate(0, seconds(1), 1), rate(-1, seconds(1), 1), rate(1, seconds(0), 1), rate(1, seconds(1), 0.5)})
    EXPECT_THROW(RateLimiter(bad, clock), std::invalid_argument);
}

TEST(NetworkKey, is_what_neighbours_share) {
  EXPECT_EQ(network_key(make_address("192.0.2.7")), "192.0.2.0/24");
  EXPECT_EQ(network_key(make_address("::ffff:192.0.2.200")), "192.0.2.0/24");
  EXPECT_NE(network_key(make_address("192.0.3.7")), network_key(make_address("192.0.2.7")));
  EXPECT_EQ(network_key(make_address("2001:db8:1:2:3:4:5:6")), "2001:db8:1:2::/64");
  EXPECT_EQ(region_key(make_address("::ffff:192.0.2.200")), "192.0.0.0/16");
  EXPECT_EQ(region_key(make_address("2001:db8:1:2:3:4:5:6")), "2001:db8:1::/48");
}

TEST(RateKey, T15_counts_ipv6_by_its_64) {
  EXPECT_EQ(rate_key(make_address("192.0.2.7")), "192.0.2.7");
  EXPECT_EQ(rate_key(make_address("::ffff:192.0.2.7")), "192.0.2.7");
  EXPECT_EQ(rate_key(make_address("2001:db8:1:2:3:4:5:6")), "2001:db8:1:2::/64");
  EXPECT_EQ(rate_key(make_address("2001:db8:1:2:ffff::1")), rate_key(make_address("2001:db8:1:2::")));
  EXPECT_NE(rate_key(make_address("2001:db8:1:3::1")), rate_key(make_address("2001:db8:1:2::1")));
  EXPECT_EQ(rate_key(make_address("fe80::1%1")), rate_key(make_address("fe80::1")));
  EXPECT_EQ(rate_key(make_address("::1")), "::/64");
}

bool contains(const std::string& network, const char* address) {
  return CidrList::parse({network}).value().contains(make_address(address));
}

TEST(CidrList, knows_who_is_inside) {
  EXPECT_TRUE(contains("127.0.0.0/8", "127.0.0.1"));
  EXPECT_TRUE(contains("127.0.0.0/8", "127.255.255.255"));
  EXPECT_FALSE(contains("127.0.0.0/8", "128.0.0.1"));
  EXPECT_TRUE(contains("10.0.0.1", "10.0.0.1"));
  EXPECT_FALSE(contains("10.0.0.1", "10.0.0.2"));
  EXPECT_TRUE(contains("10.9.9.9/8", "10.1.2.3"));
  EXPECT_TRUE(contains("192.0.2.128/25", "192.0.2.200"));
  EXPECT_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(contains("0.0.0.0/0", "8.8.8.8"));
  EXPECT_TRUE(contains("::1", "::1"));
  EXPECT_FALSE(contains("::1", "::2"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(contains("::/0", "2001:db8::1"));
}

TEST(CidrList, T16_takes_ipv4_for_the_same_in_either_dress_and_never_for_ipv6) {
  EXPECT_TRUE(contains("127.0.0.0/8", "::ffff:127.0.0.1"));
  EXPECT_TRUE(contains("::ffff:10.0.0.0/104", "10.1.2.3"));
  EXPECT_TRUE(contains("::ffff:127.0.0.1", "127.0.0.1"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_FALSE(contains("0.0.0.0/0", "::1"));
  EXPECT_FALSE(contains("::/0", "192.0.2.7"));
  EXPECT_FALSE(contains("::/0", "::ffff:192.0.2.7"));
  EXPECT_FALSE(contains("::/96", "192.0.2.7"));
}

TEST(CidrList, refuses_what_is_no_network) {
  for (const char* text : {"", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8",
                           "10.0.0.0/ 8", "10.0.0.0/8 ", "10.0.0/8", "10.0.0.256", "localhost", "::/129",
                           ":::/1", "fe80::1%1/64", "*", "10.0.0.0/0x8", "10.0.0.0/4294967304"}) {
    const Result<CidrList> list = CidrList::parse({"127.0.0.1", text});
    ASSERT_FALSE(list) << text;
    EXPECT_NE(list.error().detail.find(text), std::string::npos);
  }
}

TEST(CidrList, of_nothing_holds_nobody) {
  EXPECT_TRUE(CidrList().empty());
  EXPECT_TRUE(CidrList::parse({})->empty());
  EXPECT_FALSE(CidrList().contains(make_address("127.0.0.1")));
  const CidrList two = CidrList::parse({"10.0.0.0/8", "::1"}).value();
  EXPECT_FALSE(two.empty());
  EXPECT_TRUE(two.contains(make_address("::1")));
  EXPECT_TRUE(two.contains(make_address("10.0.0.1")));
}

}  // namespace
}  // namespace corohub::auth
