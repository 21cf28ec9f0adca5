#include "core/wheel.hpp"

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace corohub {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Not on a tick, as a real clock is not.
constexpr SteadyTime start = SteadyTime(seconds(5'000) + milliseconds(37));

class Item final : public Timed {
 public:
  void on_due(SteadyTime now) noexcept override {
    fired.push_back(now);
    if (then) then(now);
  }
  std::vector<SteadyTime> fired;
  std::function<void(SteadyTime)> then;
};

// Turns the wheel as a shard does, once per tick.
void turn(Wheel& wheel, SteadyTime from, SteadyTime until) {
  for (SteadyTime now = from + Wheel::tick; now <= until; now += Wheel::tick) wheel.advance(now);
}

TEST(Wheel, fires_each_deadline_on_time_and_at_most_a_tick_and_a_turn_late) {
  Wheel wheel(start);
  std::vector<std::unique_ptr<Item>> items;
  std::vector<SteadyTime> due;
  for (int i = 0; i < 3'000; ++i) {
    items.push_back(std::make_unique<Item>());
    due.push_back(start + milliseconds(7 * i + 1));
    wheel.arm(*items.back(), due.back());
  }
  turn(wheel, start, start + seconds(30));
  for (std::size_t i = 0; i < items.size(); ++i) {
    ASSERT_EQ(items[i]->fired.size(), 1u) << i;
    EXPECT_GE(items[i]->fired[0], due[i]);
    EXPECT_LT(items[i]->fired[0], due[i] + 2 * Wheel::tick);
  }
}

TEST(Wheel, holds_deadlines_beyond_its_round) {
  Wheel wheel(start);
  Item item;
  wheel.arm(item, start + hours(1));
  turn(wheel, start, start + hours(1) - Wheel::tick);
  EXPECT_TRUE(item.fired.empty());
  turn(wheel, start + hours(1) - Wheel::tick, start + hours(1) + 2 * Wheel::tick);
  EXPECT_EQ(item.fired.size(), 1u);
}

TEST(Wheel, holds_a_deadline_that_never_comes) {
  Wheel wheel(start);
  Item item;
  wheel.arm(item, SteadyTime::max());
  turn(wheel, start, start + seconds(300));
  EXPECT_TRUE(item.fired.empty());
}

TEST(Wheel, arming_again_replaces_the_deadline) {
  Wheel wheel(start);
  Item later;
  wheel.arm(later, start + seconds(1));
  wheel.arm(later, start + seconds(3));
  Item sooner;
  wheel.arm(sooner, start + seconds(50));
  wheel.arm(sooner, start + seconds(1));
  turn(wheel, start, start + seconds(2));
  EXPECT_TRUE(later.fired.empty());
  EXPECT_EQ(sooner.fired.size(), 1u);
  turn(wheel, start + seconds(2), start + seconds(60));
  EXPECT_EQ(later.fired.size(), 1u);
  EXPECT_EQ(sooner.fired.size(), 1u);
}

TEST(Wheel, disarmed_and_destroyed_items_are_forgotten) {
  Wheel wheel(start);
  Item item;
  wheel.arm(item, start + seconds(1));
  wheel.disarm(item);
  wheel.disarm(item);
  {
    Item gone;
    wheel.arm(gone, start + seconds(1));
  }
  turn(wheel, start, start + seconds(5));
  EXPECT_TRUE(item.fired.empty());
}

TEST(Wheel, a_deadline_in_the_past_fires_at_the_next_tick) {
  Wheel wheel(start);
  turn(wheel, start, start + seconds(10));
  Item item;
  wheel.arm(item, start);
  wheel.advance(start + seconds(10) + Wheel::tick);
  EXPECT_EQ(item.fired.size(), 1u);
}

TEST(Wheel, an_item_that_arms_itself_again_fires_once_per_turn) {
  Wheel wheel(start);
  Item item;
  item.then = [&](SteadyTime now) { wheel.arm(item, now); };
  wheel.arm(item, start);
  for (int i = 1; i <= 50; ++i) wheel.advance(start + i * Wheel::tick);
  EXPECT_EQ(item.fired.size(), 50u);
}

TEST(Wheel, R13_a_pause_is_given_back_to_every_deadline) {
  Wheel wheel(start);
  turn(wheel, start, start + seconds(10));
  Item pong;
  wheel.arm(pong, wheel.at(start + seconds(10)) + seconds(60));
  const SteadyTime woken = start + seconds(100);
  wheel.advance(woken);
  EXPECT_TRUE(pong.fired.empty());
  EXPECT_EQ(wheel.paused(), seconds(90) - Wheel::turn_max);
  turn(wheel, woken, woken + seconds(60) - Wheel::turn_max - Wheel::tick);
  EXPECT_TRUE(pong.fired.empty());
  turn(wheel, woken + seconds(60) - Wheel::turn_max - Wheel::tick, woken + seconds(60));
  EXPECT_EQ(pong.fired.size(), 1u);
}

TEST(Wheel, R13_its_time_never_goes_back_and_stands_still_in_a_pause) {
  Wheel wheel(start);
  SteadyTime last = wheel.at(start);
  for (const int ms : {100, 400, 499, 501, 5'000, 90'000}) {
    const milliseconds passed(ms);
    const SteadyTime time = wheel.at(start + passed);
    EXPECT_GE(time, last);
    EXPECT_EQ(time, start + std::min<milliseconds>(passed, Wheel::turn_max));
    last = time;
  }
  wheel.advance(start + seconds(90));
  EXPECT_EQ(wheel.at(start + seconds(90)), last) << "the turn that finds the pause does not move its time";
  EXPECT_EQ(wheel.at(start + seconds(80)), last) << "nor does who read the clock before";
  EXPECT_EQ(wheel.at(start + seconds(90) + milliseconds(30)), last + milliseconds(30));
}

TEST(Wheel, a_turn_that_is_a_little_late_is_no_pause) {
  Wheel wheel(start);
  for (int i = 1; i <= 10; ++i) wheel.advance(start + i * Wheel::turn_max);
  EXPECT_EQ(wheel.paused(), seconds(0));
  EXPECT_EQ(wheel.at(start + 10 * Wheel::turn_max), start + 10 * Wheel::turn_max);
}

TEST(Wheel, R13_a_wheel_that_counts_pauses_runs_each_item_once) {
  Wheel wheel(start, Wheel::Pauses::counted);
  std::vector<std::unique_ptr<Item>> items;
  for (int i = 0; i < 200; ++i) {
    items.push_back(std::make_unique<Item>());
    Item& item = *items.back();
    item.then = [&](SteadyTime now) { wheel.arm(item, now + seconds(54)); };
    wheel.arm(item, start + seconds(i));
  }
  const SteadyTime woken = start + hours(3);
  wheel.advance(woken);
  for (const auto& item : items) EXPECT_EQ(item->fired.size(), 1u);
  turn(wheel, woken, woken + seconds(53));
  for (const auto& item : items) EXPECT_EQ(item->fired.size(), 1u);
  turn(wheel, woken + seconds(53), woken + seconds(55));
  for (const auto& item : items) EXPECT_EQ(item->fired.size(), 2u);
}

TEST(Wheel, an_item_may_move_or_disarm_another_that_is_due_in_the_same_turn) {
  Wheel wheel(start);
  Item first;
  Item moved;
  Item dropped;
  first.then = [&](SteadyTime now) {
    wheel.arm(moved, now + seconds(5));
    wheel.disarm(dropped);
  };
  for (Item* item : {&first, &moved, &dropped}) wheel.arm(*item, start + seconds(1));
  turn(wheel, start, start + seconds(2));
  EXPECT_EQ(first.fired.size(), 1u);
  EXPECT_TRUE(moved.fired.empty());
  turn(wheel, start + seconds(2), start + seconds(10));
  EXPECT_EQ(moved.fired.size(), 1u);
  EXPECT_TRUE(dropped.fired.empty());
}

TEST(Wheel, standing_still_or_going_back_does_nothing) {
  Wheel wheel(start);
  Item item;
  wheel.arm(item, start + Wheel::tick);
  wheel.advance(start);
  wheel.advance(start - hours(1));
  EXPECT_TRUE(item.fired.empty());
  wheel.advance(start + 2 * Wheel::tick);
  EXPECT_EQ(item.fired.size(), 1u);
}

TEST(Wheel, arm_by_replaces_a_later_moment_and_keeps_an_earlier_one) {
  Wheel wheel(start);
  Item item;
  wheel.arm_by(item, start + seconds(5));
  wheel.arm_by(item, start + seconds(9));
  turn(wheel, start, start + seconds(4));
  EXPECT_TRUE(item.fired.empty());
  turn(wheel, start + seconds(4), start + seconds(6));
  EXPECT_EQ(item.fired.size(), 1U);
  turn(wheel, start + seconds(6), start + seconds(10));
  EXPECT_EQ(item.fired.size(), 1U);
  wheel.arm_by(item, start + seconds(20));
  wheel.arm_by(item, start + seconds(12));
  turn(wheel, start + seconds(10), start + seconds(13));
  EXPECT_EQ(item.fired.size(), 2U);
}

}  // namespace
}  // namespace corohub
