// Changes of feature flags, made over REST, as clients of every protocol hear of them.
#include "support/sse_client.hpp"
#include "support/stomp_client.hpp"
#include "support/test_server.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class FlagsLive : public testing::Test {
 protected:
  FlagsLive() {
    make_namespace("bep", "users");
    make_flag("bep", "seen", true);
    make_flag("bep", "hidden", false);
  }

  void made(const HttpAnswer& answer) { ASSERT_EQ(answer.status, 201) << answer.body; }
  void make_namespace(const std::string& key, const std::string& access) {
    made(client_.post("/api/v1/namespaces", {{"key", key}, {"access", access}}, admin_.access_token));
  }
  void make_flag(const std::string& name_space, const std::string& key, bool client_visible) {
    made(client_.post("/api/v1/namespaces/" + name_space + "/flags",
                      {{"key", key},
                       {"client_visible", client_visible},
                       {"variants", {{"on", true}, {"off", false}}},
                       {"defaultVariant", "on"}},
                      admin_.access_token));
  }
  void set(const std::string& flag, const std::string& action, const std::string& name_space = "bep") {
    const std::string target =
        "/api/v1/namespaces/" + name_space + "/environments/default/flags/" + flag + "/" + action;
    const HttpAnswer answer =
        client_.call({.method = "POST", .target = target, .token = admin_.access_token});
    ASSERT_EQ(answer.status, 200) << answer.body;
  }
  // With the ETag that the entity has now. An empty body: DELETE.
  HttpAnswer change(const std::string& target, const std::string& method,
                    std::optional<json::value> body = {}) {
    const HttpAnswer now = client_.get(target, admin_.access_token);
    return client_.call({.method = method,
                         .target = target,
                         .token = admin_.access_token,
                         .body = std::move(body),
                         .headers = {{"If-Match", now.header("ETag")}}});
  }
  void set_access(const std::string& name_space, const std::string& access) {
    const HttpAnswer answer =
        change("/api/v1/namespaces/" + name_space, "PATCH", json::object{{"access", access}});
    ASSERT_EQ(answer.status, 200) << answer.body;
  }

  static std::string what(const json::object& event) {
    const json::object& data = event.at("data").as_object();
    return std::string(data.at("flag_key").as_string()) + " " + std::string(data.at("action").as_string());
  }
  static std::vector<std::string> whats(const json::value& events) {
    std::vector<std::string> all;
    for (const json::value& event : events.as_array()) all.push_back(what(event.as_object()));
    return all;
  }
  static void subscribe(WsClient& socket, const std::string& topic) {
    socket.send_text(R"({"type":"subscribe","id":1,"data":{"topic":")" + topic + R"("}})");
    socket.until("reply");
  }

  TestServer server_;
  HttpClient client_ = server_.client();
  TestUser admin_ = server_.superadmin();
  TestUser ann_ = server_.register_user("ann");
};

TEST_F(FlagsLive, a_change_arrives_by_every_protocol) {
  WsClient socket = server_.connect(ann_);
  socket.until("connection.established");
  subscribe(socket, "flags/bep");
  subscribe(socket, "flags");
  SseClient stream(server_.port(),
                   {.target = "/api/v1/events/stream?topic=flags", .token = ann_.access_token});
  stream.until("connection.established");
  StompSocket stomp(server_.port(), ann_);
  stomp.send({StompFrame{"CONNECT", {{"accept-version", "1.2"}}},
              StompFrame{"SUBSCRIBE", {{"id", "1"}, {"destination", "/topic/flags/bep"}, {"receipt", "r"}}}});
  while (stomp.next().command != "RECEIPT") {
  }
  set("hidden", "enable");
  set("seen", "enable");
  const json::object event = socket.next();
  EXPECT_EQ(event.at("type"), "flag.updated");
  EXPECT_EQ(event.at("topic"), "flags/bep");
  EXPECT_EQ(what(event), "seen enabled") << "and nothing of the hidden one before it";
  EXPECT_EQ(stream.next().data, event);
  const StompFrame message = stomp.next();
  EXPECT_THAT(message.body, testing::StartsWith(R"({"type":"flag_update","namespace":"bep","flagKey":"seen",)"
                                                R"("action":"enabled","enabled":true,"timestamp":)"));
  set("seen", "disable");
  EXPECT_EQ(what(socket.next()), "seen disabled") << "once, though it follows both topics";
}

TEST_F(FlagsLive, whoever_watches_is_told_what_has_changed_for_it) {
  WsClient socket = server_.connect(ann_);
  socket.until("connection.established");
  socket.send_text(R"({"type":"flag.watch","id":1,"data":{"namespace":"bep"}})");
  const json::object first = socket.until("reply").back();
  ASSERT_EQ(first.at("data").at("flags").as_array().size(), 1U);
  EXPECT_EQ(first.at("data").at("flags").at(0).at("reason"), "DISABLED");
  set("hidden", "enable");
  set("seen", "enable");
  const json::object event = socket.next();
  EXPECT_EQ(event.at("type"), "flag.values") << "and nothing of the hidden one before it";
  EXPECT_EQ(event.at("data").at("flags").at(0).at("key"), "seen");
  EXPECT_EQ(event.at("data").at("flags").at(0).at("value"), true);
  set_access("bep", "clients");
  EXPECT_EQ(json::serialize(socket.until("flag.values").back().at("data").at("removed")), R"(["seen"])");
}

TEST_F(FlagsLive, T49_what_is_hidden_is_in_no_history_poll_or_resumption) {
  set("hidden", "enable");
  set("seen", "enable");
  const auto ask = [&](const std::string& target, const TestUser& user) {
    const HttpAnswer answer = client_.get(target, user.access_token);
    EXPECT_EQ(answer.status, 200) << target << answer.body;
    return whats(answer.at("data"));
  };
  for (const char* target :
       {"/api/v1/topics/flags/bep/history", "/api/v1/topics/flags/history",
        "/api/v1/events?types=flag.*&topic=flags",
        "/api/v1/events/poll?types=flag.*&timeout=0&topic=flags/bep&topic=flags&since=0"}) {
    EXPECT_THAT(ask(target, ann_), ElementsAre("seen created", "seen enabled")) << target;
    EXPECT_THAT(ask(target, admin_),
                ElementsAre("seen created", "hidden created", "hidden enabled", "seen enabled"))
        << target;
  }
  WsClient resumed(server_.port(),
                   {.target = "/ws?types=flag.*&since=0&topic=flags", .token = ann_.access_token});
  EXPECT_EQ(what(resumed.until("flag.created").back()), "seen created");
  EXPECT_EQ(what(resumed.next()), "seen enabled");
  resumed.send_text(R"({"type":"history","id":2,"data":{"topic":"flags/bep"}})");
  EXPECT_THAT(whats(resumed.until("reply").back().at("data").at("events")),
              ElementsAre("seen created", "seen enabled"));
}

TEST_F(FlagsLive, T49_a_right_that_ends_takes_its_subscription_back) {
  WsClient socket = server_.connect(ann_);
  socket.until("connection.established");
  subscribe(socket, "flags/bep");
  set_access("bep", "clients");
  const json::object revoked = socket.until("subscription.revoked").back();
  EXPECT_EQ(revoked.at("data").at("topic"), "flags/bep");
  socket.send_text(R"({"type":"subscribe","id":3,"data":{"topic":"flags/bep"}})");
  EXPECT_EQ(socket.until("error").back().at("data").at("code"), "forbidden");
  for (const char* target : {"/api/v1/topics/flags/bep/history", "/api/v1/events?topic=flags/bep",
                             "/api/v1/events/poll?topic=flags/bep", "/api/v1/events/stream?topic=flags/bep",
                             "/api/v1/topics/flags/none/history", "/api/v1/events?topic=flags/none"})
    EXPECT_EQ(client_.get(target, ann_.access_token).status, 403) << target;
  const HttpAnswer all = client_.get("/api/v1/topics/flags/history", ann_.access_token);
  EXPECT_THAT(whats(all.at("data")), IsEmpty());
}

TEST_F(FlagsLive, T14_a_guest_hears_of_public_namespaces_alone) {
  make_namespace("open", "public");
  make_flag("open", "all", true);
  StompSocket guest(server_.port(), TestUser());
  guest.send(
      {StompFrame{"CONNECT", {{"accept-version", "1.2"}}},
       StompFrame{"SUBSCRIBE", {{"id", "0"}, {"destination", "/topic/system"}}},
       StompFrame{"SUBSCRIBE", {{"id", "1"}, {"destination", "/topic/flags"}}},
       StompFrame{"SUBSCRIBE", {{"id", "2"}, {"destination", "/topic/flags/open"}, {"receipt", "r"}}}});
  while (guest.next().command != "RECEIPT") {
  }
  client_.post("/ws/broadcast", {{"message", "To all"}}, admin_.access_token);
  client_.post("/ws/broadcast", {{"message", "To users"}, {"to", {{"role", "user"}}}}, admin_.access_token);
  set("seen", "enable");
  set("all", "enable", "open");
  const StompFrame alert = guest.next();
  EXPECT_EQ(alert.header("subscription"), "0");
  EXPECT_THAT(alert.body, HasSubstr(R"("message":"To all")"));
  const StompFrame first = guest.next();
  const StompFrame second = guest.next();
  EXPECT_THAT(first.body, HasSubstr(R"("namespace":"open","flagKey":"all")"));
  EXPECT_EQ(first.body, second.body);
  EXPECT_EQ(first.header("subscription") + second.header("subscription"), "21");
  EXPECT_EQ(client_.get("/ws/stats", admin_.access_token).at("total_clients"), 0);
  EXPECT_EQ(WsClient(server_.port(), WsOptions{}).answer().status, 401)
      << "in the native protocol nobody is a guest";
  server_.stop();
  const StompFrame last = guest.next();
  EXPECT_EQ(last.header("subscription"), "0");
  EXPECT_THAT(last.body,
              testing::StartsWith(R"({"type":"connection_status","message":"The server is shutting down")"));
}

TEST_F(FlagsLive, T14_who_has_no_audience_comes_back_to_alerts_to_all_at_the_servers_topic) {
  make_namespace("open", "public");
  const auto alert = [&](const std::string& message, json::value to = nullptr) {
    json::object body{{"message", message}};
    if (!to.is_null()) body["to"] = std::move(to);
    return client_.post("/ws/broadcast", body, admin_.access_token).at("seq").as_int64();
  };
  const Seq before = alert("before");
  alert("missed");
  alert("for users", {{"role", "user"}});
  alert("for Ann", {{"user_id", ann_.id}});
  const std::string next = client_.get("/api/v1/events", admin_.access_token).header("Corohub-Next");
  const std::string since = next.substr(0, next.find(':') + 1) + std::to_string(before);
  StompSocket guest(server_.port(), TestUser());
  StompSocket ann(server_.port(), ann_);
  for (StompSocket* one : {&guest, &ann}) {
    one->send(
        {StompFrame{"CONNECT", {{"accept-version", "1.2"}}},
         StompFrame{"SUBSCRIBE",
                    {{"id", "0"}, {"destination", "/topic/system"}, {"since", since}, {"receipt", "r"}}}});
    EXPECT_EQ(one->next().command, "CONNECTED");
    EXPECT_EQ(one->next().header("corohub-recovered"), "true");
    EXPECT_THAT(one->next().body, HasSubstr(R"("message":"missed")"));
  }
  alert("now");
  for (StompSocket* one : {&guest, &ann}) EXPECT_THAT(one->next().body, HasSubstr(R"("message":"now")"));
}

TEST_F(FlagsLive, administrators_hear_of_what_is_managed) {
  WsClient socket(server_.port(), {.target = "/ws?types=flag.*,namespace.*,segment.*,schedule.*&topic=flags",
                                   .token = admin_.access_token});
  socket.until("connection.established");
  const std::string shop = "/api/v1/namespaces/shop";
  const std::string segments = shop + "/environments/default/segments";
  make_namespace("shop", "users");
  make_flag("shop", "cart", true);
  made(client_.post(segments, {{"key", "beta"}, {"rule", {{"==", json::array{1, 1}}}}}, admin_.access_token));
  EXPECT_EQ(change(segments + "/beta", "PUT", json::object{{"rule", {{"==", json::array{1, 2}}}}}).status,
            200);
  EXPECT_EQ(change(segments + "/beta", "DELETE").status / 100, 2);
  made(client_.post(shop + "/environments/default/schedule",
                    {{"flag", "cart"},
                     {"at", "2020-01-01T00:00:00Z"},
                     {"change", {{"state", "ENABLED"}}},
                     {"if_version", 99}},
                    admin_.access_token));
  EXPECT_EQ(socket.until("schedule.failed").back().at("data").at("flag_key"), "cart");
  set_access("shop", "public");
  EXPECT_EQ(change(shop + "/flags/cart", "DELETE").status / 100, 2);
  EXPECT_EQ(change(shop, "DELETE").status / 100, 2);
  std::vector<std::string> types;
  for (const json::object& event : socket.until("namespace.deleted"))
    types.emplace_back(event.at("type").as_string());
  EXPECT_THAT(types, ElementsAre("namespace.updated", "flag.deleted", "namespace.deleted"));
}

TEST_F(FlagsLive, says_before_a_connection_what_there_is) {
  make_namespace("open", "public");
  make_namespace("shop", "clients");
  EXPECT_EQ(client_.get("/api/v1/websocket/info").body,
            R"({"websocketEndpoint":"/ws","subscriptionTopics":["/topic/flags","/topic/flags/{namespace}",)"
            R"("/topic/system"],"messageTypes":["flag_update","connection_status","error"]})");
  const auto namespaces = [&](const std::string& token) {
    return client_.get("/api/v1/websocket/namespaces", token).body;
  };
  EXPECT_EQ(namespaces({}), R"({"namespaces":["open"],"count":1})");
  EXPECT_EQ(namespaces(ann_.access_token), R"({"namespaces":["bep","default","open"],"count":3})");
  EXPECT_EQ(namespaces(admin_.access_token), R"({"namespaces":["bep","default","open","shop"],"count":4})");
  EXPECT_NE(client_.get("/api/v1/websocket/namespaces").header("Corohub-Position"), "");
  EXPECT_EQ(client_.get("/api/v1/websocket/namespaces", "no token").status, 401);
  const HttpAnswer status = client_.get("/api/v1/websocket/status");
  EXPECT_EQ(status.at("status"), "running");
  EXPECT_EQ(status.at("message"), "WebSocket server is running and ready for connections");
  EXPECT_TRUE(status.at("timestamp").is_int64());
}

}  // namespace
}  // namespace corohub::test
