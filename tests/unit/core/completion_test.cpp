#include "core/completion.hpp"

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub {
namespace {

class Note final : public Completion {
 public:
  Note(const Executor& origin, int number, std::vector<int>& out, std::thread::id& thread)
      : Completion(origin), number_(number), out_(out), thread_(thread) {}
  void finish() noexcept override {
    out_.push_back(number_);
    thread_ = std::this_thread::get_id();
  }

 private:
  int number_;
  std::vector<int>& out_;
  std::thread::id& thread_;
};

TEST(FinishAtHome, finishes_each_on_its_origin_in_order_and_keeps_the_origin_running_until_then) {
  asio::io_context first(1);
  asio::io_context second(1);
  std::vector<int> at_first;
  std::vector<int> at_second;
  std::thread::id first_thread;
  std::thread::id second_thread;
  std::vector<std::unique_ptr<Completion>> all;
  for (int i = 0; i < 6; ++i) {
    if (i % 2 == 0)
      all.push_back(std::make_unique<Note>(first.get_executor(), i, at_first, first_thread));
    else
      all.push_back(std::make_unique<Note>(second.get_executor(), i, at_second, second_thread));
  }
  // Neither run() returns before its completions came home, although nothing else is to do there.
  std::thread first_shard([&] { first.run(); });
  std::thread second_shard([&] { second.run(); });
  const std::thread::id first_id = first_shard.get_id();
  const std::thread::id second_id = second_shard.get_id();
  finish_at_home(std::move(all));
  first_shard.join();
  second_shard.join();
  EXPECT_EQ(at_first, (std::vector<int>{0, 2, 4}));
  EXPECT_EQ(at_second, (std::vector<int>{1, 3, 5}));
  EXPECT_EQ(first_thread, first_id);
  EXPECT_EQ(second_thread, second_id);
}

class Deed final : public Completion {
 public:
  explicit Deed(std::thread::id& thread) : thread_(thread) {}
  void finish() noexcept override { thread_ = std::this_thread::get_id(); }

 private:
  std::thread::id& thread_;
};

TEST(FinishAtHome, finishes_where_it_is_what_nobody_waits_for) {
  asio::io_context home(1);
  std::vector<int> at_home;
  std::thread::id home_thread;
  std::thread::id thread;
  std::vector<std::unique_ptr<Completion>> all;
  all.push_back(std::make_unique<Deed>(thread));
  all.push_back(std::make_unique<Note>(home.get_executor(), 1, at_home, home_thread));
  finish_at_home(std::move(all));
  EXPECT_EQ(thread, std::this_thread::get_id());
  EXPECT_EQ(at_home, std::vector<int>());
  home.run();
  EXPECT_EQ(at_home, std::vector<int>{1});
}

TEST(FinishAtHome, of_nothing_does_nothing) { finish_at_home({}); }

}  // namespace
}  // namespace corohub
