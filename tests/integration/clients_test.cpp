// Clients and their keys over HTTP: who may, what is answered, and what ends at once.
#include "core/json.hpp"
#include "integration/namespaces.hpp"
#include "support/test_server.hpp"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::test {
namespace {

class Clients : public testing::Test {
 protected:
  Clients() {
    ask("POST", "", R"({"key":"bep"})");
    ask("POST", "/bep/flags",
        R"({"key":"new-feature","variants":{"on":true,"off":false},"defaultVariant":"on",
                                  "state":"ENABLED","package_gated":true})");
  }

  HttpAnswer ask(const std::string& method, const std::string& path, const std::string& body = {},
                 Headers headers = {}, std::optional<std::string> token = {}) {
    return ask_namespaces(client_, method, path, body, std::move(headers),
                          token.value_or(admin_.access_token));
  }
  HttpAnswer make(const std::string& key = "acme", const std::string& more = {}) {
    return ask("POST", "/bep/clients", R"({"key":")" + key + '"' + more + "}");
  }
  std::string make_key(const std::string& client = "acme") {
    return text(ask("POST", "/bep/clients/" + client + "/keys", R"({"name":"app"})"), "data.key");
  }
  std::string make_service_key(const std::string& scope) {
    json::object body{{"name", "ci"}, {"scopes", json::array{scope}}};
    return std::string(
        client_.post("/api/v1/admin/api-keys", body, admin_.access_token).at("data.key").as_string());
  }
  static std::string text(const HttpAnswer& answer, std::string_view path) {
    const json::value value = answer.at(path);
    return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
  }
  static std::string field(const HttpAnswer& answer) {
    const json::value body = answer.json();
    const json::object& first = body.at("errors").at(0).as_object();
    return std::string(first.at("code").as_string()) + " " + std::string(first.at("field").as_string());
  }
  // What a dry run says for somebody: the reason, or the code of the error.
  std::string dry_run(const std::string& whose) {
    const HttpAnswer answer = ask("POST", "/bep/environments/default/flags/new-feature/evaluate", whose);
    if (answer.status != 200) return field(answer);
    const json::value result = answer.at("data.result");
    const json::value* error = result.as_object().if_contains("errorCode");
    return std::string((error != nullptr ? *error : result.at("reason")).as_string());
  }

  TestServer server_;
  TestUser admin_ = server_.superadmin();
  HttpClient client_ = server_.client();
};

TEST_F(Clients, are_made_shown_replaced_patched_and_deleted_by_their_version) {
  const HttpAnswer made = make("acme", R"(,"attributes":{"plan":"gold"})");
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("Location"), "/api/v1/namespaces/bep/clients/acme");
  EXPECT_EQ(made.header("ETag"), "\"v1\"");
  EXPECT_FALSE(made.header("Corohub-Position").empty());
  json::object data = made.at("data").as_object();
  for (const char* member : {"id", "created_at", "updated_at"}) EXPECT_TRUE(data.erase(member));
  EXPECT_EQ(json::value(data),
            json::parse(R"({"key":"acme","name":"acme","user_id":null,"package":null,"platform":null,
                            "environment":null,"attributes":{"plan":"gold"},"status":"active",
                            "overrides":{},"version":1})"));
  EXPECT_EQ(text(make(), "code"), "key_taken");
  EXPECT_EQ(ask("GET", "/bep/clients/acme").at("data"), made.at("data"));
  EXPECT_EQ(ask("GET", "/bep/clients/acme", {}, {{"If-None-Match", "\"v1\""}}).status, 304);
  EXPECT_EQ(ask("GET", "/bep/clients/nobody").status, 404);

  EXPECT_EQ(ask("PATCH", "/bep/clients/acme", R"({"name":"A"})").status, 428);
  const HttpAnswer patched = ask("PATCH", "/bep/clients/acme?comment=why", R"({"attributes":{"seats":3}})",
                                 {{"If-Match", "\"v1\""}});
  EXPECT_EQ(patched.header("ETag"), "\"v2\"") << patched.body;
  EXPECT_EQ(patched.at("data.attributes"), json::parse(R"({"plan":"gold","seats":3})"));
  const HttpAnswer stale = ask("PATCH", "/bep/clients/acme", R"({"name":"A"})", {{"If-Match", "\"v1\""}});
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(stale.at("current"), patched.at("data"));
  EXPECT_EQ(ask("PATCH", "/bep/clients/acme", "{}", {{"If-Match", "\"v2\""}}).header("ETag"), "\"v2\"");
  const HttpAnswer replaced = ask("PUT", "/bep/clients/acme", R"({"name":"A"})", {{"If-Match", "*"}});
  EXPECT_EQ(replaced.at("data.attributes"), json::object());
  EXPECT_EQ(ask("PUT", "/bep/clients/nobody", "{}", {{"If-Match", "*"}}).status, 404);
  EXPECT_EQ(field(ask("PUT", "/bep/clients/acme", R"({"package":"no"})", {{"If-Match", "*"}})),
            "unknown_value /package");

  EXPECT_EQ(ask("DELETE", "/bep/clients/acme").status, 428);
  EXPECT_EQ(ask("DELETE", "/bep/clients/acme", {}, {{"If-Match", "\"v3\""}}).status, 204);
  EXPECT_EQ(ask("GET", "/bep/clients/acme").status, 404);
}

TEST_F(Clients, keys_may_have_colons_and_are_listed_with_a_cursor) {
  for (const std::string key : {"b", "a:1@x", "c"}) ASSERT_EQ(make(key).status, 201);
  EXPECT_EQ(ask("GET", "/bep/clients/a:1@x").status, 200);
  const HttpAnswer first = ask("GET", "/bep/clients?per_page=2");
  EXPECT_EQ(text(first, "meta.total"), "3");
  EXPECT_EQ(first.at("data").as_array().size(), 2U);
  EXPECT_EQ(first.json().at("data").at(0).at("key"), "a:1@x");
  const HttpAnswer second = ask("GET", "/bep/clients?per_page=2&cursor=" + text(first, "meta.next"));
  EXPECT_EQ(second.json().at("data").at(0).at("key"), "c");
  EXPECT_EQ(second.at("meta.next"), nullptr);
  EXPECT_EQ(field(ask("GET", "/bep/clients?cursor=%21")), "invalid_format /cursor");
  EXPECT_EQ(text(ask("GET", "/bep/clients?status=disabled"), "meta.total"), "0");
}

TEST_F(Clients, an_override_grants_in_a_dry_run_as_that_client_and_as_its_user) {
  const TestUser user = server_.register_user("Ann");
  const std::string user_id = std::to_string(user.id);
  ASSERT_EQ(make("acme", R"(,"user_id":)" + user_id).status, 201);
  EXPECT_EQ(dry_run(R"({"client":"acme"})"), "FLAG_NOT_FOUND");
  const std::string place = "/bep/clients/acme/overrides/new-feature";
  const HttpAnswer granted = ask("PUT", place, R"({"grant":true,"reason":"trial"})");
  EXPECT_EQ(granted.status, 200) << granted.body;
  EXPECT_EQ(granted.at("data.overrides"),
            json::parse(R"({"new-feature":{"grant":true,"reason":"trial","expires_at":null}})"));
  EXPECT_EQ(granted.header("ETag"), "\"v2\"");
  EXPECT_EQ(dry_run(R"({"client":"acme"})"), "STATIC");
  EXPECT_EQ(dry_run(R"({"user_id":)" + user_id + "}"), "STATIC");
  EXPECT_EQ(dry_run(R"({"client":"nobody"})"), "unknown_value /client");
  EXPECT_EQ(dry_run(R"({"client":"acme","user_id":)" + user_id + "}"), "invalid_value /user_id");

  EXPECT_EQ(ask("PUT", place, R"({"grant":true})", {{"If-Match", "\"v1\""}}).status, 412);
  EXPECT_EQ(ask("PUT", "/bep/clients/acme/overrides/none", R"({"grant":true})").status, 404);
  EXPECT_EQ(field(ask("PUT", place, R"({"expires_at":1})")), "required /grant");
  EXPECT_EQ(ask("PATCH", "/bep/clients/acme", R"({"status":"disabled"})", {{"If-Match", "*"}}).status, 200);
  EXPECT_EQ(dry_run(R"({"client":"acme"})"), "FLAG_NOT_FOUND");
  const HttpAnswer taken = ask("DELETE", place);
  EXPECT_EQ(taken.status, 204);
  EXPECT_EQ(taken.body, "");
  EXPECT_EQ(taken.header("ETag"), "\"v4\"");
  EXPECT_EQ(ask("GET", "/bep/clients/acme").at("data.overrides"), json::object());
  EXPECT_EQ(ask("DELETE", place).status, 404);
}

TEST_F(Clients, T31b_a_key_is_shown_once_and_stands_nowhere_else) {
  make();
  const HttpAnswer made = ask("POST", "/bep/clients/acme/keys", R"({"name":"app"})");
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string key = text(made, "data.key");
  EXPECT_TRUE(key.starts_with("chc_"));
  EXPECT_EQ(key.size(), 47U);
  EXPECT_EQ(made.header("Location"), "/api/v1/namespaces/bep/clients/acme/keys/" + text(made, "data.id"));
  EXPECT_EQ(made.header("ETag"), "");
  EXPECT_EQ(ask("POST", "/bep/clients/acme/keys").status, 201) << "a name is not needed";
  const HttpAnswer list = ask("GET", "/bep/clients/acme/keys");
  EXPECT_EQ(list.at("data").as_array().size(), 2U);
  EXPECT_EQ(list.body.find("chc_"), std::string::npos);
  for (int i = 2; i < 20; ++i) ask("POST", "/bep/clients/acme/keys");
  EXPECT_EQ(text(ask("POST", "/bep/clients/acme/keys"), "code"), "limit_reached");
  EXPECT_EQ(ask("DELETE", "/bep/clients/acme/keys/" + text(made, "data.id")).status, 204);
  EXPECT_EQ(ask("DELETE", "/bep/clients/acme/keys/" + text(made, "data.id")).status, 404);
  const HttpAnswer trail = client_.get("/api/v1/admin/audit?action=client_key.revoke", admin_.access_token);
  EXPECT_EQ(trail.at("data").as_array().size(), 1U);
  EXPECT_EQ(trail.body.find(key), std::string::npos);
}

TEST_F(Clients, T32_a_user_who_leaves_leaves_the_client) {
  const TestUser user = server_.register_user("Ann");
  make("acme", R"(,"user_id":)" + std::to_string(user.id));
  EXPECT_EQ(text(make("other", R"(,"user_id":)" + std::to_string(user.id)), "code"), "key_taken");
  EXPECT_EQ(client_.del("/api/v1/admin/users/" + std::to_string(user.id), admin_.access_token).status, 204);
  const HttpAnswer left = ask("GET", "/bep/clients/acme");
  EXPECT_EQ(left.at("data.user_id"), nullptr);
  EXPECT_EQ(left.header("ETag"), "\"v2\"");
}

TEST_F(Clients, are_there_after_a_restart) {
  make("acme", R"(,"attributes":{"plan":"gold"},"overrides":{"new-feature":{"grant":true}})");
  const std::string before = text(ask("GET", "/bep/clients/acme"), "data");
  server_.restart();
  client_ = server_.client();
  admin_ = server_.log_in(admin_.email, admin_.password);
  EXPECT_EQ(text(ask("GET", "/bep/clients/acme"), "data"), before);
}

TEST_F(Clients, T51_are_for_admins_and_keys_with_a_scope_of_the_namespace) {
  make();
  const TestUser user = server_.register_user("Bob");
  const std::string client_key = make_key();
  const std::string reads = make_service_key("flags:read");
  const std::string writes = make_service_key("flags:write");
  const std::string here = make_service_key("flags:write:bep");
  const std::string elsewhere = make_service_key("flags:write:other");
  const std::string evaluates = make_service_key("flags:evaluate");
  struct Route {
    std::string method;
    std::string path;
    bool changes;
  };
  const Route routes[] = {{"GET", "/bep/clients", false},
                          {"POST", "/bep/clients", true},
                          {"GET", "/bep/clients/acme", false},
                          {"PUT", "/bep/clients/acme", true},
                          {"PATCH", "/bep/clients/acme", true},
                          {"DELETE", "/bep/clients/acme", true},
                          {"PUT", "/bep/clients/acme/overrides/new-feature", true},
                          {"DELETE", "/bep/clients/acme/overrides/new-feature", true},
                          {"GET", "/bep/clients/acme/keys", false},
                          {"POST", "/bep/clients/acme/keys", true},
                          {"DELETE", "/bep/clients/acme/keys/999", true}};
  for (const Route& route : routes) {
    SCOPED_TRACE(route.method + " " + route.path);
    // Whoever may gets further: to what is missing in the request, or is not there.
    const auto by_key = [&](const std::string& key) {
      return ask(route.method, route.path, {}, {{"X-API-Key", key}}, "").status;
    };
    const auto is_refusal = [](int status) { return status == 401 || status == 403; };
    EXPECT_EQ(ask(route.method, route.path, {}, {}, "").status, 401);
    EXPECT_EQ(ask(route.method, route.path, {}, {}, user.access_token).status, 403);
    EXPECT_EQ(by_key(client_key), 401);
    EXPECT_EQ(ask(route.method, route.path, {}, {}, client_key).status, 401);
    EXPECT_EQ(by_key(evaluates), 403);
    EXPECT_EQ(by_key(elsewhere), 403);
    EXPECT_EQ(is_refusal(by_key(reads)), route.changes);
    EXPECT_FALSE(is_refusal(by_key(writes)));
    EXPECT_FALSE(is_refusal(by_key(here)));
  }
}

}  // namespace
}  // namespace corohub::test
