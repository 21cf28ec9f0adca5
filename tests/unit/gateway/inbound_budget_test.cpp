#include "gateway/transports/inbound_budget.hpp"

#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

using namespace std::chrono_literals;

const SteadyTime start{1000s};

TEST(InboundBudget, T58_ABurstIsFree) {
  const InboundRates rates;
  InboundBudget budget(rates, start);
  budget.spend(10'000, 200, 20, start);
  EXPECT_FALSE(budget.in_debt());
  EXPECT_FALSE(budget.in_episode());
}

TEST(InboundBudget, T58_OneMoreIsADebtThatTimePays) {
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

TEST(InboundBudget, T58_WhoTakesEveryTokenAtOnceNeverRecovers) {
  const InboundRates rates;
  InboundBudget budget(rates, start);
  SteadyTime now = start;
  for (budget.spend(0, 0, 30, now); now < start + 6s; now += 100ms) {
    budget.refill(now);
    if (!budget.in_debt()) budget.spend(0, 0, 1, now);
  }
  EXPECT_TRUE(budget.in_episode());
  EXPECT_EQ(budget.patience_ends(), start + InboundBudget::patience);
}

TEST(InboundBudget, EachBucketCounts) {
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
