// POST /ofrep/v1/evaluate/… by clients, for clients, and by users who are one.
#include "ofrep_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::ofrep::test {
namespace {

using namespace std::chrono_literals;
using flags::NamespaceAccess;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr const char* by_corohub =
    R"({"state":"ENABLED","variants":{"client:acme":1,"gold":2,"client":3,"none":0},"defaultVariant":"none",
        "targeting":{"var":[{"var":"ask"}]}})";

class OfrepClients : public testing::Test {
 protected:
  explicit OfrepClients(Settings settings = {}) : rig(settings) {
    put({{1, {{"seats", 5}}}});
    rig.put(name_space("public", NamespaceAccess::everybody,
                       {environment("default", 1, {{"open"}}, default_parts())}));
    rig.put(acme());
  }

  // The namespace `shop`, for clients only, with its package `gold`.
  void put(std::vector<flags::Feature> of_gold, std::int64_t version = 1) {
    rig.put(name_space("shop", NamespaceAccess::clients,
                       {environment("default", 7,
                                    {{"paid", MadeFlag().definition, true, "", true},
                                     {"plain"},
                                     {"secret", MadeFlag().definition, false},
                                     {"who", by_corohub}},
                                    default_parts()),
                        environment("staging", 3, {{"staged"}})},
                       {package("gold", std::move(of_gold), version)}));
  }
  flags::Client acme() const {
    flags::Client client;
    client.id = 9;
    client.key = "acme";
    client.namespace_id = id_of("shop");
    client.package_id = id_of("gold");
    client.user_id = 1;
    client.version = acme_version;
    return client;
  }
  void change_acme(const std::function<void(flags::Client&)>& change) {
    ++acme_version;
    flags::Client client = acme();
    change(client);
    rig.put(std::move(client));
  }
  Headers key_headers() { return {{"X-API-Key", rig.make_client_key(9)}}; }
  Headers service_headers(std::vector<std::string> scopes, const std::string& client = "acme",
                          const std::string& name_space = "shop") {
    return {{"X-API-Key", rig.make_key(std::move(scopes))},
            {"X-Corohub-Client", client},
            {"X-Corohub-Namespace", name_space}};
  }
  Headers user_headers(UserId id = 1) {
    return {{"Authorization", "Bearer " + rig.token(*rig.add_account(id, Role::user))}};
  }
  std::string keys(Headers headers, const std::string& query = "") {
    const Reply reply = rig.ask({"/ofrep/v1/evaluate/flags" + query, "", std::move(headers)});
    if (reply.status != 200) return std::to_string(reply.status);
    std::string all;
    const json::object body = reply.json();
    for (const json::value& flag : body.at("flags").as_array())
      all.append(std::string_view(flag.at("key").as_string())).append(" ");
    return all;
  }
  std::string tag(const Headers& headers) { return rig.ask({.headers = headers}).headers.at("ETag"); }
  int status(Headers headers, const std::string& tag) {
    headers.emplace_back("If-None-Match", tag);
    return rig.ask({.headers = std::move(headers)}).status;
  }

  OfrepRig rig;
  std::int64_t acme_version = 1;
};

TEST_F(OfrepClients, a_client_gets_its_package_without_a_word_about_the_place) {
  const Headers key = key_headers();
  EXPECT_EQ(keys(key), "paid plain who ");
  EXPECT_EQ(keys({{"Authorization", "Bearer " + key[0].second}}), "paid plain who ");
  const Reply one = rig.ask({"/ofrep/v1/evaluate/flags/paid", "", key});
  EXPECT_EQ(one.body,
            R"({"key":"paid","value":true,"reason":"STATIC","variant":"on","metadata":{"limits.seats":5}})");
  EXPECT_TRUE(one.prompt);
  EXPECT_EQ(rig.ask({"/ofrep/v1/evaluate/flags/secret", "", key}).status, 404);
  EXPECT_EQ(rig.ask({.headers = key}).json().at("metadata").at("flagSetId"), "shop/default");
  for (const auto& [ask, variant] :
       {std::pair("targetingKey", "client:acme"), std::pair("corohub.package", "gold"),
        std::pair("corohub.kind", "client"), std::pair("corohub.userId", "none")})
    EXPECT_EQ(
        rig.ask({"/ofrep/v1/evaluate/flags/who", std::string(R"({"context":{"ask":")") + ask + R"("}})", key})
            .json()
            .at("variant"),
        variant);
}

// ---- where ----

TEST_F(OfrepClients, T51c_a_client_is_at_home_in_one_place_only) {
  const Headers key = key_headers();
  EXPECT_EQ(keys(key, "?namespace=shop&environment=default"), "paid plain who ");
  for (const char* place : {"?namespace=public", "?namespace=none", "?environment=staging",
                            "?namespace=shop&environment=staging", "?environment=none"})
    EXPECT_EQ(keys(key, place), "404") << place;
  change_acme([&](flags::Client& client) { client.environment_id = id_of("staging"); });
  EXPECT_EQ(keys(key), "staged ");
  EXPECT_EQ(keys(key, "?environment=staging"), "staged ");
  EXPECT_EQ(keys(key, "?environment=default"), "404");
}

TEST_F(OfrepClients, a_user_who_is_a_client_may_be_where_its_clients_are) {
  EXPECT_EQ(keys(user_headers(1), "?namespace=shop"), "paid plain who ");
  EXPECT_EQ(keys(user_headers(1), "?namespace=shop&environment=staging"), "staged ");
  EXPECT_EQ(keys(user_headers(2), "?namespace=shop"), "404");
  EXPECT_EQ(keys({}, "?namespace=shop"), "401");
  change_acme([&](flags::Client& client) { client.environment_id = id_of("staging"); });
  EXPECT_EQ(keys(user_headers(1), "?namespace=shop"), "staged ");
  change_acme([](flags::Client& client) { client.status = flags::Client::Status::disabled; });
  EXPECT_EQ(keys(user_headers(1), "?namespace=shop"), "404");
}

TEST_F(OfrepClients, T51f_a_service_may_ask_for_a_client_where_its_scopes_are) {
  EXPECT_EQ(keys(service_headers({"flags:evaluate:shop"})), "paid plain who ");
  EXPECT_EQ(keys(service_headers({"flags:read"})), "paid plain who ");
  EXPECT_EQ(keys(service_headers({"flags:read"}), "?environment=staging"), "staged ") << "it may be anywhere";
  EXPECT_EQ(keys(service_headers({"flags:evaluate:public"})), "404");
  EXPECT_EQ(keys(service_headers({"publish"})), "404");
  EXPECT_EQ(keys(service_headers({"flags:read"}, "nobody")), "404");
  EXPECT_EQ(keys(service_headers({"flags:read"}, "acme", "public")), "404")
      << "a client of another namespace";
  EXPECT_EQ(keys(service_headers({"flags:read"}, "acme", "none")), "404");
  for (Headers others : {key_headers(), user_headers(1)}) {
    others.emplace_back("X-Corohub-Client", "nobody");
    EXPECT_EQ(keys(others, "?namespace=shop"), "paid plain who ") << "from others it is ignored";
  }
  EXPECT_EQ(keys({{"X-Corohub-Client", "nobody"}}, "?namespace=public"), "open ");
  change_acme([](flags::Client& client) { client.environment_id = id_of("staging"); });
  EXPECT_EQ(keys(service_headers({"flags:read"})), "staged ");
  change_acme([](flags::Client& client) { client.status = flags::Client::Status::disabled; });
  EXPECT_EQ(keys(service_headers({"flags:read"})), "404");
}

// ---- the end of a key ----

TEST_F(OfrepClients, T31_a_key_that_has_ended_opens_nothing) {
  const Headers revoked = key_headers();
  EXPECT_EQ(keys(revoked), "paid plain who ");
  rig.revoke_client_key();
  EXPECT_EQ(keys(revoked), "401");
  const Headers disabled = key_headers();
  EXPECT_EQ(keys(disabled), "paid plain who ");
  change_acme([](flags::Client& client) { client.status = flags::Client::Status::disabled; });
  EXPECT_EQ(keys(disabled), "401");
  EXPECT_EQ(keys(disabled, "?namespace=public"), "401") << "it is no guest either";
  change_acme([](flags::Client&) {});
  EXPECT_EQ(keys(disabled), "paid plain who ");
  rig.remove_client(9);
  EXPECT_EQ(keys(disabled), "401");
  const Headers unknown{{"X-API-Key", flags::make_client_key()}};
  EXPECT_EQ(keys(unknown), "401");
}

// ---- 304 ----

TEST_F(OfrepClients, T51e_the_tag_is_of_client_and_package) {
  const Headers key = key_headers();
  EXPECT_EQ(status(key, tag(key)), 304);
  EXPECT_EQ(status(key_headers(), tag(key)), 200) << "the address of a stream is good for one key";
  EXPECT_EQ(status(service_headers({"flags:read"}), tag(key)), 200);
  const std::string by_user =
      rig.ask({"/ofrep/v1/evaluate/flags?namespace=shop", "", user_headers(1)}).headers.at("ETag");
  EXPECT_NE(by_user, tag(key));
  std::string known = tag(key);
  put({{1, {{"seats", 6}}}}, 2);
  EXPECT_EQ(status(key, known), 200) << "the package";
  known = tag(key);
  change_acme([](flags::Client& client) { client.attributes = R"({"a":1})"; });
  EXPECT_EQ(status(key, known), 200) << "the client";
}

// Nothing changes in that moment but the time.
TEST_F(OfrepClients, T51f_an_answer_is_not_good_for_longer_than_an_override) {
  const UnixMs now = rig.clock.unix_ms();
  change_acme([&](flags::Client& client) {
    client.package_id = 0;
    client.overrides = {{1, true, "trial", now + 1000}, {2, true, "", now + 3000}};
  });
  const Headers key = key_headers();
  const std::string known = tag(key);
  EXPECT_EQ(keys(key), "paid plain who ");
  rig.clock.advance(999ms);
  EXPECT_EQ(status(key, known), 304);
  rig.clock.advance(1ms);
  EXPECT_EQ(status(key, known), 200);
  EXPECT_EQ(keys(key), "plain who ");
  EXPECT_EQ(rig.ask({"/ofrep/v1/evaluate/flags/paid", "", key}).status, 404);
}

// ---- what it costs ----

class OfrepClientRates : public OfrepClients {
 protected:
  OfrepClientRates() : OfrepClients({.requests = {2, 1s, 2}, .service_requests = {3, 1s, 3}}) {}
  std::string statuses(int times, const Headers& headers, const std::string& peer = "192.0.2.1") {
    std::string all;
    for (int i = 0; i < times; ++i)
      all += std::to_string(rig.ask({.headers = headers, .peer = peer}).status) + " ";
    return all;
  }
};

TEST_F(OfrepClientRates, T17_a_client_pays_by_its_address_for_its_key_is_shipped) {
  const Headers key = key_headers();
  EXPECT_EQ(statuses(3, key), "200 200 429 ");
  EXPECT_EQ(statuses(1, key_headers()), "429 ") << "another key at that address";
  EXPECT_EQ(statuses(1, key, "192.0.2.2"), "200 ");
  EXPECT_EQ(statuses(4, service_headers({"flags:read"})), "200 200 200 429 ");
}

TEST_F(OfrepClientRates, T17_a_client_key_that_was_good_is_not_shut_out_by_others_at_its_address) {
  const Headers good = key_headers();
  EXPECT_EQ(statuses(1, good), "200 ");
  rig.clock.advance(flags::ClientKeyCache::life);
  EXPECT_EQ(statuses(3, {{"X-API-Key", flags::make_client_key()}}), "401 401 429 ");
  EXPECT_EQ(statuses(1, good), "200 ");
}

// Counted, because time depends on the machine: what a client adds to a bulk of a user's.
TEST_F(OfrepClients, costs_little_more_than_others) {
  const std::string body = R"({"context":{"targetingKey":"user-42","plan":"pro"}})";
  Asked asked{"/ofrep/v1/evaluate/flags", body, key_headers()};
  asked.headers.emplace_back("If-None-Match", rig.ask(asked).headers.at("ETag"));
  EXPECT_LE(rig.allocations_of(asked), 50U) << "304";
  asked.headers.pop_back();
  EXPECT_LE(rig.allocations_of(asked), 70U);
}

}  // namespace
}  // namespace corohub::gateway::ofrep::test
