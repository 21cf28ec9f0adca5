// The routes of management, over HTTP: who may, what a version protects, what is answered.
#include "core/json.hpp"
#include "integration/namespaces.hpp"
#include "support/test_server.hpp"

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::test {
namespace {

class Flags : public testing::Test {
 protected:
  HttpAnswer ask(const std::string& method, const std::string& path, const std::string& body = {},
                 Headers headers = {}, std::optional<std::string> token = {}) {
    return ask_namespaces(client_, method, path, body, std::move(headers),
                          token.value_or(admin_.access_token));
  }

  // Asks with a service's key.
  int status_by_key(const std::string& key, const std::string& method, const std::string& path,
                    const std::string& body = {}) {
    return ask(method, path, body, {{"X-API-Key", key}}, "").status;
  }

  std::string make_key(const std::string& scope) {
    json::object body{{"name", "ci"}, {"scopes", json::array{scope}}};
    const HttpAnswer made = client_.post("/api/v1/admin/api-keys", body, admin_.access_token);
    ids_.push_back(made.at("data.id").as_int64());
    return std::string(made.at("data.key").as_string());
  }

  void make_bep() {
    ASSERT_EQ(ask("POST", "", R"({"key":"bep"})").status, 201);
    ASSERT_EQ(ask("POST", "/bep/flags", flag("new-feature")).status, 201);
  }

  static std::string flag(const std::string& key, const std::string& more = {}) {
    return R"({"key":")" + key + R"(","variants":{"on":true,"off":false},"defaultVariant":"on")" + more + "}";
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

  TestServer server_;
  TestUser admin_ = server_.superadmin();
  HttpClient client_ = server_.client();
  std::vector<std::int64_t> ids_;  // of keys
  const std::string definition_ = "/bep/environments/default/flags/new-feature";
};

TEST_F(Flags, an_entity_is_made_shown_changed_and_deleted_by_its_version) {
  const HttpAnswer made = ask("POST", "", R"({"key":"bep","access":"public"})");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.header("Location"), "/api/v1/namespaces/bep");
  EXPECT_EQ(made.header("ETag"), "\"v1\"");
  EXPECT_FALSE(made.header("Corohub-Position").empty());
  EXPECT_EQ(text(made, "data.app_id"), "bep");
  EXPECT_EQ(text(ask("POST", "", R"({"key":"bep"})"), "code"), "key_taken");

  const HttpAnswer shown = ask("GET", "/bep");
  EXPECT_EQ(shown.json().at("data"), made.json().at("data"));
  EXPECT_EQ(ask("GET", "/bep", {}, {{"If-None-Match", "W/\"v1\""}}).status, 304);

  const HttpAnswer blind = ask("PATCH", "/bep", R"({"name":"Back end"})");
  EXPECT_EQ(blind.status, 428);
  EXPECT_EQ(text(blind, "code"), "precondition_required");
  const HttpAnswer changed = ask("PATCH", "/bep", R"({"name":"Back end"})", {{"If-Match", "\"v1\""}});
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(changed.header("ETag"), "\"v2\"");
  const HttpAnswer stale = ask("PATCH", "/bep", R"({"name":"x"})", {{"If-Match", "\"v1\""}});
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(text(stale, "code"), "version_mismatch");
  EXPECT_EQ(stale.header("ETag"), "\"v2\"");
  EXPECT_EQ(stale.at("current"), changed.at("data"));
  const HttpAnswer same = ask("PATCH", "/bep", R"({"name":"Back end"})", {{"If-Match", "\"v2\""}});
  EXPECT_EQ(same.status, 200);
  EXPECT_EQ(same.header("ETag"), "\"v2\"") << "nothing changed";

  EXPECT_EQ(ask("DELETE", "/bep", {}, {{"If-Match", "\"v2\""}}).status, 204);
  EXPECT_EQ(ask("GET", "/bep").status, 404);
}

TEST_F(Flags, a_flag_has_an_identity_and_a_definition_in_every_environment) {
  make_bep();
  ASSERT_EQ(ask("POST", "/bep/environments", R"({"key":"staging"})").status, 201);
  EXPECT_EQ(ask("POST", "/bep/environments", R"({"key":"staging"})").status, 409);
  EXPECT_EQ(field(ask("POST", "/bep/environments", R"({"key":"x","copy_from":"nowhere"})")),
            "unknown_value /copy_from");
  const HttpAnswer made =
      ask("POST", "/bep/flags",
          flag("sub", R"(,"parent":"new-feature","state":"ENABLED","environment":"staging")"));
  EXPECT_EQ(made.header("Location"), "/api/v1/namespaces/bep/flags/sub");
  EXPECT_EQ(text(made, "data.type"), "boolean");
  EXPECT_EQ(text(made, "data.off_variant"), "off");
  EXPECT_EQ(made.at("data.environments"),
            json::parse(R"({"default":{"state":"DISABLED","enabled":false,"version":1},
                            "staging":{"state":"ENABLED","enabled":false,"version":1}})"));
  EXPECT_EQ(ask("GET", "/bep/flags/new-feature").at("data.sub_features"), json::parse(R"(["sub"])"));

  const HttpAnswer refused = ask("DELETE", "/bep/flags/new-feature", {}, {{"If-Match", "*"}});
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.at("flags"), json::parse(R"(["sub"])"));
  EXPECT_EQ(ask("PATCH", "/bep/flags/sub", R"({"parent":null})", {{"If-Match", "\"v1\""}}).status, 200);
  EXPECT_EQ(ask("DELETE", "/bep/flags/new-feature", {}, {{"If-Match", "\"v1\""}}).status, 204);
  EXPECT_EQ(ask("GET", definition_).status, 404);
  EXPECT_EQ(ask("GET", "/bep/environments/nowhere/flags/sub").status, 404);
  EXPECT_EQ(ask("GET", "/nowhere/flags").status, 404);
}

TEST_F(Flags, a_definition_is_put_patched_and_switched) {
  make_bep();
  const HttpAnswer on = ask("POST", definition_ + "/enable");
  EXPECT_EQ(on.json().at("data"),
            json::parse(R"({"key":"new-feature","version":2,"enabled":true,"state":"ENABLED",
                            "variants":{"on":true,"off":false},"defaultVariant":"on"})"));
  EXPECT_EQ(ask("POST", definition_ + "/enable").header("ETag"), "\"v2\"") << "it was on already";
  EXPECT_EQ(ask("POST", definition_ + "/disable", {}, {{"If-Match", "\"v1\""}}).status, 412);
  EXPECT_EQ(ask("PATCH", definition_, R"({"defaultVariant":"off"})").status, 428);
  const std::string rule = R"({"targeting":{"if":[{"==":[{"var":"a"},1]},"on","off"]}})";
  EXPECT_EQ(ask("PATCH", definition_ + "?comment=trial", rule, {{"If-Match", "\"v2\""}}).header("ETag"),
            "\"v3\"");

  const json::value data = ask("GET", definition_).at("data");
  EXPECT_EQ(ask("PUT", definition_, json::serialize(data), {{"If-Match", "*"}}).header("ETag"), "\"v3\"")
      << "what was shown may be put back";
  EXPECT_EQ(
      field(ask("PUT", definition_, R"({"state":"ENABLED","variants":{"a":"x"}})", {{"If-Match", "*"}})),
      "type_fixed /variants");
  EXPECT_EQ(field(ask("PATCH", definition_, R"({"colour":1})", {{"If-Match", "*"}})),
            "unknown_member /colour");
  const std::string dangling = R"({"targeting":{"if":[{"$ref":"nope"},"on","off"]}})";
  EXPECT_EQ(field(ask("PATCH", definition_, dangling, {{"If-Match", "*"}})),
            "unknown_segment /targeting/if/0/$ref");
  const HttpAnswer lenient = ask("PATCH", definition_ + "?strict=false", dangling, {{"If-Match", "*"}});
  EXPECT_EQ(lenient.status, 200);
  EXPECT_EQ(text(lenient, "meta.warnings").find("unknown_segment") != std::string::npos, true);
  EXPECT_EQ(ask("POST", definition_ + "/disable").status, 200) << "a switch asks nothing of the rule";

  const HttpAnswer trail =
      client_.get("/api/v1/admin/audit?action=flag.update&entity=bep/flags/new-feature", admin_.access_token);
  const json::value rows = trail.at("data");
  ASSERT_EQ(rows.as_array().size(), 4U);
  EXPECT_EQ(rows.at(0).at("detail").at("before").at("state"), "DISABLED");
  EXPECT_EQ(rows.at(1).at("detail").at("comment"), "trial");
}

// Members of a body that come from other things leave the version alone.
TEST_F(Flags, a_304_stands_only_for_what_cannot_have_changed) {
  make_bep();
  const auto get = [&](const std::string& path, const std::string& tag) {
    return ask("GET", path, {}, {{"If-None-Match", tag}});
  };
  const HttpAnswer known = get("/bep/flags/new-feature", "\"v1\"");
  EXPECT_EQ(known.status, 304);
  EXPECT_FALSE(known.header("Corohub-Position").empty());
  EXPECT_EQ(get(definition_, "\"v1\"").status, 304);
  EXPECT_EQ(get("/bep/environments/default", "\"v1\"").status, 304);
  ASSERT_EQ(ask("POST", definition_ + "/enable").status, 200);
  EXPECT_EQ(get("/bep/flags/new-feature", "\"v1\"").status, 200) << "it is on";
  EXPECT_EQ(get(definition_, "\"v1\"").status, 200);
  EXPECT_EQ(get(definition_, "\"v2\"").status, 304);
  ASSERT_EQ(
      ask("PATCH", "/bep/flags/new-feature", R"({"description":"Other words"})", {{"If-Match", "*"}}).status,
      200);
  EXPECT_EQ(get(definition_, "\"v2\"").status, 304) << "of which nothing is shown there";

  ASSERT_EQ(ask("POST", "/bep/flags", flag("sub", R"(,"parent":"new-feature","state":"ENABLED")")).status,
            201);
  const std::string sub = "/bep/environments/default/flags/sub";
  EXPECT_EQ(get(sub, "\"v1\"").status, 304);
  ASSERT_EQ(ask("POST", definition_ + "/disable").status, 200);
  EXPECT_EQ(get(sub, "\"v1\"").at("data.enabled"), false);
  EXPECT_EQ(get("/bep", "\"v1\"").status, 304);
}

// Names and descriptions are in an export, and leave the revision, which is its tag.
TEST_F(Flags, a_304_of_an_export_stands_only_for_the_same_bytes) {
  make_bep();
  const std::string path = "/bep/environments/default/export";
  const HttpAnswer first = ask("GET", path);
  const std::string tag = first.header("ETag");
  EXPECT_NE(first.header("Corohub-Position"), "");
  const auto again = [&](const std::string& which) {
    return ask("GET", which, {}, {{"If-None-Match", tag}}).status;
  };
  EXPECT_EQ(again(path), 304);
  ASSERT_EQ(
      ask("PATCH", "/bep/flags/new-feature", R"({"description":"Other words"})", {{"If-Match", "*"}}).status,
      200);
  EXPECT_EQ(again(path), 200);
  EXPECT_EQ(again(path + "?plain=true"), 304);
}

TEST_F(Flags, a_deep_value_is_refused_and_one_at_the_limit_is_shown_everywhere) {
  make_bep();
  const auto deep = [](int levels) {
    std::string value = "1.5";
    for (int i = 0; i < levels; ++i) value = R"({"x":)" + value + "}";
    return R"("variants":{"a":)" + value + "}";
  };
  EXPECT_EQ(field(ask("POST", "/bep/flags", R"({"key":"deep",)" + deep(25) + "}")),
            "too_complex /variants/a");
  ASSERT_EQ(ask("POST", "/bep/flags", R"({"key":"deep",)" + deep(24) + "}").status, 201);
  const HttpAnswer stale = ask("PATCH", "/bep/environments/default/flags/deep", R"({"state":"ENABLED"})",
                               {{"If-Match", "\"v9\""}});
  EXPECT_EQ(stale.status, 412);
  EXPECT_EQ(client_.get("/api/v1/admin/audit?limit=300", admin_.access_token).status, 200);
}

TEST_F(Flags, lists_are_filtered_and_paged) {
  make_bep();
  for (int i = 0; i < 5; ++i)
    ASSERT_EQ(ask("POST", "/bep/flags",
                  flag("f" + std::to_string(i),
                       i < 3 ? R"(,"tags":["web"],"state":"ENABLED")" : R"(,"parent":"new-feature")"))
                  .status,
              201);
  const auto total = [&](const std::string& query) {
    return text(ask("GET", "/bep/flags" + query), "meta.total");
  };
  EXPECT_EQ(total(""), "6");
  EXPECT_EQ(total("?tag=web"), "3");
  EXPECT_EQ(total("?parent=new-feature"), "2");
  EXPECT_EQ(total("?state=ENABLED"), "3");
  EXPECT_EQ(total("?state=DISABLED&tag=web"), "0");
  EXPECT_EQ(total("?platform=tv"), "0");
  const HttpAnswer page = ask("GET", "/bep/flags?page=2&per_page=4");
  EXPECT_EQ(page.at("data").as_array().size(), 2U);
  EXPECT_EQ(text(page, "data").find("\"new-feature\"") != std::string::npos, true) << "sorted by key";
  EXPECT_EQ(ask("GET", "/bep/flags?state=on").status, 422);
  EXPECT_EQ(ask("GET", "/bep/flags?environment=nowhere").status, 404);
}

TEST_F(Flags, scheduled_changes_are_shown_whatever_they_hold_and_leave_a_trail) {
  make_bep();
  const std::string schedule = "/bep/environments/default/schedule";
  const auto later = [&](const std::string& change) {
    return ask("POST", schedule,
               R"({"flag":"new-feature","at":"2099-01-01T00:00:00Z","change":)" + change + "}");
  };
  const std::string one = later(R"({"state":"ENABLED"})").header("Location");
  const std::string deep = R"({"$x":)" + std::string(100, '[') + std::string(100, ']') + "}";
  ASSERT_EQ(later(deep).status, 201);
  const HttpAnswer all = ask("GET", schedule);
  ASSERT_EQ(all.status, 200);
  EXPECT_THAT(all.body, testing::HasSubstr(deep));
  const HttpAnswer page = ask("GET", schedule + "?per_page=1&state=pending");
  EXPECT_EQ(text(page, "meta.total"), "2");
  EXPECT_EQ(page.at("data").as_array().size(), 1U);
  EXPECT_EQ(field(later(R"({"$x":")" + std::string(50 << 10, 'x') + "\"}")), "out_of_range /change");

  EXPECT_EQ(client_.del(one + "?comment=too%20early", admin_.access_token).status, 204);
  EXPECT_EQ(client_.del(one, admin_.access_token).status, 204) << "once is enough";
  const HttpAnswer rows =
      client_.get("/api/v1/admin/audit?entity=" + one.substr(std::string_view("/api/v1/namespaces/").size()),
                  admin_.access_token);
  ASSERT_EQ(rows.at("data").as_array().size(), 2U) << rows.body;
  EXPECT_EQ(rows.at("data").at(0).at("action").as_string(), "schedule.create");
  EXPECT_EQ(rows.at("data").at(1).at("action").as_string(), "schedule.cancel");
  EXPECT_EQ(rows.at("data").at(1).at("detail").at("comment").as_string(), "too early");
}

TEST_F(Flags, a_copy_may_name_segments_that_are_not_there_as_an_import_may) {
  make_bep();
  ASSERT_EQ(ask("POST", "/bep/environments", R"({"key":"staging"})").status, 201);
  const std::string rule = R"({"targeting":{"if":[{"$ref":"nobody"},"on","off"]}})";
  ASSERT_EQ(ask("PATCH", definition_ + "?strict=false", rule, {{"If-Match", "*"}}).status, 200);
  const std::string copy = "/bep/environments/default/copy";
  const std::string to = R"({"to":{"environment":"staging"}})";
  EXPECT_EQ(ask("POST", copy, to).status, 422);
  const HttpAnswer done = ask("POST", copy + "?strict=false", to);
  ASSERT_EQ(done.status, 200) << done.body;
  EXPECT_EQ(text(done, "data.updated"), R"(["new-feature"])");
}

TEST_F(Flags, T51_admins_and_keys_with_a_scope_for_the_namespace_manage_it) {
  make_bep();
  const TestUser user = server_.register_user("Uma");
  EXPECT_EQ(ask("GET", "", {}, {}, user.access_token).status, 403);
  EXPECT_EQ(ask("GET", "", {}, {}, "").status, 401);
  EXPECT_EQ(ask("GET", "", {}, {{"X-API-Key", "chk_nonsense"}}, "").status, 401);
  EXPECT_EQ(ask("GET", "", {}, {{"X-API-Key", make_key("flags:read")}}).status, 400) << "two credentials";

  const std::string reader = make_key("flags:read:bep");
  EXPECT_EQ(status_by_key(reader, "GET", "/bep/flags"), 200);
  EXPECT_EQ(status_by_key(reader, "GET", "/default/flags"), 403);
  EXPECT_EQ(status_by_key(reader, "POST", definition_ + "/enable"), 403);
  EXPECT_EQ(text(ask("GET", "", {}, {{"X-API-Key", reader}}, ""), "meta.total"), "1") << "what it may read";
  const std::string writer = make_key("flags:write:bep");
  EXPECT_EQ(status_by_key(writer, "GET", "/bep/flags"), 200);
  EXPECT_EQ(status_by_key(writer, "POST", definition_ + "/enable"), 200);
  const json::value keys = client_.get("/api/v1/admin/api-keys", admin_.access_token).at("data");
  EXPECT_FALSE(keys.as_array().back().at("last_used_at").is_null());
  EXPECT_EQ(status_by_key(writer, "POST", "/default/flags", flag("x")), 403);
  EXPECT_EQ(status_by_key(writer, "POST", "", R"({"key":"other"})"), 403);
  EXPECT_EQ(status_by_key(reader, "POST", "", R"({"key":"-"})"), 403) << "before the body is judged";
  EXPECT_EQ(status_by_key(make_key("flags:write"), "POST", "", R"({"key":"other"})"), 201);
  EXPECT_EQ(status_by_key(make_key("flags:evaluate"), "GET", "/bep/flags"), 403);
  EXPECT_EQ(status_by_key(make_key("publish"), "GET", ""), 403);
}

TEST_F(Flags, T51_a_revoked_key_and_a_former_admin_change_nothing) {
  make_bep();
  const std::string key = make_key("flags:write");
  EXPECT_EQ(status_by_key(key, "POST", definition_ + "/enable"), 200);
  client_.del("/api/v1/admin/api-keys/" + std::to_string(ids_.back()), admin_.access_token);
  EXPECT_EQ(status_by_key(key, "POST", definition_ + "/disable"), 401);

  const TestUser former = server_.admin("Former");
  EXPECT_EQ(ask("POST", definition_ + "/disable", {}, {}, former.access_token).status, 200);
  client_.put("/api/v1/admin/users/" + std::to_string(former.id) + "/role", json::object{{"role", "user"}},
              admin_.access_token);
  EXPECT_EQ(ask("POST", definition_ + "/enable", {}, {}, former.access_token).status, 401);
  EXPECT_EQ(text(ask("GET", definition_), "data.state"), "DISABLED");
}

TEST_F(Flags, what_was_changed_is_there_after_a_restart) {
  make_bep();
  ASSERT_EQ(ask("POST", definition_ + "/enable").status, 200);
  const HttpAnswer before = ask("GET", "/bep/flags/new-feature");
  server_.restart();
  client_ = server_.client();
  admin_ = server_.superadmin();
  EXPECT_EQ(ask("GET", "/bep/flags/new-feature").at("data"), before.at("data"));
  EXPECT_EQ(ask("POST", definition_ + "/disable").header("ETag"), "\"v3\"");
}

TEST_F(Flags, bodies_are_bounded_and_strict) {
  make_bep();
  EXPECT_EQ(ask("POST", "/bep/flags", R"({"key":"a","key":"b"})").status, 400);
  EXPECT_EQ(ask("POST", "/bep/flags", "[]").status, 400);
  EXPECT_EQ(ask("POST", "/bep/flags", "{", {{"If-Match", "*"}}).status, 400);
  const std::string large(60 << 10, 'x');
  const HttpAnswer too_large =
      ask("POST", "/bep/flags", R"({"key":"a","variants":{"a":")" + large + R"("}})");
  EXPECT_EQ(too_large.status, 422) << too_large.body.substr(0, 300);
  EXPECT_EQ(ask("POST", "/bep/flags", R"({"key":"a","x":")" + large + large + large + R"("})").status, 413);
  std::string deep = "1";
  for (int i = 0; i < 60; ++i) deep = R"({"!":[)" + deep + "]}";
  EXPECT_EQ(field(ask("PATCH", definition_, R"({"targeting":)" + deep + "}", {{"If-Match", "*"}})),
            "too_complex /targeting");
}

}  // namespace
}  // namespace corohub::test
