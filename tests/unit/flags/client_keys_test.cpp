// The keys of clients: what is stored of them, how many there may be, and how one shard knows them.
#include "core/encoding.hpp"
#include "flags/client_key_cache.hpp"
#include "support/test_database.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::flags {
namespace {

using storage::Nothing;
using storage::UnitOfWork;

class ClientKeysTest : public testing::Test, public ClientKeyListener {
 protected:
  ClientKeysTest() {
    auto unit = [](UnitOfWork& work) -> Result<Nothing> {
      for (int id = 1; id <= 2; ++id)
        work.query(
                "INSERT INTO clients (id, namespace_id, key, name, version, created_at, updated_at) VALUES "
                "(?1, 1, 'c' || ?1, '', 1, 0, 0)")
            .bind(id)
            .run();
      return Nothing{};
    };
    database.commit(unit).value();
    directories.begin(1, {}, {client(1), client(2)});
    cache.emplace(database.readers, directories.of(0), clock);
    cache->add_listener(*this);
  }
  ~ClientKeysTest() override { cache->remove_listener(*this); }

  void client_keys_ended(const EndedClientKeys& which) noexcept override { ended.push_back(which); }

  static ClientRef client(std::int64_t id, Client::Status status = Client::Status::active) {
    auto one = std::make_shared<Client>();
    one->id = id;
    one->key = "c" + std::to_string(id);
    one->namespace_id = 1;
    one->status = status;
    return one;
  }
  void apply(ClientChange change) { directories.change(std::move(change))->apply(0); }

  Result<ClientKey> store(const std::string& secret, std::int64_t client_id = 1) {
    auto unit = [&](UnitOfWork& work) {
      return add_client_key(work, secret, {.client_id = client_id, .name = "CI"});
    };
    auto stored = database.commit(unit);
    if (!stored) return stored.error();
    return stored->value;
  }
  std::string make(std::int64_t client_id = 1) {
    std::string secret = make_client_key();
    made = store(secret, client_id).value();
    return secret;
  }
  Result<ClientKeyRef> get(const std::string& secret) {
    return corohub::test::run_task([&] { return cache->get(secret); });
  }
  bool remove(std::int64_t client_id, ClientKeyId id) {
    auto unit = [&](UnitOfWork& work) -> Result<bool> {
      return remove_client_key(work, client_id, id).has_value();
    };
    return database.commit(unit).value().value;
  }

  corohub::test::TestDatabase database;
  corohub::test::ManualClock clock;
  Directories directories;
  std::optional<ClientKeyCache> cache;
  ClientKey made;
  std::vector<EndedClientKeys> ended;
};

TEST_F(ClientKeysTest, T31b_a_key_is_shown_once_and_kept_as_its_hash) {
  const std::string secret = make();
  EXPECT_EQ(secret.size(), 4U + 43U);
  EXPECT_TRUE(looks_like_client_key(secret));
  EXPECT_FALSE(looks_like_client_key(secret + "a"));
  EXPECT_FALSE(looks_like_client_key("chk_" + secret.substr(4)));
  auto read = [](storage::Snapshot& snapshot) -> Result<std::string> {
    storage::Query query = snapshot.query("SELECT hash FROM client_keys");
    query.next();
    return query.blob(0);
  };
  EXPECT_EQ(database.read(read).value(), sha256_text(secret));
}

TEST_F(ClientKeysTest, a_client_has_twenty_keys_at_most) {
  for (std::size_t i = 0; i < client_keys_max; ++i) make();
  EXPECT_EQ(store(make_client_key()).error().code, ErrorCode::limit_reached);
  EXPECT_TRUE(store(make_client_key(), 2)) << "another client's are its own";
  EXPECT_FALSE(remove(2, made.id)) << "and are not removed as another's";
  EXPECT_TRUE(remove(1, made.id));
  EXPECT_TRUE(store(make_client_key()));
}

TEST_F(ClientKeysTest, is_known_from_memory_and_by_its_id) {
  const std::string secret = make();
  EXPECT_EQ(cache->find(secret), nullptr);
  ASSERT_TRUE(get(secret));
  ASSERT_NE(cache->find(secret), nullptr);
  EXPECT_EQ(cache->find(secret)->client_id, 1);
  const auto by_id = corohub::test::run_task([&] { return cache->get(made.id); });
  ASSERT_TRUE(by_id);
  EXPECT_EQ((*by_id)->name, "CI");
  EXPECT_EQ(get(make_client_key()).error().code, ErrorCode::invalid_token);
}

TEST_F(ClientKeysTest, T31b_a_revoked_key_is_forgotten_where_the_revocation_is_applied) {
  const std::string secret = make();
  const std::string other = make(2);
  ASSERT_TRUE(get(secret));
  ASSERT_TRUE(get(other));
  const ClientKeyId id = cache->find(secret)->id;
  directories.change(ClientKeyRevoked{id})->apply(0);
  EXPECT_EQ(cache->find(secret), nullptr);
  EXPECT_NE(cache->find(other), nullptr);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].id, id);
}

TEST_F(ClientKeysTest, T31b_keys_of_a_client_that_is_disabled_or_gone_end_and_come_back_with_it) {
  const std::string secret = make();
  ASSERT_TRUE(get(secret));
  apply({client(1), client(1, Client::Status::disabled)});
  EXPECT_EQ(cache->find(secret), nullptr);
  EXPECT_EQ(get(secret).error().code, ErrorCode::invalid_token) << "the row alone says nothing";
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_TRUE(ended[0].concerns({5, 1, "", 0}));
  EXPECT_FALSE(ended[0].concerns({5, 2, "", 0}));
  apply({client(1, Client::Status::disabled), client(1)});
  EXPECT_TRUE(get(secret));
  apply({client(1), nullptr});
  EXPECT_FALSE(get(secret));
  EXPECT_EQ(ended.size(), 2U);
}

}  // namespace
}  // namespace corohub::flags
