#include "core/departures.hpp"

#include <cstddef>
#include <memory>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace corohub {
namespace {

class DeparturesTest : public testing::Test {
 protected:
  asio::io_context context_;
  Departures& departures_ = asio::use_service<Departures>(context_);
  std::vector<std::size_t> gone_;

  void let_go(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) departures_.let_go([this, i] { gone_.push_back(i); });
  }
};

TEST_F(DeparturesTest, one_goes_at_once) {
  let_go(1);
  EXPECT_EQ(gone_.size(), 1U);
}

TEST_F(DeparturesTest, a_crowd_goes_in_its_order_and_others_are_served_in_between) {
  constexpr std::size_t crowd = 1000;
  constexpr std::size_t at_a_time = 16;
  let_go(crowd);
  std::size_t last = 0;
  while (gone_.size() < crowd) {
    asio::post(context_, [&] {
      EXPECT_LE(gone_.size() - last, at_a_time);
      last = gone_.size();
    });
    context_.restart();
    context_.poll_one();
    context_.poll_one();
  }
  context_.restart();
  context_.poll();
  for (std::size_t i = 0; i < crowd; ++i) EXPECT_EQ(gone_[i], i);
  EXPECT_EQ(departures_.waiting(), 0U);
}

TEST_F(DeparturesTest, after_a_crowd_one_goes_at_once_again) {
  let_go(100);
  context_.run();
  gone_.clear();
  let_go(1);
  EXPECT_EQ(gone_.size(), 1U);
}

TEST_F(DeparturesTest, whoever_leaves_may_let_others_go) {
  for (std::size_t i = 0; i < 20; ++i) departures_.let_go([this] { let_go(1); });
  context_.run();
  EXPECT_EQ(gone_.size(), 20U);
}

TEST(Departures, who_waits_is_destroyed_with_the_context) {
  const auto alive = std::make_shared<int>(0);
  {
    asio::io_context context;
    for (int i = 0; i < 100; ++i) asio::use_service<Departures>(context).let_go([alive] {});
    EXPECT_GT(alive.use_count(), 1);
  }
  EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
}  // namespace corohub
