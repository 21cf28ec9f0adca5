// Publishing in topics, to people, and by other services: over the WebSocket and over REST.
#include "support/test_server.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;

constexpr const char* room = "/api/v1/topics/rooms/one/events";
constexpr const char* room_history = "/api/v1/topics/rooms/one/history";

class Publish : public testing::Test {
 protected:
  // A request on a WebSocket, and the answer to it.
  static json::object ask(WsClient& client, const std::string& type, const json::value& data) {
    client.send_text(json::serialize(json::value{{"type", type}, {"id", "q"}, {"data", data}}));
    for (;;) {
      json::object message = client.next();
      if (message.contains("id")) return message;
    }
  }
  HttpAnswer publish(const json::value& body, const std::string& idempotency_key = {},
                     const char* target = room) {
    HttpCall call{.method = "POST", .target = target, .token = ann_.access_token, .body = body};
    if (!idempotency_key.empty()) call.headers.emplace_back("Idempotency-Key", idempotency_key);
    return client_.call(call);
  }
  HttpAnswer by_key(const std::string& key, const json::value& body) {
    return client_.call(
        {.method = "POST", .target = "/api/v1/publish", .body = body, .headers = {{"X-Api-Key", key}}});
  }
  HttpAnswer make_key(const json::array& scopes) {
    return client_.post("/api/v1/admin/api-keys", {{"name", "Shop"}, {"scopes", scopes}}, root_.access_token);
  }
  std::string key_with(const json::array& scopes) {
    const HttpAnswer made = make_key(scopes);
    EXPECT_EQ(made.status, 201) << made.body;
    return std::string(made.at("data.key").as_string());
  }

  TestServer server_;
  HttpClient client_ = server_.client();
  TestUser root_ = server_.superadmin();
  TestUser ann_ = server_.register_user("ann");
};

// ---- WebSocket ----

TEST_F(Publish, on_a_socket_is_answered_and_can_be_read_again) {
  WsClient socket = server_.connect(ann_);
  const json::object answer = ask(socket, "publish", {{"topic", "rooms/one"}, {"data", {{"n", 1}}}});
  ASSERT_EQ(answer.at("type"), "reply");
  EXPECT_GT(answer.at("data").at("seq").as_int64(), 0);
  const json::object history = ask(socket, "history", {{"topic", "rooms/one"}});
  const json::value& event = history.at("data").at("events").at(0);
  EXPECT_EQ(event.at("seq"), answer.at("data").at("seq"));
  EXPECT_EQ(event.at("timestamp"), answer.at("data").at("timestamp"));
  EXPECT_EQ(event.at("topic"), "rooms/one");
  EXPECT_EQ(event.at("data"), json::value({{"n", 1}}));
}

TEST_F(Publish, an_idempotency_key_outlives_a_restart) {
  const json::value request{{"topic", "rooms/one"}, {"data", 1}, {"idempotency_key", "k"}};
  json::value first;
  {
    WsClient socket = server_.connect(ann_);
    first = ask(socket, "publish", request).at("data");
  }
  server_.restart();
  ann_ = server_.log_in(ann_.email, ann_.password);
  WsClient socket = server_.connect(ann_);
  EXPECT_EQ(ask(socket, "publish", request).at("data"), first);
  const json::value other{{"topic", "rooms/one"}, {"data", 2}, {"idempotency_key", "k"}};
  EXPECT_EQ(ask(socket, "publish", other).at("data").at("code"), "idempotency_mismatch");
  // The same user, topic and key over REST is the same key.
  client_ = server_.client();
  EXPECT_EQ(publish({{"data", 1}}, "k").at("data"), first);
  EXPECT_EQ(ask(socket, "history", {{"topic", "rooms/one"}}).at("data").at("events").as_array().size(), 1U);
}

// ---- topics over REST ----

TEST_F(Publish, over_rest_keeps_data_as_it_was_given) {
  HttpCall call{.method = "POST", .target = room, .token = ann_.access_token};
  call.headers.emplace_back("Content-Type", "application/json");
  call.bytes = R"({"type":"chat.line", "data" : {"n":1.10, "big":123456789012345678901234567890}})";
  const HttpAnswer sent = client_.call(call);
  ASSERT_EQ(sent.status, 200) << sent.body;
  EXPECT_EQ(sent.at("data.topic"), "rooms/one");
  EXPECT_THAT(sent.header("Corohub-Position"),
              HasSubstr(":" + std::to_string(sent.at("data.seq").as_int64())));
  EXPECT_THAT(client_.get(room_history, ann_.access_token).body,
              HasSubstr(R"({"type":"chat.line","data":{"n":1.10,"big":123456789012345678901234567890},)"));
}

TEST_F(Publish, an_encoded_slash_is_one_too) {
  ASSERT_EQ(publish({{"data", 1}}, {}, "/api/v1/topics/rooms%2Fone/events").status, 200);
  EXPECT_EQ(client_.get(room_history, ann_.access_token).at("data").as_array().size(), 1U);
}

TEST_F(Publish, over_rest_says_what_is_wrong) {
  const auto refused = [&](int status, std::string_view code, const HttpAnswer& answer) {
    EXPECT_EQ(answer.status, status) << answer.body;
    EXPECT_EQ(answer.at("code"), json::value(code));
  };
  refused(400, "invalid_topic", publish({{"data", 1}}, {}, "/api/v1/topics/rooms/a%20b/events"));
  refused(400, "invalid_request", publish({{"data", 1}}, {}, "/api/v1/topics/rooms/../events"));
  refused(403, "forbidden", publish({{"data", 1}}, {}, "/api/v1/topics/rooms/a/b/events"));
  const HttpAnswer reserved = publish({{"data", 1}, {"type", "user.created"}});
  refused(422, "reserved_type", reserved);
  EXPECT_EQ(reserved.at("errors").at(0).at("field"), "/type");
  refused(422, "validation_failed", publish({{"data", 1}, {"type", "a b"}}));
  refused(422, "validation_failed", publish({{"type", "a"}}));
  refused(400, "invalid_request", publish({{"data", 1}}, std::string(129, 'k')));
  refused(413, "payload_too_large", publish({{"data", std::string(65'500, 'x')}}));
  EXPECT_EQ(publish({{"data", 1}}, "k").status, 200);
  refused(409, "idempotency_mismatch", publish({{"data", 2}}, "k"));
  const HttpAnswer wrong_method = client_.get(room, ann_.access_token);
  EXPECT_EQ(wrong_method.status, 405);
  EXPECT_EQ(wrong_method.header("Allow"), "POST, OPTIONS");
}

TEST_F(Publish, history_is_paged_and_tells_of_gaps) {
  for (int i = 1; i <= 3; ++i) publish({{"data", i}});
  const std::string base = room_history;
  const HttpAnswer first = client_.get(base + "?limit=2", ann_.access_token);
  EXPECT_EQ(first.at("data").as_array().size(), 2U);
  EXPECT_EQ(first.at("meta.more"), true);
  const std::string next(first.at("meta.next").as_string());
  const HttpAnswer rest = client_.get(base + "?limit=1&since=" + next, ann_.access_token);
  ASSERT_EQ(rest.at("data").as_array().size(), 1U);
  EXPECT_EQ(rest.at("data").at(0).at("data"), 3);
  EXPECT_EQ(rest.at("meta.more"), false);
  const HttpAnswer foreign = client_.get(base + "?since=elsewhere:1", ann_.access_token);
  EXPECT_EQ(foreign.status, 410);
  EXPECT_EQ(foreign.at("code"), "gap");
  EXPECT_EQ(foreign.at("head"), json::value(foreign.header("Corohub-Position")));
  EXPECT_EQ(client_.get(base + "?since=999999", ann_.access_token).status, 410);
  EXPECT_EQ(client_.get(base + "?since=-1", ann_.access_token).at("code"), "invalid_since");
  EXPECT_EQ(client_.get(base + "?limit=301", ann_.access_token).status, 422);
}

// ---- to people, and by services ----

TEST_F(Publish, reaches_whom_it_names) {
  const TestUser bob = server_.register_user("bob");
  WsClient anns = server_.connect(ann_);
  WsClient bobs = server_.connect(bob);
  anns.until("connection.established");
  bobs.until("connection.established");
  const std::string key = key_with(json::array{"publish"});
  const auto send = [&](const json::value& to, const char* type) {
    const HttpAnswer sent = by_key(key, {{"to", to}, {"type", type}, {"data", type}});
    EXPECT_EQ(sent.status, 200) << sent.body;
    return sent;
  };
  const HttpAnswer to_ann = send({{"user_id", ann_.id}}, "order.one");
  EXPECT_EQ(to_ann.at("data.recipients"), 1);
  EXPECT_FALSE(to_ann.at("data").as_object().contains("topic"));
  EXPECT_EQ(send({{"role", "user"}}, "order.two").at("data.recipients"), 2);
  EXPECT_EQ(send({{"role", "admin"}}, "order.three").at("data.recipients"), 0);
  EXPECT_EQ(send({{"all", true}}, "order.four").at("data.recipients"), 2);
  EXPECT_EQ(anns.next().at("type"), "order.one");
  EXPECT_EQ(anns.next().at("type"), "order.two");
  EXPECT_EQ(anns.next().at("type"), "order.four");
  const json::object event = bobs.next();
  EXPECT_EQ(event.at("type"), "order.two");
  EXPECT_EQ(event.at("seq").as_int64(), to_ann.at("data.seq").as_int64() + 1);
  EXPECT_EQ(send({{"topic", "public/news"}}, "order.five").at("data.topic"), "public/news");
}

TEST_F(Publish, a_key_is_shown_once_and_may_what_its_scopes_say) {
  const HttpAnswer made = make_key(json::array{"publish:user", "publish:topic:rooms/*"});
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string key(made.at("data.key").as_string());
  EXPECT_THAT(key, MatchesRegex("chk_[A-Za-z0-9_-]{43}"));
  const auto status = [&](const json::value& to) { return by_key(key, {{"to", to}, {"data", 1}}).status; };
  EXPECT_EQ(status({{"user_id", ann_.id}}), 200);
  EXPECT_EQ(status({{"topic", "rooms/one"}}), 200);
  EXPECT_EQ(status({{"topic", "public/news"}}), 403);
  EXPECT_EQ(status({{"role", "user"}}), 403);
  EXPECT_EQ(status({{"all", true}}), 403);

  const HttpAnswer list = client_.get("/api/v1/admin/api-keys", root_.access_token);
  ASSERT_EQ(list.at("data").as_array().size(), 1U);
  EXPECT_EQ(list.at("data").at(0).at("name"), "Shop");
  EXPECT_EQ(list.at("data").at(0).at("created_by"), root_.id);
  EXPECT_TRUE(list.at("data").at(0).at("last_used_at").is_string());
  EXPECT_EQ(list.body.find(key), std::string::npos);
  EXPECT_EQ(make_key(json::array{"everything"}).status, 422);
  EXPECT_EQ(make_key(json::array{"publish:topic:a//b"}).status, 422);
  EXPECT_EQ(make_key({}).status, 422);
}

TEST_F(Publish, a_key_is_good_for_nothing_else_and_dies_at_once) {
  const HttpAnswer made = make_key(json::array{"publish"});
  const std::string key(made.at("data.key").as_string());
  for (const char* target : {"/api/v1/users/me", "/api/v1/events", "/api/v1/admin/users", "/ws/stats"})
    EXPECT_EQ(client_.get(target, key).status, 401) << target;
  EXPECT_EQ(WsClient(server_.port(), key).answer().status, 401);
  const json::value body{{"to", {{"all", true}}}, {"data", 1}};
  EXPECT_EQ(client_.post("/api/v1/publish", body, key).status, 200) << "as a Bearer";
  const std::string path = "/api/v1/admin/api-keys/" + std::to_string(made.at("data.id").as_int64());
  EXPECT_EQ(client_.del(path, root_.access_token).status, 204);
  EXPECT_EQ(client_.del(path, root_.access_token).status, 404);
  const HttpAnswer refused = by_key(key, body);
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.at("code"), "invalid_token");
  EXPECT_EQ(by_key("chk_short", body).status, 401);
  const std::string trail = client_.get("/api/v1/admin/audit", root_.access_token).body;
  EXPECT_THAT(trail, HasSubstr("api_key.create"));
  EXPECT_THAT(trail, HasSubstr("api_key.revoke"));
  EXPECT_EQ(trail.find(key), std::string::npos);
}

TEST_F(Publish, T43_a_key_has_an_end_and_the_trail_says_what_it_may) {
  const HttpAnswer made = client_.post(
      "/api/v1/admin/api-keys",
      {{"name", "Shop"}, {"scopes", json::array{"publish:all"}}, {"expires_in", 3600}}, root_.access_token);
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_TRUE(made.at("data.expires_at").is_string());
  EXPECT_EQ(made.at("data.active"), true);
  EXPECT_TRUE(make_key(json::array{"publish"}).at("data.expires_at").is_null());
  for (const json::value& lifetime : {json::value(0), json::value("1h"), json::value(-1), json::value(1e18)})
    EXPECT_EQ(client_
                  .post("/api/v1/admin/api-keys",
                        {{"name", "Shop"}, {"scopes", json::array{"publish"}}, {"expires_in", lifetime}},
                        root_.access_token)
                  .status,
              422)
        << lifetime;
  const json::value rows = client_.get("/api/v1/admin/audit", root_.access_token).at("data");
  std::vector<json::value> details;
  for (const json::value& row : rows.as_array())
    if (row.at("action") == "api_key.create") details.push_back(row.at("detail"));
  ASSERT_EQ(details.size(), 2U);
  EXPECT_EQ(details[0].at("scopes"), json::value(json::array{"publish:all"}));
  EXPECT_EQ(details[0].at("expires_at"), made.at("data.expires_at"));
  EXPECT_TRUE(details[1].at("expires_at").is_null());
}

TEST_F(Publish, T43_a_key_stops_when_its_maker_is_demoted) {
  const TestUser boss = server_.register_user("boss");
  const auto give_role = [&](const char* role) {
    return client_
        .call({.method = "PUT",
               .target = "/api/v1/admin/users/" + std::to_string(boss.id) + "/role",
               .token = root_.access_token,
               .body = json::value{{"role", role}}})
        .status;
  };
  ASSERT_EQ(give_role("admin"), 200);
  const HttpAnswer made = client_.post(
      "/api/v1/admin/api-keys", {{"name", "Shop"}, {"scopes", json::array{"publish"}}}, boss.access_token);
  ASSERT_EQ(made.status, 201) << made.body;
  const std::string key(made.at("data.key").as_string());
  const json::value body{{"to", {{"all", true}}}, {"data", 1}};
  EXPECT_EQ(by_key(key, body).status, 200);
  ASSERT_EQ(give_role("user"), 200);
  EXPECT_EQ(by_key(key, body).status, 401);
  const HttpAnswer list = client_.get("/api/v1/admin/api-keys", root_.access_token);
  EXPECT_EQ(list.at("data").at(0).at("active"), false);
}

TEST_F(Publish, to_people_says_what_is_wrong) {
  const std::string key = key_with(json::array{"publish"});
  for (const json::value& to :
       {json::value(), json::value("all"), json::value(json::object()), json::value{{"all", false}},
        json::value{{"user_id", 0}}, json::value{{"role", "root"}}, json::value{{"topic", "a b"}},
        json::value{{"all", true}, {"user_id", 1}}})
    EXPECT_EQ(by_key(key, {{"to", to}, {"data", 1}}).status, 422) << json::serialize(to);
  EXPECT_EQ(by_key(key, {{"to", {{"all", true}}}}).status, 422);
  EXPECT_EQ(by_key(key, {{"to", {{"all", true}}}, {"data", 1}, {"type", "system.alert"}}).at("code"),
            "reserved_type");
  EXPECT_EQ(by_key(key, {{"to", {{"topic", "user/1"}}}, {"data", 1}}).status, 403);
  const HttpAnswer two = client_.call({.method = "POST",
                                       .target = "/api/v1/publish",
                                       .token = root_.access_token,
                                       .body = json::object(),
                                       .headers = {{"X-Api-Key", key}}});
  EXPECT_EQ(two.status, 400);
}

TEST(PublishLimits, are_of_the_user_of_the_key_and_of_failures) {
  TestServer server([](server::Settings& settings) {
    settings.exempt_cidrs.clear();
    settings.gateway.publishes_per_user = {1, std::chrono::hours(1), 2};
    settings.gateway.publishes_per_key = {1, std::chrono::hours(1), 1};
    settings.gateway.publish_failures_per_address = {1, std::chrono::hours(1), 2};
  });
  HttpClient client = server.client();
  const TestUser root = server.superadmin();
  const json::value body{{"to", {{"all", true}}}, {"data", 1}};
  EXPECT_EQ(client.post(room, {{"data", 1}}, root.access_token).status, 200);
  EXPECT_EQ(client.post("/api/v1/publish", body, root.access_token).status, 200);
  const HttpAnswer third = client.post(room, {{"data", 1}}, root.access_token);
  EXPECT_EQ(third.status, 429);
  EXPECT_NE(third.header("Retry-After"), "");
  const json::value wanted{{"name", "Shop"}, {"scopes", json::array{"publish"}}};
  const std::string key(
      client.post("/api/v1/admin/api-keys", wanted, root.access_token).at("data.key").as_string());
  EXPECT_EQ(client.post("/api/v1/publish", body, key).status, 200);
  EXPECT_EQ(client.post("/api/v1/publish", body, key).status, 429);
  const std::string unknown = "chk_" + std::string(43, 'x');
  EXPECT_EQ(client.post("/api/v1/publish", body, unknown).status, 401);
  EXPECT_EQ(client.post("/api/v1/publish", body, unknown).status, 401);
  EXPECT_EQ(client.post("/api/v1/publish", body, unknown).status, 429);
}

TEST(PublishLimits, T17_a_user_who_may_not_pays_for_himself_and_not_for_his_address) {
  TestServer server([](server::Settings& settings) {
    settings.exempt_cidrs.clear();
    settings.http.request_rate = {4, std::chrono::hours(1), 4};
    settings.gateway.publish_failures_per_address = {1, std::chrono::hours(1), 2};
  });
  HttpClient client = server.client();
  const TestUser root = server.superadmin();
  const TestUser ann = server.register_user("ann");
  const json::value body{{"to", {{"all", true}}}, {"data", 1}};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(client.post("/api/v1/publish", body, ann.access_token).status, 403);
  EXPECT_EQ(client.post("/api/v1/publish", body, ann.access_token).status, 429);
  EXPECT_EQ(client.post("/api/v1/publish", body, root.access_token).status, 200);
}

// A page of history fits into what may wait for its reader.
TEST(HistoryPages, T60_a_small_outbox_gets_small_pages) {
  TestServer server([](server::Settings& settings) {
    settings.gateway.event_bytes_max = 21'000;
    settings.gateway.outbox.bytes_max = 86'000;
  });
  const TestUser ann = server.register_user("ann");
  const std::string large(20'000, 'x');
  for (int i = 0; i < 6; ++i)
    ASSERT_EQ(
        server.client().post("/api/v1/topics/rooms/one/events", {{"data", large}}, ann.access_token).status,
        200);
  WsClient socket = server.connect(ann);
  socket.next();
  std::size_t events = 0;
  json::value since = 0;
  for (bool more = true; more;) {
    const json::value ask{
        {"type", "history"}, {"id", 1}, {"data", {{"topic", "rooms/one"}, {"since", since}}}};
    socket.send_text(json::serialize(ask));
    const json::object reply = socket.next();
    ASSERT_EQ(reply.at("type"), "reply") << json::serialize(reply);
    const json::object& data = reply.at("data").as_object();
    events += data.at("events").as_array().size();
    since = data.at("next");
    more = data.at("more").as_bool();
  }
  EXPECT_EQ(events, 6U);
}

}  // namespace
}  // namespace corohub::test
