// Evaluation of flags over HTTP in the whole application: managed over REST, evaluated and heard of on any
// shard.
#include "support/sse_client.hpp"
#include "support/test_server.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::test {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;
using testing::HasSubstr;
using testing::Not;

class Ofrep : public testing::Test {
 protected:
  explicit Ofrep(TestServer::Adjust adjust = {}) : server_(std::move(adjust)) {
    const HttpAnswer made =
        client_.post("/api/v1/namespaces", {{"key", "bep"}, {"access", "public"}}, admin_.access_token);
    EXPECT_EQ(made.status, 201) << made.body;
    add_flag("plain", {{"on", true}, {"off", false}});
  }

  void add_flag(const char* key, const json::value& variants, bool client_visible = true) {
    const HttpAnswer made = client_.post("/api/v1/namespaces/bep/flags",
                                         {{"key", key},
                                          {"variants", variants},
                                          {"defaultVariant", "on"},
                                          {"state", "ENABLED"},
                                          {"client_visible", client_visible}},
                                         admin_.access_token);
    EXPECT_EQ(made.status, 201) << made.body;
  }
  void turn(const char* key, const char* switched) {
    const HttpAnswer answer = client_.call(
        {.method = "POST",
         .target = std::string("/api/v1/namespaces/bep/environments/default/flags/") + key + "/" + switched,
         .token = admin_.access_token});
    EXPECT_EQ(answer.status, 200) << answer.body;
  }
  HttpAnswer evaluate(const std::string& what, Headers headers = {}, std::optional<std::string> body = {}) {
    headers.emplace_back("X-Corohub-Namespace", "bep");
    return client_.call({.method = "POST",
                         .target = "/ofrep/v1/evaluate/flags" + what,
                         .bytes = std::move(body),
                         .headers = std::move(headers)});
  }
  std::string address(const Headers& headers = {}) {
    return std::string(
        evaluate("", headers).at("eventStreams").at(0).at("endpoint").at("requestUri").as_string());
  }
  SseClient open(const std::string& target, const Headers& headers = {}) {
    return SseClient(server_.port(), {.target = target, .headers = headers});
  }
  std::string make_key(const std::vector<std::string>& scopes) {
    json::array list;
    for (const std::string& scope : scopes) list.emplace_back(scope);
    const HttpAnswer made =
        client_.post("/api/v1/admin/api-keys", {{"name", "Shop"}, {"scopes", list}}, admin_.access_token);
    EXPECT_EQ(made.status, 201) << made.body;
    key_id_ = made.at("data.id").as_int64();
    return std::string(made.at("data.key").as_string());
  }
  int revoke_key() {
    return client_.del("/api/v1/admin/api-keys/" + std::to_string(key_id_), admin_.access_token).status;
  }

  TestServer server_;
  HttpClient client_ = server_.client();
  TestUser admin_ = server_.superadmin();
  std::int64_t key_id_ = 0;
};

TEST_F(Ofrep, once_a_change_is_answered_every_shard_evaluates_it) {
  for (int round = 0; round < 20; ++round) {
    turn("plain", round % 2 == 0 ? "disable" : "enable");
    for (int connection = 0; connection < 4; ++connection) {
      HttpClient other = server_.client();
      const HttpAnswer answer =
          other.call({.method = "POST", .target = "/ofrep/v1/evaluate/flags/plain?namespace=bep"});
      EXPECT_EQ(answer.status, 200) << answer.body;
      EXPECT_EQ(answer.at("reason"), round % 2 == 0 ? "DISABLED" : "STATIC") << round;
    }
  }
}

TEST_F(Ofrep, a_stream_says_when_to_ask_again) {
  SseClient stream = open(address());
  EXPECT_EQ(stream.status(), 200);
  const SseEvent connected = stream.next();
  EXPECT_EQ(connected.text, R"({"type":"connected"})");
  EXPECT_FALSE(connected.retry.empty());
  EXPECT_THAT(connected.id, HasSubstr(":"));
  const std::string tag = evaluate("").header("ETag");
  add_flag("hidden", {{"on", 1}}, /*client_visible=*/false);
  turn("plain", "disable");
  const SseEvent refetch = stream.next();
  EXPECT_EQ(refetch.event, "message");
  EXPECT_EQ(refetch.data.at("type"), "refetchEvaluation");
  const HttpAnswer now = evaluate("", {{"If-None-Match", tag}});
  EXPECT_EQ(now.status, 200);
  EXPECT_EQ(std::string(refetch.data.at("etag").as_string()),
            "\"r" + std::string(now.at("metadata.version").as_string()) + "\"");
  EXPECT_EQ(evaluate("", {{"If-None-Match", now.header("ETag")}}).status, 304);
}

TEST_F(Ofrep, T31_a_revoked_key_ends_its_streams_and_evaluates_nothing) {
  const std::string key = make_key({"flags:evaluate:bep"});
  const Headers headers{{"X-API-Key", key}};
  SseClient stream = open(address(headers));
  stream.next();
  ASSERT_EQ(revoke_key(), 204);
  for (int i = 0; i < 8; ++i) {
    HttpClient other = server_.client();
    EXPECT_EQ(
        other.call({.method = "POST", .target = "/ofrep/v1/evaluate/flags?namespace=bep", .headers = headers})
            .status,
        401);
  }
  EXPECT_TRUE(stream.wait_end());
}

TEST_F(Ofrep, T29_a_stream_ends_with_its_login) {
  const TestUser user = server_.register_user("ann");
  const Headers headers{{"Authorization", "Bearer " + user.access_token}};
  const std::string target = address(headers);
  SseClient stream = open(target);
  stream.next();
  EXPECT_EQ(
      client_.post("/api/v1/auth/logout", {{"refresh_token", user.refresh_token}}, user.access_token).status,
      204);
  EXPECT_TRUE(stream.wait_end());
  EXPECT_EQ(open(target).status(), 401);
}

TEST_F(Ofrep, a_stream_and_a_tag_are_good_across_a_restart) {
  const HttpAnswer before = evaluate("");
  const std::string target = address();
  server_.restart();
  client_ = server_.client();
  EXPECT_EQ(evaluate("", {{"If-None-Match", before.header("ETag")}}).status, 304);
  SseClient stream = open(target);
  EXPECT_EQ(stream.status(), 200);
  EXPECT_EQ(stream.next().text, R"({"type":"connected"})");
}

TEST_F(Ofrep, T10_a_body_that_is_too_large_is_said_to_be) {
  const HttpAnswer answer = evaluate("", {}, std::string(65'537, ' '));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.header("Content-Type"), "application/problem+json");
  EXPECT_EQ(answer.at("errorCode"), "GENERAL");
  client_ = server_.client();
  EXPECT_EQ(evaluate("", {}, R"({"context":{}})" + std::string(65'000, ' ')).status, 200);
}

// A guest's stream is nobody's by name.
TEST_F(Ofrep, T63_admins_see_and_end_the_streams_of_guests) {
  SseClient stream = open(address());
  stream.next();
  const HttpAnswer list = client_.get("/api/v1/admin/connections", admin_.access_token);
  const json::value data = list.at("data");
  ASSERT_EQ(data.as_array().size(), 1U) << list.body;
  EXPECT_TRUE(data.at(0).at("user_id").is_null());
  EXPECT_EQ(data.at(0).at("transport"), "ofrep");
  const std::string id(data.at(0).at("client_id").as_string());
  EXPECT_EQ(client_.del("/api/v1/admin/connections/" + id, admin_.access_token).status, 204);
  EXPECT_TRUE(stream.wait_end());
}

class OfrepForPages : public Ofrep {
 protected:
  OfrepForPages()
      : Ofrep([](server::Settings& settings) { settings.http.cors_origins = {"https://app.example.com"}; }) {}
};

TEST_F(OfrepForPages, pages_may_send_and_read_what_a_provider_needs) {
  const Headers page{{"Origin", "https://app.example.com"}, {"Access-Control-Request-Method", "POST"}};
  const HttpAnswer preflight =
      client_.call({.method = "OPTIONS", .target = "/ofrep/v1/evaluate/flags", .headers = page});
  for (const char* name : {"If-None-Match", "If-Match", "X-API-Key", "X-Corohub-Namespace",
                           "X-Corohub-Environment", "X-Corohub-Client", "Authorization", "Content-Type"})
    EXPECT_THAT(preflight.header("Access-Control-Allow-Headers"), HasSubstr(name));
  const HttpAnswer answer = evaluate("", page);
  EXPECT_THAT(answer.header("Access-Control-Expose-Headers"), HasSubstr("ETag"));
  EXPECT_THAT(answer.header("Access-Control-Expose-Headers"), HasSubstr("Location"));
  const SseClient stream = open(address(), page);
  EXPECT_THAT(stream.head(), HasSubstr("Access-Control-Allow-Origin: https://app.example.com"));
}

}  // namespace
}  // namespace corohub::test
