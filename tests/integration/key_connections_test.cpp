// Services that listen with their keys, over every carrier, and the activity of administrators.
#include "support/sse_client.hpp"
#include "support/stomp_client.hpp"
#include "support/test_server.hpp"

#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace corohub::test {
namespace {

using testing::ElementsAre;

class KeyConnections : public testing::Test {
 protected:
  KeyConnections() {
    EXPECT_EQ(client_.post("/api/v1/namespaces", {{"key", "bep"}, {"access", "clients"}}, admin_.access_token)
                  .status,
              201);
    const HttpAnswer made = client_.post("/api/v1/namespaces/bep/flags",
                                         {{"key", "hidden"},
                                          {"client_visible", false},
                                          {"variants", {{"on", true}, {"off", false}}},
                                          {"defaultVariant", "on"}},
                                         admin_.access_token);
    EXPECT_EQ(made.status, 201) << made.body;
    const HttpAnswer key =
        client_.post("/api/v1/admin/api-keys",
                     {{"name", "Shop"}, {"scopes", json::array{"flags:evaluate:bep"}}}, admin_.access_token);
    EXPECT_EQ(key.status, 201) << key.body;
    key_ = std::string(key.at("data.key").as_string());
    key_id_ = key.at("data.id").as_int64();
  }

  void set(const std::string& action) {
    const HttpAnswer answer =
        client_.call({.method = "POST",
                      .target = "/api/v1/namespaces/bep/environments/default/flags/hidden/" + action,
                      .token = admin_.access_token});
    ASSERT_EQ(answer.status, 200) << answer.body;
  }
  static std::string action(const json::object& event) {
    return std::string(event.at("data").at("action").as_string());
  }

  TestServer server_;
  HttpClient client_ = server_.client();
  TestUser admin_ = server_.superadmin();
  std::string key_;
  std::int64_t key_id_ = 0;
};

TEST_F(KeyConnections, T31b_a_service_listens_over_every_carrier) {
  WsClient socket(server_.port(), {.target = "/ws?topic=flags/bep", .headers = {{"X-API-Key", key_}}});
  const json::object welcome = socket.next();
  EXPECT_TRUE(welcome.at("data").at("user_id").is_null());
  EXPECT_TRUE(welcome.at("data").at("token_expires_at").is_null());
  EXPECT_EQ(welcome.at("data").at("role"), "user");
  SseClient stream(server_.port(), {.target = "/api/v1/events/stream?topic=flags", .token = key_});
  stream.until("connection.established");
  StompSocket stomp(server_.port(), TestUser());
  stomp.send({StompFrame{"CONNECT", {{"accept-version", "1.2"}, {"login", "x"}, {"passcode", key_}}},
              StompFrame{"SUBSCRIBE", {{"id", "1"}, {"destination", "/topic/flags/bep"}, {"receipt", "r"}}}});
  while (stomp.next().command != "RECEIPT") {
  }
  set("enable");
  EXPECT_EQ(action(socket.next()), "enabled");
  EXPECT_EQ(action(stream.next().data), "enabled");
  EXPECT_THAT(stomp.next().body, testing::HasSubstr(R"("action":"enabled")"));
  for (const char* target : {"/api/v1/topics/flags/bep/history", "/api/v1/events?since=0&topic=flags/bep",
                             "/api/v1/events/poll?since=0&timeout=0&topic=flags"}) {
    const HttpAnswer answer = client_.get(target, key_);
    ASSERT_EQ(answer.status, 200) << target << answer.body;
    EXPECT_EQ(answer.at("data").as_array().size(), 2U) << target << ": created and enabled";
  }
  const json::value connections = client_.get("/api/v1/admin/connections", admin_.access_token).at("data");
  ASSERT_EQ(connections.as_array().size(), 3U);
  for (const json::value& one : connections.as_array()) {
    EXPECT_EQ(one.at("kind"), "service");
    EXPECT_EQ(one.at("key_id"), key_id_);
    EXPECT_TRUE(one.at("user_id").is_null() && one.at("flag_client_id").is_null());
  }
  EXPECT_EQ(client_.del("/api/v1/admin/api-keys/" + std::to_string(key_id_), admin_.access_token).status,
            204);
  EXPECT_EQ(socket.wait_close(), (WsClose{1008, "session_revoked"}));
  EXPECT_TRUE(stream.until("connection.closed").back().data.at("data").at("reason") == "session_revoked");
}

TEST_F(KeyConnections, T31b_a_key_opens_no_more_than_its_scopes) {
  for (const char* target : {"/ws?topic=flags/default", "/ws?topic=rooms/one", "/ws?topic=activity"})
    EXPECT_EQ(WsClient(server_.port(), {.target = target, .token = key_}).answer().status, 403) << target;
  EXPECT_EQ(WsClient(server_.port(), WsOptions{}).answer().status, 401);
  EXPECT_EQ(WsClient(server_.port(), {.token = "chk_" + std::string(43, 'a')}).answer().status, 401);
  EXPECT_EQ(WsClient(server_.port(), {.token = "chc_" + std::string(43, 'a')}).answer().status, 401);
  EXPECT_EQ(WsClient(server_.port(), {.token = key_, .headers = {{"X-API-Key", key_}}}).answer().status, 400);
}

TEST_F(KeyConnections, administrators_see_each_row_of_the_trail_as_it_is_written) {
  WsClient socket(server_.port(),
                  {.target = "/ws?topic=activity&types=activity", .token = admin_.access_token});
  socket.next();
  set("enable");
  const json::object event = socket.next();
  EXPECT_EQ(event.at("type"), "activity");
  EXPECT_EQ(event.at("topic"), "activity");
  EXPECT_FALSE(event.contains("seq"));
  const HttpAnswer trail = client_.get("/api/v1/admin/audit?order=desc&limit=1", admin_.access_token);
  json::value row = trail.at("data").at(0);
  EXPECT_EQ(row.at("detail").as_object().erase("before") + row.at("detail").as_object().erase("after"), 2U);
  EXPECT_EQ(event.at("data"), row) << "no rule and no value is in an event";
  const HttpAnswer order =
      client_.post("/api/v1/config-events", {{"type", "ALL_CACHE_INVALID"}}, admin_.access_token);
  ASSERT_EQ(order.status, 200) << order.body;
  EXPECT_EQ(order.at("data").at("recipients"), 0) << "who follows the trail is not one of them";
  const TestUser ann = server_.register_user("ann");
  EXPECT_EQ(
      WsClient(server_.port(), {.target = "/ws?topic=activity", .token = ann.access_token}).answer().status,
      403);
}

TEST_F(KeyConnections, administrators_see_who_else_edits_a_flag) {
  const TestUser other = server_.superadmin();
  WsClient socket = server_.connect(admin_);
  socket.send_text(R"({"type":"subscribe","id":1,"data":{"topic":"editing/flags/bep/hidden:x@2"}})");
  socket.until("reply");
  const HttpAnswer who =
      client_.get("/api/v1/topics/editing/flags/bep/hidden:x@2/presence", other.access_token);
  ASSERT_EQ(who.status, 200) << who.body;
  EXPECT_EQ(who.at("data").at("count"), 1);
  EXPECT_EQ(client_
                .get("/api/v1/topics/editing/flags/bep/hidden%3Ax%402/presence",
                     server_.register_user("ann").access_token)
                .status,
            403);
}

}  // namespace
}  // namespace corohub::test
