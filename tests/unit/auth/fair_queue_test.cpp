#include "auth/fair_queue.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::auth {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> drain(FairQueue<std::string>& queue) {
  std::vector<std::string> order;
  while (!queue.empty()) order.push_back(queue.pop());
  return order;
}

TEST(FairQueue, serves_owners_in_turn_and_each_in_order) {
  FairQueue<std::string> queue;
  for (const char* item : {"a1", "a2", "a3"}) EXPECT_FALSE(queue.push("a", item, 10));
  EXPECT_FALSE(queue.push("b", "b1", 10));
  EXPECT_EQ(queue.pop(), "a1");
  EXPECT_FALSE(queue.push("c", "c1", 10));
  EXPECT_EQ(queue.size(), 4U);
  EXPECT_THAT(drain(queue), ElementsAre("b1", "a2", "c1", "a3"));
}

TEST(FairQueue, T39_one_owner_may_fill_it_and_others_come_in_all_the_same) {
  FairQueue<std::string> queue;
  for (const char* item : {"a1", "a2", "a3", "a4"}) EXPECT_FALSE(queue.push("a", item, 4));
  EXPECT_EQ(queue.push("a", "a5", 4), "a5") << "its own flood takes nobody else's place";
  EXPECT_EQ(queue.push("b", "b1", 4), "a4");
  EXPECT_EQ(queue.push("c", "c1", 4), "a3");
  EXPECT_EQ(queue.push("b", "b2", 4), "b2") << "the longest line would be its own";
  EXPECT_EQ(queue.push("d", "d1", 4), "a2");
  EXPECT_EQ(queue.push("e", "e1", 4), "e1") << "everybody has one";
  EXPECT_THAT(drain(queue), ElementsAre("a1", "b1", "c1", "d1"));
}

TEST(FairQueue, without_room_takes_nothing) {
  FairQueue<std::string> queue;
  EXPECT_EQ(queue.push("a", "a1", 0), "a1");
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace corohub::auth
