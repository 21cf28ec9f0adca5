// Packages and clients in the whole application: managed over REST, in force on every shard once answered.
#include "support/sse_client.hpp"
#include "support/test_server.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::test {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

// A namespace for clients only, with a flag behind a package, and the client `acme` that has the package.
class OfrepOfClients : public testing::Test {
 protected:
  OfrepOfClients() {
    make("/api/v1/namespaces", {{"key", "shop"}, {"access", "clients"}});
    for (const auto& [key, gated] : {std::pair("paid", true), std::pair("plain", false)})
      make(N + "/flags", {{"key", key},
                          {"variants", {{"on", true}, {"off", false}}},
                          {"defaultVariant", "on"},
                          {"state", "ENABLED"},
                          {"package_gated", gated}});
    make(N + "/packages", {{"key", "gold"}});
    put("/packages/gold/features/paid", {{"limits", {{"seats", 5}}}});
    make(N + "/clients", {{"key", "acme"}, {"package", "gold"}});
    const HttpAnswer key = make(N + "/clients/acme/keys", {{"name", "web"}});
    key_ = key.at("data.key").as_string();
    key_id_ = key.at("data.id").as_int64();
  }

  HttpAnswer make(const std::string& target, const json::value& body) {
    const HttpAnswer made = client_.post(target, body, admin_.access_token);
    EXPECT_EQ(made.status, 201) << target << made.body;
    return made;
  }
  void put(const std::string& path, const json::value& body) {
    const HttpAnswer answer = client_.put(N + path, body, admin_.access_token);
    EXPECT_EQ(answer.status, 200) << path << answer.body;
  }
  void patch(const std::string& path, const json::value& body) {
    const std::string tag = client_.get(N + path, admin_.access_token).header("ETag");
    const HttpAnswer answer = client_.call({.method = "PATCH",
                                            .target = N + path,
                                            .token = admin_.access_token,
                                            .body = body,
                                            .headers = {{"If-Match", tag}}});
    EXPECT_EQ(answer.status, 200) << path << answer.body;
  }
  void remove(const std::string& path) {
    const int status = client_.del(N + path, admin_.access_token).status;
    EXPECT_TRUE(status == 200 || status == 204) << path << status;
  }
  HttpAnswer evaluate(HttpClient& client, const std::string& what, Headers headers = {}) {
    headers.emplace_back("X-API-Key", key_);
    return client.call({.method = "POST", .target = "/ofrep/v1/evaluate/flags" + what, .headers = headers});
  }
  // 0 if the shards do not agree.
  int status_everywhere(const std::string& what) {
    int all = evaluate(client_, what).status;
    for (int connection = 0; connection < 4; ++connection) {
      HttpClient other = server_.client();
      if (evaluate(other, what).status != all) all = 0;
    }
    return all;
  }
  std::string address() {
    return std::string(
        evaluate(client_, "").at("eventStreams").at(0).at("endpoint").at("requestUri").as_string());
  }
  SseClient open() {
    SseClient stream(server_.port(), {.target = address()});
    EXPECT_EQ(stream.next().text, R"({"type":"connected"})");
    return stream;
  }

  const std::string N = "/api/v1/namespaces/shop";
  TestServer server_;
  HttpClient client_ = server_.client();
  TestUser admin_ = server_.superadmin();
  std::string key_;
  std::int64_t key_id_ = 0;
};

TEST_F(OfrepOfClients, T51f_once_a_change_is_answered_every_shard_evaluates_it) {
  const HttpAnswer first = evaluate(client_, "/paid");
  EXPECT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(first.at("metadata"), (json::value{{"limits.seats", 5}}));
  for (int round = 0; round < 4; ++round) {
    put("/clients/acme/overrides/paid", {{"grant", false}, {"reason", "unpaid"}});
    EXPECT_EQ(status_everywhere("/paid"), 404);
    remove("/clients/acme/overrides/paid");
    EXPECT_EQ(status_everywhere("/paid"), 200);
    remove("/packages/gold/features/paid");
    EXPECT_EQ(status_everywhere("/paid"), 404);
    put("/packages/gold/features/paid", json::object());
    EXPECT_EQ(status_everywhere("/paid"), 200);
    patch("/clients/acme", {{"status", "disabled"}});
    EXPECT_EQ(status_everywhere("/paid"), 401);
    patch("/clients/acme", {{"status", "active"}});
    EXPECT_EQ(status_everywhere("/paid"), 200);
  }
}

TEST_F(OfrepOfClients, a_client_sees_its_namespace_among_all) {
  make("/api/v1/namespaces", {{"key", "other"}});
  EXPECT_EQ(client_.call({.target = "/api/v1/websocket/namespaces", .headers = {{"X-API-Key", key_}}}).json(),
            (json::value{{"namespaces", {"shop"}}, {"count", 1}}));
}

TEST_F(OfrepOfClients, T51f_a_dry_run_is_as_the_client_sees_it) {
  const auto dry = [&](const json::value& body) {
    const HttpAnswer answer =
        client_.post(N + "/environments/default/flags/paid/evaluate", body, admin_.access_token);
    EXPECT_EQ(answer.status, 200) << answer.body;
    return answer;
  };
  EXPECT_EQ(dry({{"client", "acme"}}).at("data.result.metadata"), (json::value{{"limits.seats", 5}}));
  EXPECT_EQ(dry(json::object()).at("data.result.metadata"), json::value(json::object())) << "as a service";
  EXPECT_EQ(dry({{"user_id", admin_.id}}).at("data.steps").at(0).at("outcome"), "no") << "he is no client";
  patch("/clients/acme", {{"user_id", admin_.id}});
  EXPECT_EQ(dry({{"user_id", admin_.id}}).at("data.result.value"), true);
  patch("/clients/acme", {{"status", "disabled"}});
  EXPECT_EQ(dry({{"client", "acme"}}).at("data.result.errorCode"), "FLAG_NOT_FOUND");
  for (const json::value& bad :
       {json::value{{"client", "none"}}, json::value{{"client", "acme"}, {"user_id", admin_.id}}})
    EXPECT_EQ(client_.post(N + "/environments/default/flags/paid/evaluate", bad, admin_.access_token).status,
              422);
}

TEST_F(OfrepOfClients, a_stream_hears_of_its_package_and_ends_with_its_client) {
  SseClient stream = open();
  put("/packages/gold/features/plain", {{"limits", {{"n", 1}}}});
  EXPECT_EQ(stream.next().data.at("type"), "refetchEvaluation");
  EXPECT_EQ(evaluate(client_, "/plain").at("metadata"), (json::value{{"limits.n", 1}}));
  patch("/clients/acme", {{"attributes", {{"size", 3}}}});
  EXPECT_EQ(stream.next().data.at("type"), "refetchEvaluation");
  patch("/clients/acme", {{"status", "disabled"}});
  EXPECT_TRUE(stream.wait_end());
}

TEST_F(OfrepOfClients, T31_a_revoked_key_ends_its_streams_and_evaluates_nothing) {
  SseClient stream = open();
  remove("/clients/acme/keys/" + std::to_string(key_id_));
  EXPECT_TRUE(stream.wait_end());
  EXPECT_EQ(status_everywhere(""), 401);
}

TEST_F(OfrepOfClients, T51f_an_override_that_expires_is_told) {
  SseClient stream = open();
  put("/clients/acme/overrides/paid",
      {{"grant", false}, {"expires_at", rfc3339(system_clock().unix_ms() + 1500)}});
  EXPECT_EQ(stream.next().data.at("type"), "refetchEvaluation");
  EXPECT_EQ(evaluate(client_, "/paid").status, 404);
  EXPECT_EQ(stream.next().data.at("type"), "refetchEvaluation");
  EXPECT_EQ(status_everywhere("/paid"), 200);
}

TEST_F(OfrepOfClients, a_stream_and_a_tag_are_good_across_a_restart) {
  const std::string tag = evaluate(client_, "").header("ETag");
  const std::string target = address();
  server_.restart();
  client_ = server_.client();
  EXPECT_EQ(evaluate(client_, "", {{"If-None-Match", tag}}).status, 304);
  SseClient stream(server_.port(), {.target = target});
  EXPECT_EQ(stream.next().text, R"({"type":"connected"})");
  put("/clients/acme/overrides/paid", {{"grant", false}});
  EXPECT_EQ(stream.next().data.at("type"), "refetchEvaluation");
}

}  // namespace
}  // namespace corohub::test
