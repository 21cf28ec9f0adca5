// POST /ofrep/v1/evaluate/…: who may ask where, what is answered, and when 304 is enough.
#include "core/metrics.hpp"
#include "ofrep_rig.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::ofrep::test {
namespace {

using namespace std::chrono_literals;
using flags::NamespaceAccess;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

constexpr const char* by_plan =
    R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off",
        "targeting":{"if":[{"==":[{"var":"plan"},"pro"]},"on","off"]}})";
constexpr const char* fixed =
    R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off"})";
constexpr const char* by_time =
    R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off",
        "targeting":{"if":[{">":[{"var":"$flagd.timestamp"},1767695500]},"on","off"]}})";
constexpr const char* off = R"({"state":"DISABLED","variants":{"on":true},"defaultVariant":"on"})";

class OfrepEvaluation : public testing::Test {
 protected:
  explicit OfrepEvaluation(Settings settings = {}) : rig(settings) {
    put(7, {{"plain"}, {"plan", by_plan}, {"secret", by_plan, false}});
    rig.put(
        name_space("inner", NamespaceAccess::users, {environment("default", 1, {{"a"}}, default_parts())}));
    rig.put(name_space("closed", NamespaceAccess::clients, {environment("default", 1, {}, default_parts())}));
  }

  // The namespace `default`, which is public.
  void put(Seq revision, const std::vector<MadeFlag>& made) {
    rig.put(name_space(
        "default", NamespaceAccess::everybody,
        {environment("default", revision, made, default_parts()), environment("staging", 2, {{"staged"}})}));
  }
  std::string bearer(UserId id, Role role = Role::user) {
    return "Bearer " + rig.token(*rig.add_account(id, role));
  }
  std::vector<std::string> keys_of(const Reply& reply) {
    std::vector<std::string> keys;
    const json::object body = reply.json();
    for (const json::value& flag : body.at("flags").as_array()) keys.emplace_back(flag.at("key").as_string());
    return keys;
  }

  OfrepRig rig;
};

TEST_F(OfrepEvaluation, answers_one_flag) {
  const Reply reply = rig.ask({"/ofrep/v1/evaluate/flags/plan", R"({"context":{"plan":"pro"}})"});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body,
            R"({"key":"plan","value":true,"reason":"TARGETING_MATCH","variant":"on","metadata":{}})");
  EXPECT_TRUE(reply.prompt);
}

TEST_F(OfrepEvaluation, a_flag_that_is_not_there_or_not_for_this_caller_is_not_found) {
  for (const char* key : {"none", "secret", "a%2Fb"}) {
    const Reply reply = rig.ask({std::string("/ofrep/v1/evaluate/flags/") + key});
    EXPECT_EQ(reply.status, 404) << key;
    EXPECT_EQ(reply.json().at("errorCode"), "FLAG_NOT_FOUND");
    EXPECT_TRUE(reply.json().contains("errorDetails"));
    EXPECT_TRUE(reply.json().contains("key"));
  }
}

TEST_F(OfrepEvaluation, answers_all_flags_that_the_caller_sees) {
  put(8, {{"b"},
          {"off", off},
          {"hidden", by_plan, false},
          {"child", by_plan, true, "hidden"},
          {"gated", by_plan, true, "", true}});
  const Reply reply = rig.ask({});
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(keys_of(reply), (std::vector<std::string>{"b", "off"}));
  const json::object body = reply.json();
  EXPECT_EQ(body.at("metadata"), json::parse(R"({"flagSetId":"default/default","version":"8"})"));
  const json::value& stream = body.at("eventStreams").at(0);
  EXPECT_EQ(stream.at("type"), "sse");
  EXPECT_EQ(stream.at("inactivityDelaySec"), 120);
  EXPECT_THAT(std::string(stream.at("endpoint").at("requestUri").as_string()),
              MatchesRegex("/ofrep/v1/events\\?t=[A-Za-z0-9_.-]+"));
  EXPECT_EQ(body.at("flags").at(1), json::parse(R"({"key":"off","reason":"DISABLED","metadata":{}})"));
  EXPECT_THAT(reply.headers.at("ETag"), MatchesRegex("\"r8-[0-9a-f]+-[0-9]+\""));

  const std::string key = rig.make_key({"flags:evaluate:default"});
  const Reply service = rig.ask({.headers = {{"X-API-Key", key}}});
  EXPECT_EQ(keys_of(service), (std::vector<std::string>{"b", "child", "gated", "hidden", "off"}));
}

TEST_F(OfrepEvaluation, metadata_of_the_environment_stands_under_its_own_words) {
  flags::EnvironmentParts parts = default_parts();
  parts.metadata = json::parse(R"({"team":"web","version":"theirs"})").as_object();
  rig.put(name_space("default", NamespaceAccess::everybody, {environment("default", 9, {}, parts)}));
  EXPECT_EQ(rig.ask({}).json().at("metadata"),
            json::parse(R"({"team":"web","flagSetId":"default/default","version":"9"})"));
}

// ---- T42: who may ask where ----

struct Row {
  const char* who;
  const char* place;  // of the query
  int status;
};

TEST_F(OfrepEvaluation, T51c_a_closed_place_is_no_place) {
  const std::map<std::string, std::pair<std::string, std::string>> credentials{
      {"guest", {}},
      {"user", {"Authorization", bearer(1)}},
      {"admin", {"Authorization", bearer(2, Role::admin)}},
      {"all", {"Authorization", "Bearer " + rig.make_key({"flags:read"})}},
      {"inner", {"X-API-Key", rig.make_key({"publish", "flags:evaluate:inner"})}},
      {"other", {"X-API-Key", rig.make_key({"publish", "flags:write"})}},
  };
  const Row rows[] = {
      {"guest", "", 200},
      {"guest", "?namespace=inner", 401},
      {"guest", "?namespace=closed", 401},
      {"guest", "?namespace=none", 401},
      {"guest", "?environment=none", 401},
      {"user", "", 200},
      {"user", "?namespace=inner", 200},
      {"user", "?namespace=closed", 404},
      {"user", "?namespace=none", 404},
      {"user", "?environment=none", 404},
      {"admin", "?namespace=inner", 200},
      {"admin", "?namespace=closed", 404},
      {"all", "", 200},
      {"all", "?namespace=closed", 200},
      {"all", "?namespace=none", 404},
      {"inner", "?namespace=inner", 200},
      {"inner", "", 404},
      {"other", "", 404},
  };
  for (const Row& row : rows) {
    const auto& [name, value] = credentials.at(row.who);
    Asked asked{.target = std::string("/ofrep/v1/evaluate/flags") + row.place};
    if (!name.empty()) asked.headers.emplace_back(name, value);
    const Reply reply = rig.ask(asked);
    EXPECT_EQ(reply.status, row.status) << row.who << " " << row.place << " " << reply.body;
    if (row.status == 200) continue;
    EXPECT_EQ(reply.json().at("errorCode"), "GENERAL");
    EXPECT_TRUE(reply.json().at("errorDetails").is_string());
    EXPECT_EQ(reply.json().at("status"), row.status);
  }
}

TEST_F(OfrepEvaluation, headers_say_where_and_beat_the_query) {
  EXPECT_EQ(keys_of(rig.ask({"/ofrep/v1/evaluate/flags?environment=staging"})),
            std::vector<std::string>{"staged"});
  EXPECT_EQ(keys_of(rig.ask({"/ofrep/v1/evaluate/flags?environment=none",
                             "",
                             {{"x-corohub-environment", "staging"}, {"X-Corohub-Namespace", "default"}}})),
            std::vector<std::string>{"staged"});
}

TEST_F(OfrepEvaluation, T4_one_credential_which_is_good_or_none) {
  const std::string key = rig.make_key({"flags:read"});
  const std::string token = bearer(1);
  using Headers = std::vector<std::pair<std::string, std::string>>;
  const std::pair<Headers, int> rows[] = {
      {{{"Authorization", "Bearer nonsense"}}, 401},
      {{{"X-API-Key", "nonsense"}}, 401},
      {{{"X-API-Key", "chc_0123456789012345678901234567890123456789012"}}, 401},
      {{{"X-API-Key", users::make_service_key()}}, 401},
      {{{"Authorization", "Basic abc"}}, 401},
      {{{"Authorization", "Basic abc"}, {"X-API-Key", key}}, 200},
      {{{"Authorization", token}, {"X-API-Key", key}}, 400},
      {{{"X-API-Key", key}, {"X-API-Key", key}}, 400},
      {{{"X-API-Key", token.substr(7)}}, 200},
  };
  for (const auto& [headers, status] : rows)
    EXPECT_EQ(rig.ask({.headers = headers}).status, status) << headers.front().second;
}

TEST_F(OfrepEvaluation, T32_a_user_who_was_disabled_is_refused_at_once) {
  const std::string token = bearer(1);
  EXPECT_EQ(rig.ask({.headers = {{"Authorization", token}}}).status, 200);
  auto disabled = std::make_shared<Account>(*rig.accounts[1]);
  disabled->status = UserStatus::disabled;
  rig.accounts[1] = disabled;
  rig.cache.apply(1, disabled);
  EXPECT_EQ(rig.ask({.headers = {{"Authorization", token}}}).status, 401);
}

TEST_F(OfrepEvaluation, T31_a_revoked_key_is_refused_although_it_was_known) {
  const std::string key = rig.make_key({"flags:read"});
  EXPECT_FALSE(rig.ask({.headers = {{"X-API-Key", key}}}).prompt);
  EXPECT_TRUE(rig.ask({.headers = {{"X-API-Key", key}}}).prompt);
  auto unit = [&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    users::remove_service_key(work, rig.key_id);
    return storage::Nothing{};
  };
  rig.database.commit(unit).value();
  rig.service_keys.remove(rig.key_id);
  EXPECT_EQ(rig.ask({.headers = {{"X-API-Key", key}}}).status, 401);
}

TEST_F(OfrepEvaluation, only_a_service_may_ask_for_a_client_which_is_there) {
  const std::string key = rig.make_key({"flags:read"});
  EXPECT_EQ(rig.ask({.headers = {{"X-API-Key", key}, {"X-Corohub-Client", "c1"}}}).status, 404);
  EXPECT_EQ(rig.ask({.headers = {{"X-Corohub-Client", "c1"}}}).status, 200);
  EXPECT_EQ(rig.ask({.headers = {{"Authorization", bearer(1)}, {"X-Corohub-Client", "c1"}}}).status, 200);
}

// ---- contexts ----

TEST_F(OfrepEvaluation, T54b_a_context_in_error_is_said_to_be) {
  const std::string deep = std::string(20, '[') + std::string(20, ']');
  std::string many = "{";
  for (int i = 0; i < 501; ++i) many += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":0";
  many += "}";
  for (const std::string& body :
       {std::string("{"), std::string("[]"), std::string("7"), std::string(R"({"context":7})"),
        std::string(R"({"context":[]})"), std::string(R"({"context":{"targetingKey":7}})"),
        std::string(R"({"context":{"a":1,"a":2}})"), std::string(R"({"context":{},"context":{}})"),
        R"({"context":{"a":)" + deep + "}}", R"({"context":)" + many + "}",
        R"({"context":{"a":")" + std::string(17'000, 'x') + R"("}})",
        std::string("{\"context\":{\"a\":\"\xff\"}}")}) {
    const Reply bulk = rig.ask({"/ofrep/v1/evaluate/flags", body});
    EXPECT_EQ(bulk.status, 400) << body.substr(0, 60);
    EXPECT_EQ(bulk.json().at("errorCode"), "INVALID_CONTEXT");
    EXPECT_FALSE(bulk.json().contains("key"));
    const Reply one = rig.ask({"/ofrep/v1/evaluate/flags/plain", body});
    EXPECT_EQ(one.status, 400);
    EXPECT_EQ(one.json().at("key"), "plain");
    EXPECT_EQ(one.json().at("errorCode"), "INVALID_CONTEXT");
  }
}

TEST_F(OfrepEvaluation, no_body_and_no_context_are_the_empty_one) {
  const std::string tag = rig.ask({}).headers.at("ETag");
  for (const char* body : {"", "{}", R"({"context":null})", R"({"context":{}})", R"({"more":[1]})"}) {
    EXPECT_EQ(rig.ask({"/ofrep/v1/evaluate/flags", body}).headers.at("ETag"), tag) << body;
    EXPECT_EQ(rig.ask({"/ofrep/v1/evaluate/flags/plain", body, {{"Content-Type", "text/plain"}}}).status,
              200);
  }
}

TEST_F(OfrepEvaluation, what_the_server_knows_cannot_be_said_by_others) {
  put(9, {{"mine", R"({"state":"ENABLED","variants":{"user":true,"guest":false},"defaultVariant":"guest",
                       "targeting":{"var":"corohub.kind"}})"}});
  const std::string body = R"({"context":{"corohub":{"kind":"user"}}})";
  EXPECT_EQ(rig.ask({"/ofrep/v1/evaluate/flags/mine", body}).json().at("variant"), "guest");
  EXPECT_EQ(
      rig.ask({"/ofrep/v1/evaluate/flags/mine", body, {{"Authorization", bearer(1)}}}).json().at("variant"),
      "user");
}

TEST_F(OfrepEvaluation, a_rule_that_fails_is_400_for_one_and_an_item_of_all) {
  put(9,
      {{"broken",
        R"({"state":"ENABLED","variants":{"on":true},"defaultVariant":"on","targeting":{"cat":["no","ne"]}})"}});
  const Reply one = rig.ask({"/ofrep/v1/evaluate/flags/broken"});
  EXPECT_EQ(one.status, 400);
  EXPECT_EQ(one.json().at("errorCode"), "GENERAL");
  const Reply all = rig.ask({});
  EXPECT_EQ(all.status, 200);
  EXPECT_EQ(all.json().at("flags").at(0).at("errorCode"), "GENERAL");
}

// ---- 304 ----

class OfrepTags : public OfrepEvaluation {
 protected:
  OfrepTags() : OfrepEvaluation({.stream_token_ttl = 3600s}) {}

  static std::string count(const char* name) {
    const std::string text = metrics::text();
    const std::size_t at = text.find(std::string("\n") + name);
    return at == std::string::npos ? "" : text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  }
  int status(const std::string& tag, const std::string& body = "",
             std::vector<std::pair<std::string, std::string>> headers = {}) {
    headers.emplace_back("If-None-Match", tag);
    return rig.ask({"/ofrep/v1/evaluate/flags", body, std::move(headers)}).status;
  }
  std::string tag(const std::string& body = "") {
    return rig.ask({"/ofrep/v1/evaluate/flags", body}).headers.at("ETag");
  }
};

TEST_F(OfrepTags, nothing_is_evaluated_for_who_has_the_answer) {
  const std::string known = tag();
  const std::string before = count("corohub_flag_evaluations_total{reason=\"STATIC\"}");
  const Reply reply = rig.ask({.headers = {{"If-None-Match", known}}});
  EXPECT_EQ(reply.status, 304);
  EXPECT_EQ(reply.body, "");
  EXPECT_EQ(reply.headers.at("ETag"), known);
  EXPECT_TRUE(reply.prompt);
  EXPECT_EQ(count("corohub_flag_evaluations_total{reason=\"STATIC\"}"), before);
  tag();
  EXPECT_NE(count("corohub_flag_evaluations_total{reason=\"STATIC\"}"), before);
  EXPECT_EQ(status("W/" + known), 304);
  EXPECT_EQ(status("\"other\", " + known), 304);
  EXPECT_EQ(status("*"), 304);
  EXPECT_EQ(status("\"other\""), 200);
}

TEST_F(OfrepTags, T51e_whatever_the_answer_follows_from_is_in_the_tag) {
  const std::string known = tag(R"({"context":{"plan":"pro","n":{"b":1,"a":2}}})");
  EXPECT_EQ(status(known, R"({"context":{"n":{"a":2.0,"b":1},"plan":"pro"}})"), 304) << "the same context";
  EXPECT_EQ(status(known, R"({"context":{"plan":"free","n":{"b":1,"a":2}}})"), 200);
  EXPECT_EQ(status(known, R"({"context":{"plan":"pro","n":{"b":1,"a":2}}})", {{"Authorization", bearer(1)}}),
            200);
  EXPECT_EQ(status(tag(), "", {{"X-Corohub-Environment", "staging"}}), 200);
  const std::string empty = tag();
  put(8, {{"plain"}});
  EXPECT_EQ(status(empty), 200);
}

TEST_F(OfrepTags, another_login_of_the_same_user_gets_an_address_of_its_own) {
  const AccountRef account = rig.add_account(1, Role::user);
  auto both = std::make_shared<Account>(*account);
  both->sessions.push_back(SessionId::random());
  rig.accounts[1] = both;
  rig.cache.apply(1, both);
  const std::string first = "Bearer " + rig.tokens.issue(*both, both->sessions[0]);
  const std::string second = "Bearer " + rig.tokens.issue(*both, both->sessions[1]);
  const std::string known = rig.ask({.headers = {{"Authorization", first}}}).headers.at("ETag");
  EXPECT_EQ(status(known, "", {{"Authorization", first}}), 304);
  EXPECT_EQ(status(known, "", {{"Authorization", second}}), 200);
}

// The client keeps its old address on 304, so it must get a new one while the old one is good.
TEST_F(OfrepTags, an_address_is_new_before_the_old_one_ends) {
  const std::string known = tag();
  rig.clock.advance(1800s);
  EXPECT_EQ(status(known), 200);
}

TEST_F(OfrepTags, a_rule_that_reads_the_time_is_evaluated_for_its_tag) {
  put(8, {{"later", by_time}});
  const std::string known = tag();
  EXPECT_EQ(status(known), 304);
  rig.clock.advance(100s);
  EXPECT_EQ(status(known), 200) << "the flag is on by now";
  EXPECT_EQ(status(tag()), 304);
}

// What a service asks for twenty thousand times a second (counted, because time depends on the machine).
TEST_F(OfrepTags, costs_little_memory_whether_evaluated_or_not) {
  std::vector<MadeFlag> made;
  for (int i = 0; i < 50; ++i) made.push_back({"flag-" + std::to_string(i), i % 2 == 0 ? by_plan : fixed});
  put(9, made);
  const std::string key = rig.make_key({"flags:read"});
  const std::string body = R"({"context":{"targetingKey":"user-42","plan":"pro","country":"DE"}})";
  Asked asked{"/ofrep/v1/evaluate/flags", body, {{"X-API-Key", key}}};
  asked.headers.emplace_back("If-None-Match", rig.ask(asked).headers.at("ETag"));
  EXPECT_LE(rig.allocations_of(asked), 45U) << "304";
  asked.headers.pop_back();
  EXPECT_LE(rig.allocations_of(asked), 60U) << "50 flags: none for each of them";
}

// ---- rates ----

class OfrepRates : public OfrepEvaluation {
 protected:
  OfrepRates() : OfrepEvaluation({.requests = {2, 1s, 2}, .service_requests = {3, 1s, 3}}) {}

  std::string statuses(int times, const Asked& asked) {
    std::string all;
    for (int i = 0; i < times; ++i) all += std::to_string(rig.ask(asked).status) + " ";
    return all;
  }
};

TEST_F(OfrepRates, T17_each_caller_pays_for_itself) {
  EXPECT_EQ(statuses(3, {}), "200 200 429 ");
  const Reply refused = rig.ask({});
  EXPECT_EQ(refused.json().at("errorCode"), "GENERAL");
  EXPECT_TRUE(refused.headers.contains("Retry-After"));
  EXPECT_EQ(statuses(1, {.peer = "192.0.2.2"}), "200 ");
  EXPECT_EQ(statuses(1, {.exempt = true}), "200 ");
  EXPECT_EQ(statuses(3, {.headers = {{"Authorization", bearer(1)}}}), "200 200 429 ");
  EXPECT_EQ(statuses(1, {.headers = {{"Authorization", bearer(2)}}}), "200 ");
  rig.clock.advance(1s);
  const std::string key = rig.make_key({"flags:read"});
  EXPECT_EQ(statuses(4, {.headers = {{"X-API-Key", key}}}), "200 200 200 429 ");
  EXPECT_EQ(statuses(3, {}), "200 200 429 ") << "a service does not pay by its address";
}

TEST_F(OfrepRates, T17_a_key_that_was_good_is_not_shut_out_by_others_at_its_address) {
  const Asked good{.headers = {{"X-API-Key", rig.make_key({"flags:read"})}}};
  EXPECT_EQ(statuses(1, good), "200 ");
  rig.clock.advance(users::ServiceKeyCache::life);
  EXPECT_EQ(statuses(3, {.headers = {{"X-API-Key", users::make_service_key()}}}), "401 401 429 ");
  EXPECT_EQ(statuses(1, good), "200 ");
}

TEST_F(OfrepRates, T17_who_proves_to_be_nobody_pays_by_its_address) {
  for (const std::string& bad : {std::string("nonsense"), users::make_service_key()}) {
    EXPECT_EQ(statuses(3, {.headers = {{"X-API-Key", bad}}}), "401 401 429 ") << bad;
    rig.clock.advance(1s);
  }
}

}  // namespace
}  // namespace corohub::gateway::ofrep::test
