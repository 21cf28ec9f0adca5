#include "auth/account_cache.hpp"

#include "auth_support.hpp"
#include "support/slow_loader.hpp"

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace corohub::auth {
namespace {

AccountRef account(UserId id, std::int64_t version) {
  auto made = test::make_account(id, SessionId{});
  made->token_version = version;
  return made;
}

class AccountCacheTest : public testing::Test {
 protected:
  using Answer = std::optional<Result<AccountRef>>;

  // Begins a get(); its answer appears in what is returned.
  std::shared_ptr<Answer> ask(AccountCache& from, UserId id) {
    auto answer = std::make_shared<Answer>();
    asio::co_spawn(context, from.get(id),
                   [answer](const std::exception_ptr& failure, Result<AccountRef> result) {
                     if (!failure) answer->emplace(std::move(result));
                   });
    run();
    return answer;
  }
  void run() {
    context.restart();
    context.poll();
  }
  void load(UserId id, Result<AccountRef> result) {
    loader.answer(id, std::move(result));
    run();
  }
  AccountRef get_now(AccountCache& from, UserId id, std::int64_t version) {
    const auto answer = ask(from, id);
    if (!*answer) load(id, account(id, version));
    return answer->value().value();
  }

  asio::io_context context{1};
  corohub::test::SlowLoader loader{context};
  AccountCache cache{loader.function(), 100};
};

TEST_F(AccountCacheTest, reads_once_and_then_knows) {
  EXPECT_EQ(cache.find(7), nullptr);
  const auto answer = ask(cache, 7);
  EXPECT_FALSE(*answer);
  const AccountRef stored = account(7, 1);
  load(7, stored);
  EXPECT_EQ(answer->value().value(), stored);
  EXPECT_EQ(cache.find(7), stored);
  EXPECT_EQ(ask(cache, 7)->value().value(), stored);
  EXPECT_EQ(loader.reads(), 1);
}

TEST_F(AccountCacheTest, a_cached_account_is_answered_without_suspending) {
  get_now(cache, 7, 1);
  bool others_ran = false;
  bool others_ran_before_the_answer = true;
  const auto check = [&]() -> Task<> {
    asio::post(context, [&] { others_ran = true; });
    const Result<AccountRef> found = co_await cache.get(7);
    others_ran_before_the_answer = others_ran;
    EXPECT_TRUE(found);
  };
  asio::co_spawn(context, check(), [](const std::exception_ptr&) {});
  run();
  EXPECT_TRUE(others_ran);
  EXPECT_FALSE(others_ran_before_the_answer);
}

TEST_F(AccountCacheTest, a_user_who_is_not_there_is_null_and_not_kept) {
  const auto answer = ask(cache, 7);
  load(7, AccountRef());
  EXPECT_EQ(answer->value().value(), nullptr);
  EXPECT_EQ(cache.size(), 0u);
  EXPECT_EQ(get_now(cache, 7, 1)->id, 7);
  EXPECT_EQ(loader.reads(), 2);
}

TEST_F(AccountCacheTest, errors_and_exceptions_of_storage_come_through_and_leave_nothing) {
  const auto answer = ask(cache, 7);
  load(7, Error(ErrorCode::storage_unavailable));
  EXPECT_EQ(answer->value().error().code, ErrorCode::storage_unavailable);

  const auto thrown = ask(cache, 7);
  loader.fail(7);
  run();
  EXPECT_FALSE(*thrown);
  EXPECT_EQ(get_now(cache, 7, 2)->token_version, 2);
}

TEST_F(AccountCacheTest, control_entries_replace_and_remove_what_is_cached) {
  get_now(cache, 7, 1);
  cache.apply(7, account(7, 2));
  EXPECT_EQ(cache.find(7)->token_version, 2);
  cache.apply(7, nullptr);
  EXPECT_EQ(cache.find(7), nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

TEST_F(AccountCacheTest, control_entries_about_others_are_not_kept) {
  cache.apply(8, account(8, 1));
  cache.apply(9, nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

TEST_F(AccountCacheTest, T31_a_state_that_was_replaced_while_it_was_read_is_never_returned_or_kept) {
  const auto answer = ask(cache, 7);
  cache.apply(7, account(7, 2));  // committed after our read began
  load(7, account(7, 1));         // and this is what the read saw
  EXPECT_EQ(answer->value().value()->token_version, 2);
  EXPECT_EQ(cache.find(7)->token_version, 2);
}

TEST_F(AccountCacheTest, T32_a_user_deleted_while_he_was_read_is_read_again) {
  const auto answer = ask(cache, 7);
  cache.apply(7, nullptr);
  load(7, account(7, 1));
  EXPECT_FALSE(*answer);
  EXPECT_EQ(cache.find(7), nullptr);
  load(7, AccountRef());
  EXPECT_EQ(answer->value().value(), nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

TEST_F(AccountCacheTest, a_change_during_the_second_read_is_noticed_too) {
  const auto answer = ask(cache, 7);
  cache.apply(7, account(7, 2));
  cache.apply(7, nullptr);
  load(7, account(7, 1));
  cache.apply(7, account(7, 3));
  cache.apply(7, nullptr);
  load(7, account(7, 2));
  EXPECT_FALSE(*answer);
  load(7, AccountRef());
  EXPECT_EQ(answer->value().value(), nullptr);
  EXPECT_EQ(loader.reads(), 3);
}

TEST_F(AccountCacheTest, gives_up_on_an_account_that_never_stands_still) {
  const auto answer = ask(cache, 7);
  for (int i = 0; i < 100 && !*answer; ++i) {
    cache.apply(7, nullptr);
    load(7, account(7, i));
  }
  ASSERT_TRUE(*answer);
  EXPECT_EQ(answer->value().error().code, ErrorCode::overloaded);
  EXPECT_EQ(get_now(cache, 7, 1)->token_version, 1);
}

TEST_F(AccountCacheTest, readers_of_one_user_do_not_disturb_each_other) {
  const auto first = ask(cache, 7);
  const auto second = ask(cache, 7);
  load(7, account(7, 1));  // for the first
  EXPECT_EQ(first->value().value()->token_version, 1);
  EXPECT_FALSE(*second);
  cache.apply(7, account(7, 2));
  load(7, account(7, 1));
  EXPECT_EQ(second->value().value()->token_version, 2);
  EXPECT_EQ(cache.find(7)->token_version, 2);
}

TEST_F(AccountCacheTest, many_users_read_at_once_grow_the_maps_under_a_suspended_reader) {
  const auto first = ask(cache, 1);
  std::vector<std::shared_ptr<Answer>> others;
  for (UserId id = 2; id < 500; ++id) others.push_back(ask(cache, id));
  cache.apply(1, account(1, 2));
  for (UserId id = 2; id < 500; ++id) load(id, account(id, id));
  load(1, account(1, 1));
  EXPECT_FALSE(*first) << "outdated, and what replaced it had to give way to the others";
  load(1, account(1, 2));
  EXPECT_EQ(first->value().value()->token_version, 2);
  for (std::size_t i = 0; i < others.size(); ++i)
    EXPECT_EQ(others[i]->value().value()->id, static_cast<UserId>(i + 2));
  EXPECT_EQ(cache.size(), 100u);
}

TEST_F(AccountCacheTest, is_bounded_and_keeps_those_who_are_asked_for) {
  AccountCache small(loader.function(), 10);
  for (UserId id = 1; id <= 10; ++id) get_now(small, id, 1);
  for (UserId id = 11; id <= 200; ++id) {
    for (UserId busy = 1; busy <= 3; ++busy) EXPECT_NE(small.find(busy), nullptr) << id;
    get_now(small, id, 1);
    EXPECT_EQ(small.size(), 10u);
  }
}

TEST_F(AccountCacheTest, places_of_deleted_users_are_used_again) {
  AccountCache small(loader.function(), 4);
  for (UserId id = 1; id <= 1000; ++id) {
    get_now(small, id, 1);
    if (id % 3 != 0) small.apply(id, nullptr);
    EXPECT_LE(small.size(), 4u);
  }
  EXPECT_NE(small.find(999), nullptr);
}

TEST_F(AccountCacheTest, works_with_room_for_one_even_when_asked_for_none) {
  AccountCache none(loader.function(), 0);
  EXPECT_EQ(get_now(none, 1, 1)->id, 1);
  EXPECT_EQ(get_now(none, 2, 1)->id, 2);
  EXPECT_EQ(none.size(), 1u);
}

}  // namespace
}  // namespace corohub::auth
