#include "users/service_keys.hpp"

#include "gateway/session/publishing.hpp"
#include "support/test_database.hpp"

#include <array>
#include <functional>

#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

using namespace corohub::users;

using corohub::test::run_task;
using Scopes = std::vector<std::string>;

TEST(ServiceKeys, knows_its_scopes) {
  for (const char* scope :
       {"publish", "publish:user", "publish:role", "publish:all", "publish:topic", "publish:topic:rooms/one",
        "publish:topic:rooms/*", "publish:topic:**", "flags:read", "flags:write:bep", "flags:evaluate:a.b",
        "flags:ingest", "flags:ingest:bep", "config:read", "config:read:bep", "config:emit"})
    EXPECT_TRUE(is_scope(scope)) << scope;
  for (const char* scope :
       {"", "*", "read", "publish:", "publish:users", "publish:topic:", "publish:topic:/a",
        "publish:topic:a b", "publish:topic:**/a", "PUBLISH", "flags", "flags:read:", "flags:reads",
        "flags:read:-a", "flags:read:a/b", "config", "config:write", "config:read:", "config:emit:bep"})
    EXPECT_FALSE(is_scope(scope)) << scope;
}

TEST(ServiceKeys, a_right_holds_everywhere_or_in_one_namespace) {
  EXPECT_TRUE(scopes_allow({"flags:read"}, "flags:read", "bep"));
  EXPECT_TRUE(scopes_allow({"flags:read:bep"}, "flags:read", "bep"));
  EXPECT_FALSE(scopes_allow({"flags:read:bep"}, "flags:read", "be"));
  EXPECT_FALSE(scopes_allow({"flags:read:bep"}, "flags:read", "other"));
  EXPECT_FALSE(scopes_allow({"flags:write", "publish"}, "flags:read", "bep"));
}

TEST(ServiceKeys, a_scope_allows_what_it_names) {
  const hub::Audience nobody;
  const hub::Audience user = hub::Audience::user(7);
  const hub::Audience role = hub::Audience::exactly(Role::admin);
  const hub::Audience all = hub::Audience::everyone();
  const auto allowed = [&](const Scopes& scopes) {
    std::string list;
    if (scopes_allow(scopes, "", user)) list += "user ";
    if (scopes_allow(scopes, "", role)) list += "role ";
    if (scopes_allow(scopes, "", all)) list += "all ";
    if (scopes_allow(scopes, "rooms/one", nobody)) list += "room ";
    if (scopes_allow(scopes, "other", nobody)) list += "other ";
    return list;
  };
  EXPECT_EQ(allowed({}), "");
  EXPECT_EQ(allowed({"publish"}), "user role all room other ");
  EXPECT_EQ(allowed({"publish:user"}), "user ");
  EXPECT_EQ(allowed({"publish:role"}), "role ");
  EXPECT_EQ(allowed({"publish:all"}), "all ");
  EXPECT_EQ(allowed({"publish:topic"}), "room other ");
  EXPECT_EQ(allowed({"publish:topic:rooms/*"}), "room ");
  EXPECT_EQ(allowed({"publish:topic:rooms/*", "publish:user"}), "user room ");
}

TEST(ServiceKeys, are_random_and_look_like_themselves) {
  const std::string key = make_service_key();
  EXPECT_TRUE(looks_like_service_key(key));
  EXPECT_NE(key, make_service_key());
  EXPECT_FALSE(looks_like_service_key(key + "x"));
  EXPECT_FALSE(looks_like_service_key("eyJhbGciOiJIUzI1NiJ9.e30.x"));
}

class StoredServiceKey : public testing::Test {
 protected:
  ServiceKey add(const std::string& secret, Scopes scopes, std::optional<UserId> maker = {},
                 std::optional<UnixMs> expires_at = {}) {
    ServiceKey key;
    key.name = "Shop";
    key.created_by = maker;
    key.expires_at = expires_at;
    key.scopes = std::move(scopes);
    auto unit = [=](storage::UnitOfWork& work) { return add_service_key(work, secret, key); };
    return db_.commit(unit).value().value;
  }
  std::optional<ServiceKey> find(const std::string& secret) {
    auto read = [=, this](storage::Snapshot& snapshot) {
      return Result<std::optional<ServiceKey>>(find_service_key(snapshot, secret, db_.clock.unix_ms()));
    };
    return db_.read(read).value();
  }
  std::vector<ServiceKey> list() {
    auto read = [=, this](storage::Snapshot& snapshot) {
      return Result<std::vector<ServiceKey>>(list_service_keys(snapshot, db_.clock.unix_ms()));
    };
    return db_.read(read).value();
  }
  void run(std::string_view sql) {
    auto unit = [=](storage::UnitOfWork& work) -> Result<storage::Nothing> {
      work.query(sql).run();
      return storage::Nothing{};
    };
    ASSERT_TRUE(db_.commit(unit));
  }
  void add_user(UserId id, std::string_view role) {
    run("INSERT INTO users (id, name, email, email_key, role, password_hash, created_at, updated_at) VALUES "
        "(" +
        std::to_string(id) + ", 'a', 'a', 'a" + std::to_string(id) + "', '" + std::string(role) +
        "', '', 0, 0)");
  }
  // Whether an order that was accepted before `change` is still done after it.
  bool publishes_after(const ServiceKey& key, const std::function<void()>& change) {
    PublishOrder order = accept(key, "rooms/one").value();
    change();
    return run_task([&] { return publishing_.publish(std::move(order)); }).has_value();
  }
  void revoke(ServiceKeyId id) {
    auto unit = [=](storage::UnitOfWork& work) {
      return Result<std::optional<std::string>>(remove_service_key(work, id));
    };
    EXPECT_EQ(db_.commit(unit).value().value, "Shop");
  }
  Result<PublishOrder> accept(const ServiceKey& key, const std::string& topic) {
    Publication publication;
    publication.topic = topic;
    publication.data = "1";
    return publishing_.accept({.service_key = key.id, .scopes = key.scopes}, std::move(publication));
  }

  corohub::test::TestDatabase db_;
  const hub::TopicRules rules_;
  Publishing publishing_{db_.hub, db_.writer, rules_, db_.clock, 1000};
};

TEST_F(StoredServiceKey, is_found_by_itself_only) {
  const ServiceKey made = add("chk_secret", {"publish:user", "publish:all"});
  const std::optional<ServiceKey> found = find("chk_secret");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, made.id);
  EXPECT_EQ(found->scopes, made.scopes);
  EXPECT_EQ(found->last_used_at, std::nullopt);
  EXPECT_FALSE(find("chk_other"));
  revoke(made.id);
  EXPECT_FALSE(find("chk_secret"));
}

TEST_F(StoredServiceKey, publishes_in_topics_of_its_scope_and_its_use_is_noted) {
  const ServiceKey key = add("chk_secret", {"publish:topic:public/*"});
  EXPECT_EQ(accept(key, "rooms/one").error().code, ErrorCode::forbidden);
  EXPECT_EQ(accept(key, "public/a/b").error().code, ErrorCode::forbidden) << "no rule, no topic";
  Result<PublishOrder> order = accept(key, "public/news");
  ASSERT_TRUE(order);
  EXPECT_FALSE(order->at_once()) << "the key is only known to the database";
  EXPECT_TRUE(run_task([&] { return publishing_.publish(std::move(*order)); }));
  EXPECT_EQ(find("chk_secret")->last_used_at, db_.clock.unix_ms());
}

TEST_F(StoredServiceKey, is_judged_again_on_the_writer) {
  const ServiceKey key = add("chk_secret", {"publish"});
  PublishOrder order = accept(key, "rooms/one").value();
  revoke(key.id);
  const Result<Published> published = run_task([&] { return publishing_.publish(std::move(order)); });
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, ErrorCode::invalid_token);
  EXPECT_EQ(db_.writer.committed_seq(), 0);
}

TEST_F(StoredServiceKey, T43_stops_with_the_rank_of_its_maker) {
  const std::array changes = {"UPDATE users SET role = 'user' WHERE id = 7",
                              "UPDATE users SET status = 'disabled' WHERE id = 7",
                              "DELETE FROM users WHERE id = 7"};
  int i = 0;
  for (const char* change : changes) {
    add_user(7, "admin");
    const std::string secret = "chk_" + std::to_string(i++);
    const ServiceKey key = add(secret, {"publish"}, 7);
    EXPECT_TRUE(publishes_after(key, [] {}));
    EXPECT_FALSE(publishes_after(key, [&] { run(change); })) << change;
    EXPECT_FALSE(find(secret)) << change;
    EXPECT_FALSE(list().back().active) << change;
    run("DELETE FROM users");
  }
}

TEST_F(StoredServiceKey, stops_at_its_end) {
  const ServiceKey key = add("chk_secret", {"publish"}, std::nullopt, db_.clock.unix_ms() + 1000);
  EXPECT_EQ(find("chk_secret")->expires_at, key.expires_at);
  db_.clock.advance(std::chrono::milliseconds(999));
  EXPECT_TRUE(publishes_after(key, [] {}));
  EXPECT_FALSE(publishes_after(key, [&] { db_.clock.advance(std::chrono::milliseconds(1)); }));
  EXPECT_FALSE(find("chk_secret"));
  EXPECT_FALSE(list().back().active);
}

}  // namespace
}  // namespace corohub::gateway
