#include "gateway/wire/inbound_budget.hpp"

#include <optional>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

using namespace std::chrono_literals;

const SteadyTime start{1000s};

TEST(InboundBudget, T58_a_burst_is_free) {
  const InboundRates rates;
  InboundBudget budget(rates, start);
  budget.spend(10'000, 200, 20, start);
  EXPECT_FALSE(budget.in_debt());
  EXPECT_FALSE(budget.in_episode());
}

TEST(InboundBudget, T58_one_more_is_a_debt_that_time_pays) {
  const InboundRates rates;
  InboundBudget budget(rates, start);
  budget.spend(0, 201, 0, start);
  EXPECT_TRUE(budget.in_debt());
  EXPECT_EQ(budget.out_of_debt(), start + 10ms);
  budget.refill(start + 10ms);
  EXPECT_FALSE(budget.in_debt());
  EXPECT_TRUE(budget.in_episode()) << "a tenth of the burst must be there again";
  budget.refill(start + 210ms);
  EXPECT_FALSE(budget.in_episode());
}

TEST(InboundBudget, T58_who_has_caught_up_is_not_behind_though_still_in_debt) {
  const InboundRates rates;
  InboundBudget budget(rates, start);
  budget.spend(0, 201, 0, start);
  EXPECT_EQ(budget.patience_ends(), start + InboundBudget::patience);
  budget.spend(0, 1, 0, start + 2s);
  EXPECT_EQ(budget.patience_ends(), start + InboundBudget::patience) << "counted from when it was held back";
  budget.spend(0, 300, 0, start + 3s);
  budget.caught_up();
  EXPECT_TRUE(budget.in_debt());
  EXPECT_EQ(budget.patience_ends(), SteadyTime::max());
  EXPECT_TRUE(budget.in_episode()) << "it need not be told again";
}

// One who sends pieces of one kind in equal intervals, and a loop that reads as a WebSocket does: not in debt
// what has come, and looked at once per tick while held back.
struct Steady {
  double per_s = 0;
  std::size_t bytes = 0;
  std::uint32_t messages = 0;
  std::uint32_t control = 0;
  int burst = 0;  // of them at once, in the beginning
};

struct Outcome {
  int told = 0;
  std::optional<std::chrono::milliseconds> held_back;  // when it was first held back
  std::optional<std::chrono::milliseconds> closed;
};

Outcome run(const Steady& client, std::chrono::seconds time) {
  const InboundRates rates;
  InboundBudget budget(rates, start);
  Outcome outcome;
  double arrived = client.burst;
  double read = 0;
  bool held = false;
  for (std::chrono::milliseconds at{0}; at < time; ++at, arrived += client.per_s / 1000) {
    const SteadyTime now = start + at;
    if (at.count() % 100 == 0) {
      budget.refill(now);
      if (now >= budget.patience_ends()) {
        outcome.closed = at;
        break;
      }
      held = held && budget.in_debt();
    }
    for (; !held && read + 1 <= arrived; ++read) {
      const bool was_told = budget.in_episode();
      budget.spend(client.bytes, client.messages, client.control, now);
      held = budget.in_debt();
      if (!held) continue;
      if (!was_told) ++outcome.told;
      if (!outcome.held_back) outcome.held_back = at;
    }
    if (budget.is_behind() && read + 1 > arrived) budget.caught_up();
  }
  return outcome;
}

// In messages, bytes and pings.
std::vector<Steady> clients(double share) {
  return {{.per_s = 100 * share, .bytes = 50, .messages = 1, .burst = 201},
          {.per_s = 64 * share, .bytes = 4096, .burst = 130},
          {.per_s = 10 * share, .bytes = 6, .control = 1, .burst = 21}};
}

TEST(InboundBudget, T58_one_who_stays_below_the_rate_lives_for_ever_after_a_burst) {
  for (const double share : {0.5, 0.9, 0.97, 0.99})
    for (const Steady& client : clients(share)) {
      const Outcome outcome = run(client, 600s);
      EXPECT_FALSE(outcome.closed.has_value())
          << client.per_s << " a second, after " << outcome.closed->count();
      EXPECT_TRUE(outcome.held_back.has_value()) << client.per_s;
    }
}

TEST(InboundBudget, T58_one_who_stays_above_is_told_once_and_closed) {
  for (const double share : {1.2, 1.6, 10.0})
    for (const Steady& client : clients(share)) {
      const Outcome outcome = run(client, 600s);
      ASSERT_TRUE(outcome.closed.has_value()) << client.per_s << " a second";
      EXPECT_EQ(outcome.told, 1) << client.per_s;
      EXPECT_GE(*outcome.closed - *outcome.held_back, InboundBudget::patience) << client.per_s;
      if (share >= 1.6) EXPECT_LE(*outcome.closed - *outcome.held_back, 6s) << client.per_s;
    }
}

TEST(InboundBudget, each_bucket_counts) {
  const InboundRates rates;
  InboundBudget bytes(rates, start);
  bytes.spend(600'000, 0, 0, start);
  EXPECT_TRUE(bytes.in_debt());
  InboundBudget control(rates, start);
  control.spend(0, 0, 21, start);
  EXPECT_TRUE(control.in_debt());
  EXPECT_EQ(control.out_of_debt(), start + 100ms);
}

}  // namespace
}  // namespace corohub::gateway
