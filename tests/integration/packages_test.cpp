// Platforms and packages over HTTP: who may, what a version protects, what is answered and told.
#include "core/json.hpp"
#include "integration/namespaces.hpp"
#include "support/test_server.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::test {
namespace {

class Packages : public testing::Test {
 protected:
  Packages() {
    ask("POST", "", R"({"key":"bep"})");
    for (const std::string key : {"new-feature", "other"})
      ask("POST", "/bep/flags",
          R"({"key":")" + key +
              R"(","variants":{"on":true,"off":false},"defaultVariant":"on","state":"ENABLED"})");
  }

  HttpAnswer ask(const std::string& method, const std::string& path, const std::string& body = {},
                 Headers headers = {}, std::optional<std::string> token = {}) {
    return ask_namespaces(client_, method, path, body, std::move(headers),
                          token.value_or(admin_.access_token));
  }
  std::string make_key(const std::string& scope) {
    const json::object body{{"name", "ci"}, {"scopes", json::array{scope}}};
    const HttpAnswer made = client_.post("/api/v1/admin/api-keys", body, admin_.access_token);
    return std::string(made.at("data.key").as_string());
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
  // Types of what the log has of platforms, packages and flags, newest last.
  std::vector<std::string> told() {
    std::vector<std::string> types;
    const HttpAnswer page =
        client_.get("/api/v1/events?limit=300&types=platform.*,package.*", admin_.access_token);
    const json::value events = page.at("data");
    for (const json::value& event : events.as_array()) types.emplace_back(event.at("type").as_string());
    return types;
  }

  TestServer server_;
  TestUser admin_ = server_.superadmin();
  HttpClient client_ = server_.client();
};

TEST_F(Packages, a_platform_is_made_shown_changed_switched_and_deleted) {
  const HttpAnswer made = ask("POST", "/bep/platforms", R"({"key":"web","config":{"a":1,"b":{"c":2}}})");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.header("Location"), "/api/v1/namespaces/bep/platforms/web");
  EXPECT_EQ(made.header("ETag"), "\"v1\"");
  EXPECT_EQ(text(made, "data.name"), "web");
  EXPECT_EQ(text(made, "data.enabled"), "true");
  EXPECT_EQ(text(ask("POST", "/bep/platforms", R"({"key":"web"})"), "code"), "key_taken");
  EXPECT_EQ(field(ask("POST", "/bep/platforms", R"({"key":"x","colour":1})")), "unknown_member /colour");
  EXPECT_EQ(ask("GET", "/bep/platforms/web").at("data"), made.at("data"));
  EXPECT_EQ(ask("GET", "/bep/platforms/web", {}, {{"If-None-Match", "\"v1\""}}).status, 304);
  EXPECT_EQ(ask("GET", "/bep/platforms").at("data").as_array().size(), 1U);
  EXPECT_EQ(text(ask("GET", "/bep/platforms"), "meta.total"), "1");

  const std::string web = "/bep/platforms/web";
  EXPECT_EQ(ask("PATCH", web, R"({"name":"Web"})").status, 428);
  const HttpAnswer patched =
      ask("PATCH", web, R"({"name":"Web","config":{"a":null}})", {{"If-Match", "\"v1\""}});
  EXPECT_EQ(patched.header("ETag"), "\"v2\"");
  EXPECT_EQ(text(patched, "data.config"), R"({"b":{"c":2}})");
  const HttpAnswer stale = ask("PUT", web, "{}", {{"If-Match", "\"v1\""}});
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(stale.at("current"), patched.at("data"));
  EXPECT_EQ(ask("PATCH", web, R"({"name":"Web"})", {{"If-Match", "\"v2\""}}).header("ETag"), "\"v2\"");
  const HttpAnswer put = ask("PUT", web, R"({"enabled":true})", {{"If-Match", "*"}});
  EXPECT_EQ(text(put, "data.name") + text(put, "data.config"), "web{}") << "what is left out is as at first";

  ASSERT_EQ(ask("PATCH", "/bep/flags/other", R"({"platform":"web"})", {{"If-Match", "*"}}).status, 200);
  EXPECT_EQ(ask("POST", web + "/disable", {}, {{"If-Match", "\"v1\""}}).status, 412);
  EXPECT_EQ(text(ask("POST", web + "/disable"), "data.enabled"), "false");
  EXPECT_EQ(ask("POST", web + "/disable").header("ETag"), "\"v4\"") << "it was off already";
  EXPECT_EQ(text(ask("GET", "/bep/environments/default/flags/other"), "data.enabled"), "false");
  EXPECT_EQ(text(ask("POST", web + "/enable"), "data.version"), "5");

  const HttpAnswer used = ask("DELETE", web, {}, {{"If-Match", "*"}});
  EXPECT_EQ(used.status, 409);
  EXPECT_EQ(used.at("flags"), json::parse(R"(["other"])"));
  ASSERT_EQ(ask("PATCH", "/bep/flags/other", R"({"platform":null})", {{"If-Match", "*"}}).status, 200);
  EXPECT_EQ(ask("DELETE", web).status, 428);
  EXPECT_EQ(ask("DELETE", web + "?comment=bye", {}, {{"If-Match", "\"v5\""}}).status, 204);
  EXPECT_EQ(ask("GET", web).status, 404);
  EXPECT_EQ(ask("POST", web + "/enable").status, 404);
  EXPECT_THAT(told(), testing::ElementsAre("platform.created", "platform.updated", "platform.updated",
                                           "platform.updated", "platform.updated", "platform.deleted"));
  const HttpAnswer trail =
      client_.get("/api/v1/admin/audit?entity=bep/platforms/web&action=platform.delete", admin_.access_token);
  const json::value rows = trail.at("data");
  ASSERT_EQ(rows.as_array().size(), 1U);
  EXPECT_EQ(rows.at(0).at("detail").at("comment"), "bye");
}

TEST_F(Packages, a_package_may_be_large) {
  std::string body = R"({"key":"all","features":[)";
  for (int i = 0; i < 1'000; ++i) {
    body += (i > 0 ? "," : "") + std::string(R"({"flag":"none","limits":{)");
    for (int limit = 0; limit < 20; ++limit)
      body += (limit > 0 ? ",\"" : "\"") + std::to_string(limit) + "\":1";
    body += "}}";
  }
  EXPECT_EQ(field(ask("POST", "/bep/packages", body + "]}")), "unknown_flag /features/0/flag") << "no flags";

  json::array features;
  for (int i = 100; i < 170; ++i) {
    const std::string key = "f" + std::to_string(i);
    ASSERT_EQ(
        ask("POST", "/bep/flags",
            R"({"key":")" + key + R"(","state":"ENABLED","variants":{"on":true},"defaultVariant":"on"})")
            .status,
        201);
    features.push_back(json::object{{"flag", key}, {"limits", json::object{{"seats", i}}}});
  }
  const json::object large{{"key", "large"}, {"features", features}};
  const HttpAnswer made = ask("POST", "/bep/packages", json::serialize(large));
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.header("Location"), "/api/v1/namespaces/bep/packages/large");
  EXPECT_EQ(made.at("data.features"), features);
  const HttpAnswer shown = ask("GET", "/bep/packages/large");
  EXPECT_EQ(shown.at("data"), made.at("data"));
  EXPECT_EQ(shown.header("ETag"), "\"v1\"");
  EXPECT_NE(shown.header("Corohub-Position"), "");
}

TEST_F(Packages, a_package_has_flags_within_limits) {
  const HttpAnswer made = ask("POST", "/bep/packages",
                              R"({"key":"pro","price":9.99,"currency":"EUR","billing_period":"monthly",
                                  "features":[{"flag":"other","limits":{"seats":5,"tier":"gold"}}]})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("Location"), "/api/v1/namespaces/bep/packages/pro");
  EXPECT_EQ(text(made, "data.price"), "9.99E0");
  EXPECT_EQ(text(made, "data.available"), "true");
  EXPECT_EQ(field(ask("POST", "/bep/packages", R"({"key":"x","features":[{"flag":"none"}]})")),
            "unknown_flag /features/0/flag");
  const std::string pro = "/bep/packages/pro";
  EXPECT_EQ(ask("GET", pro).at("data"), made.at("data"));
  EXPECT_EQ(ask("GET", pro, {}, {{"If-None-Match", "*"}}).status, 304);

  const HttpAnswer more = ask("PUT", pro + "/features/new-feature", R"({"limits":{"max":1}})");
  EXPECT_EQ(more.status, 200);
  EXPECT_EQ(more.header("ETag"), "\"v2\"");
  EXPECT_EQ(more.at("data.features"), json::parse(R"([{"flag":"new-feature","limits":{"max":1}},
      {"flag":"other","limits":{"seats":5,"tier":"gold"}}])"));
  EXPECT_EQ(ask("PUT", pro + "/features/new-feature", R"({"limits":{"max":1}})").header("ETag"), "\"v2\"");
  EXPECT_EQ(ask("PUT", pro + "/features/new-feature").header("ETag"), "\"v3\"") << "without limits";
  EXPECT_EQ(ask("PUT", pro + "/features/new-feature", "{}", {{"If-Match", "\"v2\""}}).status, 412);
  EXPECT_EQ(field(ask("PUT", pro + "/features/other", R"({"limits":{"x":[]}})")), "invalid_type /limits/x");
  EXPECT_EQ(ask("PUT", pro + "/features/none", "{}").status, 404);
  EXPECT_EQ(ask("DELETE", pro + "/features/new-feature", {}, {{"If-Match", "\"v1\""}}).status, 412);
  const HttpAnswer taken = ask("DELETE", pro + "/features/new-feature");
  EXPECT_EQ(taken.status, 204);
  EXPECT_EQ(taken.body, "");
  EXPECT_EQ(taken.header("ETag"), "\"v4\"");
  EXPECT_EQ(ask("DELETE", pro + "/features/new-feature").status, 404);

  EXPECT_EQ(ask("DELETE", "/bep/flags/other", {}, {{"If-Match", "*"}}).status, 204);
  EXPECT_EQ(text(ask("GET", pro), "data.features"), "[]") << "a flag that goes leaves its packages";
  EXPECT_EQ(ask("GET", pro).header("ETag"), "\"v5\"");
  server_.restart();
  client_ = server_.client();
  admin_ = server_.superadmin();
  EXPECT_EQ(text(ask("GET", pro), "data.price"), "9.99E0");
  const HttpAnswer put =
      ask("PUT", pro, R"({"features":[{"flag":"new-feature"}]})", {{"If-Match", "\"v5\""}});
  EXPECT_EQ(text(put, "data.price") + text(put, "data.currency"), "nullnull");
  EXPECT_EQ(ask("DELETE", pro, {}, {{"If-Match", "\"v6\""}}).status, 204);
  EXPECT_EQ(told().back(), "package.deleted");
}

TEST_F(Packages, T51_admins_and_keys_with_a_scope_manage_platforms_and_packages) {
  ask("POST", "/bep/platforms", R"({"key":"web"})");
  ask("POST", "/bep/packages", R"({"key":"pro"})");
  const TestUser user = server_.register_user("Uma");
  const std::string reader = make_key("flags:read:bep");
  const std::string writer = make_key("flags:write:bep");
  const std::string elsewhere = make_key("flags:write:default");
  const std::string evaluator = make_key("flags:evaluate");
  struct Row {
    const char* method;
    std::string path;
    std::string body;
    int good;
  };
  const std::vector<Row> rows = {
      {"GET", "/platforms", "", 200},
      {"GET", "/platforms/web", "", 200},
      {"GET", "/packages", "", 200},
      {"GET", "/packages/pro", "", 200},
      {"POST", "/platforms", R"({"key":"tv"})", 201},
      {"PUT", "/platforms/web", "{}", 200},
      {"PATCH", "/platforms/web", "{}", 200},
      {"POST", "/platforms/web/enable", "", 200},
      {"POST", "/platforms/web/disable", "", 200},
      {"POST", "/packages", R"({"key":"basic"})", 201},
      {"PUT", "/packages/pro", "{}", 200},
      {"PATCH", "/packages/pro", "{}", 200},
      {"PUT", "/packages/pro/features/other", "{}", 200},
      {"DELETE", "/packages/pro/features/other", "", 204},
      {"DELETE", "/packages/pro", "", 204},
      {"DELETE", "/platforms/web", "", 204},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.method + row.path);
    const auto status = [&](const std::string& key, const std::string& token) {
      Headers headers{{"If-Match", "*"}};
      if (!key.empty()) headers.emplace_back("X-API-Key", key);
      return ask(row.method, "/bep" + row.path, row.body, headers, token).status;
    };
    EXPECT_EQ(status("", ""), 401);
    EXPECT_EQ(status("", user.access_token), 403);
    EXPECT_EQ(status(elsewhere, ""), 403);
    EXPECT_EQ(status(evaluator, ""), 403);
    EXPECT_EQ(status(reader, ""), row.method == std::string("GET") ? 200 : 403);
    EXPECT_EQ(status(writer, ""), row.good);
  }
}

TEST_F(Packages, an_import_names_only_platforms_that_are_there) {
  ask("POST", "/bep/platforms", R"({"key":"web"})");
  ask("PATCH", "/bep/flags/other", R"({"platform":"web","package_gated":true})", {{"If-Match", "*"}});
  const std::string document = ask("GET", "/bep/environments/default/export").body;
  EXPECT_THAT(document, testing::HasSubstr(R"("platform":"web","package_gated":true)"));
  EXPECT_THAT(ask("GET", "/bep/environments/default/export?plain=true").body,
              testing::Not(testing::HasSubstr("package_gated")));
  ask("POST", "", R"({"key":"new"})");
  EXPECT_EQ(field(ask("POST", "/new/environments/default/import", document)),
            "unknown_flag /flags/other/x-corohub/platform");
  const std::string copy = R"({"to":{"namespace":"new","environment":"default"}})";
  EXPECT_EQ(ask("POST", "/bep/environments/default/copy", copy).status, 422);
  ask("POST", "/new/platforms", R"({"key":"web"})");
  EXPECT_EQ(ask("POST", "/bep/environments/default/copy", copy).status, 200);
  EXPECT_EQ(text(ask("GET", "/new/flags/other"), "data.platform"), "web");
  EXPECT_EQ(text(ask("GET", "/bep/flags?platform=web"), "meta.total"), "1");
}

}  // namespace
}  // namespace corohub::test
