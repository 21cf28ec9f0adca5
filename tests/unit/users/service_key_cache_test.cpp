// The service keys of one shard: known without a look at the database, and gone at once when they end.
#include "users/service_key_cache.hpp"

#include "support/test_database.hpp"

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

namespace corohub::users {
namespace {

using namespace std::chrono_literals;
using storage::Nothing;
using storage::UnitOfWork;

class ServiceKeyCacheTest : public testing::Test, public ServiceKeyListener {
 protected:
  ServiceKeyCacheTest() {
    auto unit = [](UnitOfWork& work) -> Result<Nothing> {
      work.query(
              "INSERT INTO users (id, name, email, email_key, role, password_hash, created_at, updated_at) "
              "VALUES (7, '', 'a@b', 'a@b', 'admin', '', 0, 0)")
          .run();
      return Nothing{};
    };
    database.commit(unit).value();
    cache.add_listener(*this);
  }
  ~ServiceKeyCacheTest() override { cache.remove_listener(*this); }

  void service_keys_ended(const EndedKeys& which) noexcept override { ended.push_back(which); }

  std::string make(std::optional<UnixMs> expires_at = {}) {
    const std::string secret = make_service_key();
    ServiceKey key;
    key.name = "Shop";
    key.scopes = {"flags:read"};
    key.created_by = 7;
    key.expires_at = expires_at;
    auto unit = [&](UnitOfWork& work) { return add_service_key(work, secret, key); };
    id = database.commit(unit).value().value.id;
    return secret;
  }
  Result<ServiceKeyRef> get(const std::string& secret) {
    return corohub::test::run_task([&] { return cache.get(secret); });
  }
  // Behind the back of the shard.
  void remove_row() {
    auto unit = [this](UnitOfWork& work) -> Result<Nothing> {
      remove_service_key(work, id);
      return Nothing{};
    };
    database.commit(unit).value();
  }
  void account_becomes(Role role, UserStatus status = UserStatus::active, UserId user = 7) {
    auto account = std::make_shared<Account>();
    account->id = user;
    account->role = role;
    account->status = status;
    accounts.apply(user, account);
  }

  corohub::test::TestDatabase database;
  corohub::test::ManualClock clock;
  auth::AccountCache accounts{[](UserId) -> Task<Result<AccountRef>> { co_return AccountRef(); }, 10};
  ServiceKeyCache cache{database.readers, accounts, clock};
  ServiceKeyId id = 0;
  std::vector<EndedKeys> ended;
};

TEST_F(ServiceKeyCacheTest, knows_for_a_while_what_it_has_read) {
  const std::string secret = make();
  EXPECT_EQ(cache.find(secret), nullptr);
  ASSERT_TRUE(get(secret));
  remove_row();
  ASSERT_NE(cache.find(secret), nullptr);
  EXPECT_EQ(cache.find(secret)->scopes, std::vector<std::string>{"flags:read"});
  clock.advance(ServiceKeyCache::life);
  EXPECT_EQ(cache.find(secret), nullptr);
  EXPECT_TRUE(cache.was_good(secret));
  EXPECT_NE(cache.find_in_use(secret), nullptr) << "nothing has ended it";
  EXPECT_EQ(get(secret).error().code, ErrorCode::invalid_token);
  EXPECT_FALSE(cache.was_good(secret));
}

TEST_F(ServiceKeyCacheTest, a_key_ends_at_its_time) {
  const std::string secret = make(clock.unix_ms() + 5000);
  ASSERT_TRUE(get(secret));
  clock.advance(4999ms);
  EXPECT_NE(cache.find(secret), nullptr);
  clock.advance(1ms);
  EXPECT_EQ(cache.find_in_use(secret), nullptr);
}

TEST_F(ServiceKeyCacheTest, a_revoked_key_is_forgotten_where_the_revocation_is_applied) {
  ServiceKeyCaches caches;
  caches.push_back(std::make_unique<ServiceKeyCache>(database.readers, accounts, clock));
  const std::string secret = make();
  const auto get_there = [&] { return corohub::test::run_task([&] { return caches[0]->get(secret); }); };
  ASSERT_TRUE(get_there());
  const hub::ShardChangeRef change = service_key_removed(caches, id);
  EXPECT_NE(caches[0]->find(secret), nullptr);
  change->apply(0);
  EXPECT_EQ(caches[0]->find(secret), nullptr);
}

TEST_F(ServiceKeyCacheTest, T31_a_key_ends_with_the_rights_of_its_maker) {
  const std::string secret = make();
  ASSERT_TRUE(get(secret));
  account_becomes(Role::superadmin);
  EXPECT_NE(cache.find(secret), nullptr);
  account_becomes(Role::admin, UserStatus::disabled);
  EXPECT_EQ(cache.find(secret), nullptr);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].made_by, 7);
  ASSERT_TRUE(get(secret)) << "the row says otherwise";
  account_becomes(Role::user);
  EXPECT_EQ(cache.find(secret), nullptr);
  ASSERT_TRUE(get(secret));
  accounts.apply(7, nullptr);
  EXPECT_EQ(cache.find(secret), nullptr);
}

TEST_F(ServiceKeyCacheTest, nobody_is_told_of_accounts_that_made_no_key) {
  const std::string secret = make();
  ASSERT_TRUE(get(secret));
  account_becomes(Role::user, UserStatus::active, 8);
  EXPECT_TRUE(ended.empty());
  account_becomes(Role::user);
  EXPECT_EQ(ended.size(), 1U);
}

TEST_F(ServiceKeyCacheTest, T31_an_end_is_remembered_for_as_long_as_it_can_be_and_of_its_key_alone) {
  const std::string secret = make();
  const ServiceKeyRef key = get(secret).value();
  const std::uint64_t before = cache.ends();
  cache.remove(id + 1);
  EXPECT_FALSE(cache.has_ended_since(before, *key));
  cache.remove(id);
  EXPECT_TRUE(cache.has_ended_since(before, *key));
  const std::uint64_t after = cache.ends();
  for (std::size_t i = 0; i < ServiceKeyCache::ends_kept; ++i) cache.remove(id + 1);
  EXPECT_FALSE(cache.has_ended_since(after, *key));
  cache.remove(id + 1);
  EXPECT_TRUE(cache.has_ended_since(after, *key)) << "which is too long ago";
}

TEST_F(ServiceKeyCacheTest, T31_a_key_that_is_read_while_its_maker_loses_his_rights_has_ended) {
  const std::string secret = make();
  asio::io_context context(1);
  std::optional<Result<ServiceKeyRef>> answer;
  asio::co_spawn(context, cache.get(secret),
                 [&](const std::exception_ptr&, Result<ServiceKeyRef> result) { answer.emplace(result); });
  context.run_one();  // the read is asked for; its answer comes back to this context
  account_becomes(Role::user);
  context.run();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error().code, ErrorCode::invalid_token);
}

TEST_F(ServiceKeyCacheTest, what_ends_while_it_is_read_has_ended) {
  const std::string secret = make();
  asio::io_context context(1);
  std::optional<Result<ServiceKeyRef>> answer;
  asio::co_spawn(context, cache.get(secret),
                 [&](const std::exception_ptr&, Result<ServiceKeyRef> result) { answer.emplace(result); });
  context.run_one();  // the read is asked for; its answer comes back to this context
  cache.remove(id);
  context.run();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->error().code, ErrorCode::invalid_token);
  EXPECT_EQ(cache.find(secret), nullptr);
}

}  // namespace
}  // namespace corohub::users
