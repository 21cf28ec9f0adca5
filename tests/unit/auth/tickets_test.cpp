#include "auth/tickets.hpp"

#include "support/manual_clock.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::auth {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Ticket for_user(UserId id, std::string origin = {}) {
  Ticket ticket;
  ticket.user_id = id;
  ticket.session = SessionId::random();
  ticket.token_expires_at = 1'767'696'301;
  ticket.origin = std::move(origin);
  return ticket;
}

TEST(TicketStore, T36_gives_back_what_was_put_in_and_that_once) {
  corohub::test::ManualClock clock;
  TicketStore store(clock);
  const Ticket ticket = for_user(42);
  const std::string text = store.issue(ticket);
  EXPECT_EQ(text.size(), 43u);
  EXPECT_NE(store.issue(ticket), text);

  const std::optional<Ticket> taken = store.take(text, "");
  ASSERT_TRUE(taken);
  EXPECT_EQ(taken->user_id, 42);
  EXPECT_EQ(taken->session, ticket.session);
  EXPECT_EQ(taken->token_expires_at, ticket.token_expires_at);
  EXPECT_FALSE(store.take(text, ""));
}

TEST(TicketStore, T36_ends_after_thirty_seconds_whatever_the_wall_clock_says) {
  corohub::test::ManualClock clock;
  TicketStore store(clock);
  const std::string in_time = store.issue(for_user(1));
  const std::string late = store.issue(for_user(1));
  clock.step_wall(std::chrono::hours(-1));
  clock.advance(milliseconds(29'999));
  EXPECT_TRUE(store.take(in_time, ""));
  clock.step_wall(std::chrono::hours(5));
  clock.advance(milliseconds(1));
  EXPECT_FALSE(store.take(late, ""));
}

TEST(TicketStore, T36_belongs_to_the_page_that_asked) {
  corohub::test::ManualClock clock;
  TicketStore store(clock);
  EXPECT_TRUE(store.take(store.issue(for_user(1, "https://app.example")), "https://app.example"));
  for (const char* origin :
       {"https://evil.example", "http://app.example", "https://app.example.evil.example", "null"}) {
    const std::string text = store.issue(for_user(1, "https://app.example"));
    EXPECT_FALSE(store.take(text, origin)) << origin;
    EXPECT_FALSE(store.take(text, "https://app.example")) << "shown elsewhere, it is used up";
  }
  EXPECT_TRUE(store.take(store.issue(for_user(1)), "https://any.example"));
  EXPECT_TRUE(store.take(store.issue(for_user(1, "https://app.example")), ""))
      << "an EventSource names no origin";
}

TEST(TicketStore, T36_knows_nothing_of_other_texts) {
  using namespace std::string_literals;
  corohub::test::ManualClock clock;
  TicketStore store(clock);
  const std::string text = store.issue(for_user(1));
  for (const std::string& other : {""s, "x"s, text.substr(1), text + "A", text + "=", " "s + text,
                                   std::string(43, 'A'), std::string(43, '\0'), std::string(1'000'000, 'A')})
    EXPECT_FALSE(store.take(other, ""));
  EXPECT_TRUE(store.take(text, ""));
}

TEST(TicketStore, is_bounded_and_the_oldest_gives_way) {
  corohub::test::ManualClock clock;
  TicketStore store(clock, 3);
  std::vector<std::string> texts;
  texts.reserve(5);
  for (int i = 0; i < 5; ++i) texts.push_back(store.issue(for_user(i + 1)));
  EXPECT_EQ(store.size(), 3u);
  EXPECT_FALSE(store.take(texts[0], ""));
  EXPECT_FALSE(store.take(texts[1], ""));
  for (int i = 2; i < 5; ++i) EXPECT_TRUE(store.take(texts[static_cast<std::size_t>(i)], ""));
}

TEST(TicketStore, late_tickets_leave_as_others_are_issued) {
  corohub::test::ManualClock clock;
  TicketStore store(clock);
  for (int i = 0; i < 1000; ++i) store.issue(for_user(1));
  EXPECT_EQ(store.size(), 1000u);
  clock.advance(seconds(30));
  for (int i = 0; i < 200; ++i) store.issue(for_user(2));
  EXPECT_EQ(store.size(), 200u);
}

TEST(TicketStore, T36_of_fifty_at_once_exactly_one_gets_it) {
  corohub::test::ManualClock clock;
  TicketStore store(clock);
  for (int round = 0; round < 20; ++round) {
    const std::string text = store.issue(for_user(1));
    std::atomic<bool> go{false};
    std::atomic<int> got{0};
    std::vector<std::thread> threads;
    threads.reserve(50);
    for (int i = 0; i < 50; ++i)
      threads.emplace_back([&] {
        while (!go) std::this_thread::yield();
        if (store.take(text, "")) ++got;
        store.issue(for_user(2));
      });
    go = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(got, 1);
  }
}

}  // namespace
}  // namespace corohub::auth
