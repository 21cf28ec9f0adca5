// What gateways of APIs are configured with, over HTTP, and what they are told to forget, by every protocol.
#include "storage/storage.hpp"
#include "support/sse_client.hpp"
#include "support/stomp_client.hpp"
#include "support/test_server.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;
using testing::StartsWith;
using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr const char* topic = "proxy_config_events";

class GatewayConfig : public testing::Test {
 protected:
  explicit GatewayConfig(TestServer::Adjust adjust = {}) : server_(std::move(adjust)) {
    EXPECT_EQ(
        ask("POST", "/api/v1/namespaces", R"({"key":"bep","tenant_id":"tenant-123","app_id":"app-456"})")
            .status,
        201);
    EXPECT_EQ(ask("POST", "/api/v1/namespaces/bep/environments", R"({"key":"production"})").status, 201);
  }

  HttpAnswer ask(const std::string& method, const std::string& target, const std::string& body = {},
                 Headers headers = {}, std::optional<std::string> token = {}) {
    HttpCall call;
    call.method = method;
    call.target = target;
    call.token = token.value_or(admin_.access_token);
    if (!body.empty()) {
      call.bytes = body;
      headers.emplace_back("Content-Type", "application/json");
    }
    call.headers = std::move(headers);
    return client_.call(call);
  }
  HttpAnswer by_key(const std::string& key, const std::string& method, const std::string& target,
                    const std::string& body = {}) {
    return ask(method, target, body, {{"X-API-Key", key}}, "");
  }
  std::string make_key(const std::string& scope) {
    json::object body{{"name", "gateway"}, {"scopes", json::array{scope}}};
    const HttpAnswer made = client_.post("/api/v1/admin/api-keys", body, admin_.access_token);
    EXPECT_EQ(made.status, 201) << made.body;
    return std::string(made.at("data.key").as_string());
  }
  HttpAnswer make_route(const std::string& path, const std::string& more = {}) {
    return ask("POST", routes_, R"({"path":")" + path + R"(","service_name":"stripe_payment")" + more + "}");
  }
  // "422 required /key".
  static std::string refusal(const HttpAnswer& answer) {
    std::string text = std::to_string(answer.status);
    const json::value body = answer.json();
    if (answer.status != 422) return text + ' ' + std::string(body.at("code").as_string());
    for (const json::value& one : body.at("errors").as_array())
      text += ' ' + std::string(one.at("code").as_string()) + ' ' + std::string(one.at("field").as_string());
    return text;
  }
  // The payloads in the log: "CACHE_DELETE_INVALID tenant-123 app-456 key service".
  std::vector<std::string> payloads() {
    const HttpAnswer page = ask("GET", std::string("/api/v1/topics/") + topic + "/history?limit=300");
    const json::value events = page.at("data");
    std::vector<std::string> list;
    for (const json::value& event : events.as_array()) {
      const json::object& payload = event.at("data").at("payload").as_object();
      std::string text;
      for (const char* member : {"type", "tenantId", "appId", "key", "serviceName"})
        text += (text.empty() ? "" : " ") +
                (payload.at(member).is_null() ? "-" : std::string(payload.at(member).as_string()));
      list.push_back(std::move(text));
    }
    return list;
  }
  // Those since the last call.
  std::vector<std::string> told() {
    std::vector<std::string> all = payloads();
    std::vector<std::string> fresh(all.begin() + static_cast<std::ptrdiff_t>(told_), all.end());
    told_ = all.size();
    return fresh;
  }

  TestServer server_;
  HttpClient client_ = server_.client();
  TestUser admin_ = server_.superadmin();
  const std::string routes_ = "/api/v1/namespaces/bep/environments/production/routes";
  std::size_t told_ = 0;
};

TEST_F(GatewayConfig, a_route_is_made_shown_changed_and_deleted_by_its_version) {
  const HttpAnswer made = make_route("/api/payment", R"(,"config":{"timeout_ms":2000})");
  EXPECT_EQ(made.status, 201) << made.body;
  EXPECT_EQ(made.header("ETag"), "\"v1\"");
  EXPECT_FALSE(made.header("Corohub-Position").empty());
  const std::string one = made.header("Location");
  EXPECT_EQ(one, routes_ + "/" + json::serialize(made.at("data.id")));
  EXPECT_EQ(ask("GET", one).json(), made.json());
  EXPECT_EQ(ask("GET", one, {}, {{"If-None-Match", "\"v1\""}}).status, 304);

  EXPECT_EQ(refusal(ask("PATCH", one, R"({"enabled":false})")), "428 precondition_required");
  const HttpAnswer changed = ask("PATCH", one, R"({"enabled":false})", {{"If-Match", "\"v1\""}});
  EXPECT_EQ(changed.status, 200) << changed.body;
  EXPECT_EQ(changed.header("ETag"), "\"v2\"");
  EXPECT_EQ(changed.at("data.config.timeout_ms"), 2000);
  const HttpAnswer same = ask("PATCH", one, R"({"enabled":false})", {{"If-Match", "\"v2\""}});
  EXPECT_EQ(same.at("data"), changed.at("data"));
  const HttpAnswer stale = ask("DELETE", one, {}, {{"If-Match", "\"v1\""}});
  EXPECT_EQ(refusal(stale), "412 version_mismatch");
  EXPECT_EQ(stale.header("ETag"), "\"v2\"");
  EXPECT_EQ(stale.at("current"), changed.at("data"));
  const HttpAnswer put = ask("PUT", one, R"({"path":"/api/pay"})", {{"If-Match", "*"}});
  EXPECT_EQ(put.at("data.config"), json::object());
  EXPECT_EQ(put.at("data.version"), 3);
  EXPECT_EQ(put.at("data.enabled"), true);

  EXPECT_EQ(make_route("/b").status, 201);
  EXPECT_EQ(refusal(make_route("/api/pay")), "409 key_taken");
  EXPECT_EQ(refusal(ask("PATCH", one, R"({"path":"/b"})", {{"If-Match", "\"v3\""}})), "409 key_taken");
  EXPECT_EQ(refusal(make_route("api")), "422 invalid_format /path");
  const HttpAnswer list = ask("GET", routes_ + "?per_page=1&page=2");
  EXPECT_EQ(json::serialize(list.at("meta")), R"({"page":2,"per_page":1,"total":2})");
  EXPECT_EQ(list.json().at("data").at(0).at("path"), "/b");

  EXPECT_EQ(ask("DELETE", one, {}, {{"If-Match", "\"v3\""}}).status, 204);
  for (const std::string& gone :
       {one, routes_ + "/x", std::string("/api/v1/namespaces/bep/environments/no/routes"),
        std::string("/api/v1/namespaces/no/environments/default/routes")})
    EXPECT_EQ(ask("GET", gone).status, 404) << gone;
  EXPECT_EQ(ask("DELETE", one, {}, {{"If-Match", "*"}}).status, 404);
  EXPECT_EQ(ask("GET", "/api/v1/namespaces/bep/environments/default/routes").at("meta.total"), 0)
      << "another environment has its own";
}

TEST_F(GatewayConfig, a_route_tells_gateways_its_key_and_admins_its_id) {
  WsClient socket(server_.port(), {.target = "/ws?types=route.*", .token = admin_.access_token});
  socket.until("connection.established");
  told();
  const std::string one = make_route("/api/payment").header("Location");
  const std::string key = "tenant-123#app-456#/api/payment#CONFIG#production";
  EXPECT_THAT(told(), ElementsAre("CACHE_DELETE_INVALID tenant-123 app-456 " + key + " stripe_payment"));
  const std::string moved = "tenant-123#app-456#/api/pay#CONFIG#production";
  ask("PATCH", one, R"({"path":"/api/pay","service_name":""})", {{"If-Match", "*"}});
  EXPECT_THAT(told(), ElementsAre("CACHE_DELETE_INVALID tenant-123 app-456 " + key + " stripe_payment",
                                  "CACHE_DELETE_INVALID tenant-123 app-456 " + moved + " -"));
  EXPECT_EQ(ask("PATCH", one, R"({"path":"/api/pay"})", {{"If-Match", "*"}}).status, 200);
  EXPECT_THAT(told(), IsEmpty()) << "nothing has changed";
  ask("DELETE", one + "?comment=no+longer", {}, {{"If-Match", "*"}});
  EXPECT_THAT(told(), ElementsAre("CACHE_DELETE_INVALID tenant-123 app-456 " + moved + " -"));

  const std::string id = one.substr(one.rfind('/') + 1);
  for (const char* verb : {"created", "updated", "deleted"}) {
    const json::object event = socket.next();
    EXPECT_EQ(event.at("type").as_string(), std::string("route.") + verb);
    const json::object& data = event.at("data").as_object();
    EXPECT_EQ(json::serialize(data.at("id")), id);
    EXPECT_EQ(data.size(), 5U) << json::serialize(data) << " and nothing of path and config";
  }
  const HttpAnswer audit = ask("GET", "/api/v1/admin/audit?entity=bep/environments/production/routes/" + id);
  const json::value rows = audit.at("data");
  std::vector<std::string> actions;
  for (const json::value& row : rows.as_array()) actions.emplace_back(row.at("action").as_string());
  EXPECT_THAT(actions, ElementsAre("route.create", "route.update", "route.delete"));
  const json::object& last = rows.at(2).at("detail").as_object();
  EXPECT_EQ(last.at("comment"), "no longer");
  EXPECT_EQ(last.at("before").at("path"), "/api/pay");
  EXPECT_TRUE(last.at("after").is_null());
}

TEST_F(GatewayConfig, T49_keys_read_and_write_routes_as_far_as_their_scopes_go) {
  ASSERT_EQ(make_route("/a").status, 201);
  const TestUser ann = server_.register_user("ann");
  EXPECT_EQ(ask("GET", routes_, {}, {}, ann.access_token).status, 403);
  EXPECT_EQ(ask("GET", routes_, {}, {}, "").status, 401);
  const auto statuses = [&](const std::string& scope) {
    const std::string key = make_key(scope);
    return std::vector<int>{
        by_key(key, "GET", routes_).status,
        by_key(key, "POST", routes_, R"({"path":"/)" + scope + "\"}").status,
        by_key(key, "GET", "/api/v1/namespaces/bep").status,
        by_key(key, "POST", "/api/v1/config-events", R"({"type":"ALL_CACHE_INVALID"})").status,
        by_key(key, "POST", "/api/v1/namespaces/bep/config-sync").status};
  };
  EXPECT_THAT(statuses("config:read"), ElementsAre(200, 403, 403, 403, 403));
  EXPECT_THAT(statuses("config:read:bep"), ElementsAre(200, 403, 403, 403, 403));
  EXPECT_THAT(statuses("config:read:shop"), ElementsAre(403, 403, 403, 403, 403));
  EXPECT_THAT(statuses("flags:read:bep"), ElementsAre(200, 403, 200, 403, 403));
  EXPECT_THAT(statuses("flags:write:bep"), ElementsAre(200, 201, 200, 403, 403));
  EXPECT_THAT(statuses("config:emit"), ElementsAre(403, 403, 403, 200, 403));
  EXPECT_THAT(statuses("publish"), ElementsAre(403, 403, 403, 403, 403));
}

TEST_F(GatewayConfig, an_event_is_sent_by_the_members_of_its_payload_or_as_a_whole) {
  WsClient socket(server_.port(),
                  {.target = std::string("/ws?topic=") + topic, .token = admin_.access_token});
  socket.until("connection.established");
  const HttpAnswer sent = ask("POST", "/api/v1/config-events?comment=by+hand",
                              R"({"type":"CACHE_CLEAR_INVALID","tenantId":"t","appId":"a"})");
  EXPECT_EQ(sent.status, 200) << sent.body;
  EXPECT_EQ(sent.at("data.recipients"), 1);
  const json::object first = socket.next();
  EXPECT_EQ(first.at("type"), "config.cache");
  EXPECT_EQ(first.at("seq"), sent.at("data.seq"));
  EXPECT_THAT(sent.header("Corohub-Position"), testing::EndsWith(":" + json::serialize(first.at("seq"))));
  EXPECT_THAT(json::serialize(first.at("data")),
              MatchesRegex(R"(\{"payload":\{"type":"CACHE_CLEAR_INVALID","tenantId":"t","appId":"a",)"
                           R"("key":null,"serviceName":null\},"timestamp":"[0-9-]{10}T[0-9:]{8}Z",)"
                           R"("source":"config-manager"\})"));
  ask("POST", "/api/v1/config-events",
      R"({"payload":{"type":"ALL_CACHE_INVALID","tenantId":null,"key":"k"},"timestamp":"1999","source":"me"})");
  const std::string second = json::serialize(socket.next().at("data"));
  EXPECT_THAT(second, StartsWith(R"({"payload":{"type":"ALL_CACHE_INVALID","tenantId":null,"appId":null,)"
                                 R"("key":"k","serviceName":null},"timestamp":"2)"));
  EXPECT_THAT(second, testing::EndsWith(R"(","source":"me"})"));
  const HttpAnswer audit = ask("GET", "/api/v1/admin/audit?action=config.emit");
  const json::value rows = audit.at("data");
  const json::value& row = rows.at(0);
  EXPECT_EQ(row.at("detail").at("payload"), first.at("data").at("payload"));
  EXPECT_EQ(row.at("detail").at("comment"), "by hand");
}

TEST_F(GatewayConfig, an_event_that_a_gateway_could_not_read_is_refused) {
  struct Case {
    std::string body;
    std::string answer;
  };
  const std::string long_text(1025, 'x');
  told();
  for (const Case& one : std::vector<Case>{
           {R"({"type":"ROUTE_CREATED"})", "422 unknown_value /type"},
           {R"({"tenantId":"t"})", "422 required /type"},
           {R"({"type":"CACHE_CLEAR_INVALID","tenantId":"t"})", "422 required /appId"},
           {R"({"type":"CACHE_CLEAR_INVALID","appId":"a","tenantId":null})", "422 required /tenantId"},
           {R"({"type":"CACHE_DELETE_INVALID","key":""})", "422 required /key"},
           {R"({"payload":{"type":"CACHE_CLEAR_SERVICE_INVALID","tenantId":"t"}})",
            "422 required /payload/serviceName"},
           {R"({"type":"ALL_CACHE_INVALID","tenantId":5})", "422 invalid_type /tenantId"},
           {R"({"type":"ALL_CACHE_INVALID","key":")" + long_text + "\"}", "422 too_long /key"},
           {R"({"type":"ALL_CACHE_INVALID","source":")" + long_text + "\"}", "422 too_long /source"},
           {R"({"type":"ALL_CACHE_INVALID","tenant":"t"})", "422 unknown_member /tenant"},
           {R"({"payload":{"type":"ALL_CACHE_INVALID"},"type":"ALL_CACHE_INVALID"})",
            "422 unknown_member /type"},
           {R"([])", "400 invalid_json"},
       })
    EXPECT_EQ(refusal(ask("POST", "/api/v1/config-events", one.body)), one.answer) << one.body.substr(0, 90);
  EXPECT_THAT(told(), IsEmpty());
  const std::string fits(1024, 'x');
  EXPECT_EQ(
      ask("POST", "/api/v1/config-events", R"({"type":"CACHE_DELETE_INVALID","key":")" + fits + "\"}").status,
      200);
}

TEST_F(GatewayConfig, imports_copies_and_moves_are_told_of_once_and_dry_runs_not_at_all) {
  const std::string environment = "/api/v1/namespaces/bep/environments/default";
  const std::string document =
      R"({"flags":{"a":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"},)"
      R"("b":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"}}})";
  WsClient socket(server_.port(), {.target = "/ws?types=config.sync", .token = admin_.access_token});
  socket.until("connection.established");
  told();
  EXPECT_EQ(ask("POST", environment + "/import?dry_run", document).status, 200);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(ask("POST", environment + "/import", document).status, 200);
  EXPECT_THAT(told(), ElementsAre("CACHE_CLEAR_INVALID tenant-123 app-456 - -"));
  EXPECT_EQ(ask("POST", environment + "/import", document).status, 200);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(ask("POST", environment + "/copy", R"({"to":{"environment":"production"}})").status, 200);
  EXPECT_THAT(told(), ElementsAre("CACHE_CLEAR_INVALID tenant-123 app-456 - -"));
  EXPECT_EQ(ask("PATCH", "/api/v1/namespaces/bep", R"({"app_id":"app-7"})", {{"If-Match", "*"}}).status, 200);
  EXPECT_THAT(told(), ElementsAre("CACHE_CLEAR_INVALID tenant-123 app-456 - -",
                                  "CACHE_CLEAR_INVALID tenant-123 app-7 - -"));
}

TEST_F(GatewayConfig, clients_are_told_to_fetch_everything_by_administrators) {
  const std::string sync = "/api/v1/namespaces/bep/config-sync";
  const HttpAnswer sent = ask("POST", sync);
  EXPECT_EQ(sent.status, 200) << sent.body;
  EXPECT_EQ(sent.at("data.reason"), "requested");
  EXPECT_EQ(ask("POST", sync, R"({"reason":"new prices","client":null})").at("data.reason"), "new prices");
  EXPECT_EQ(refusal(ask("POST", sync, R"({"client":"nobody"})")), "422 unknown_value /client");
  EXPECT_EQ(refusal(ask("POST", sync, R"({"raeson":"x"})")), "422 unknown_member /raeson");
  EXPECT_EQ(ask("POST", "/api/v1/namespaces/none/config-sync").status, 404);
  const TestUser ann = server_.register_user("ann");
  EXPECT_EQ(ask("POST", sync, {}, {}, ann.access_token).status, 403);
  const HttpAnswer audit = ask("GET", "/api/v1/admin/audit?action=config.sync&entity=bep");
  EXPECT_EQ(audit.at("data").as_array().size(), 2U);
  EXPECT_THAT(ask("GET", "/api/v1/events?types=config.sync").at("data").as_array(), IsEmpty())
      << "it is for clients";
}

TEST_F(GatewayConfig, an_event_arrives_to_the_letter_by_every_protocol) {
  const std::string target = std::string("types=config.*&topic=") + topic;
  WsClient socket(server_.port(), {.target = "/ws?" + target, .token = admin_.access_token});
  socket.until("connection.established");
  SseClient stream(server_.port(),
                   {.target = "/api/v1/events/stream?" + target, .token = admin_.access_token});
  stream.until("connection.established");
  StompSocket stomp(server_.port(), admin_);
  StompPolling polling(server_.port(), admin_);
  for (StompClient* one : {static_cast<StompClient*>(&stomp), static_cast<StompClient*>(&polling)}) {
    one->send({StompFrame{"CONNECT", {{"accept-version", "1.2"}}},
               StompFrame{"SUBSCRIBE",
                          {{"id", "1"}, {"destination", std::string("/topic/") + topic}, {"receipt", "r"}}}});
    while (one->next().command != "RECEIPT") {
    }
  }
  ASSERT_EQ(make_route("/api/payment").status, 201);
  const json::object event = socket.next();
  EXPECT_EQ(event.at("type"), "config.cache");
  EXPECT_EQ(event.at("topic"), topic);
  const std::string body = json::serialize(event.at("data"));
  const std::string at(event.at("data").at("timestamp").as_string());
  EXPECT_EQ(at + "", std::string(event.at("timestamp").as_string()).substr(0, 19) + "Z");
  EXPECT_EQ(body,
            R"({"payload":{"type":"CACHE_DELETE_INVALID","tenantId":"tenant-123","appId":"app-456",)"
            R"("key":"tenant-123#app-456#/api/payment#CONFIG#production","serviceName":"stripe_payment"},)"
            R"("timestamp":")" +
                at + R"(","source":"config-manager"})");
  EXPECT_EQ(stream.next().data, event);
  for (StompClient* one : {static_cast<StompClient*>(&stomp), static_cast<StompClient*>(&polling)}) {
    const StompFrame message = one->next();
    EXPECT_EQ(message.command, "MESSAGE");
    EXPECT_EQ(message.body, body);
    EXPECT_EQ(message.header("content-type"), "");
  }
}

TEST_F(GatewayConfig, T49_users_neither_follow_nor_read_nor_resume_it) {
  const TestUser ann = server_.register_user("ann");
  ASSERT_EQ(make_route("/api/payment").status, 201);
  for (const std::string& target : {std::string("/api/v1/topics/proxy_config_events/history"),
                                    std::string("/api/v1/events?topic=proxy_config_events"),
                                    std::string("/api/v1/events/stream?topic=proxy_config_events")})
    EXPECT_EQ(ask("GET", target, {}, {}, ann.access_token).status, 403) << target;
  EXPECT_THAT(ask("GET", "/api/v1/events?types=config.*", {}, {}, ann.access_token).at("data").as_array(),
              IsEmpty());
  StompSocket stomp(server_.port(), ann);
  stomp.send({StompFrame{"CONNECT", {{"accept-version", "1.2"}}},
              StompFrame{"SUBSCRIBE", {{"id", "1"}, {"destination", std::string("/topic/") + topic}}}});
  EXPECT_EQ(stomp.next().command, "CONNECTED");
  const StompFrame refused = stomp.next();
  EXPECT_EQ(refused.command, "ERROR");
  EXPECT_EQ(refused.header("code"), "forbidden");
}

TEST_F(GatewayConfig, T62_what_was_missed_comes_first_after_a_restart) {
  StompSocket before(server_.port(), admin_);
  before.send({StompFrame{"CONNECT", {{"accept-version", "1.2"}}},
               StompFrame{"SUBSCRIBE", {{"id", "1"}, {"destination", std::string("/topic/") + topic}}}});
  EXPECT_EQ(before.next().command, "CONNECTED");
  ASSERT_EQ(make_route("/a").status, 201);
  const StompFrame heard = before.next();
  before.reset();
  ASSERT_EQ(make_route("/b").status, 201);
  server_.restart();
  client_ = server_.client();
  StompSocket after(server_.port(), admin_);
  after.send({StompFrame{"CONNECT", {{"accept-version", "1.2"}}},
              StompFrame{"SUBSCRIBE",
                         {{"id", "1"},
                          {"destination", std::string("/topic/") + topic},
                          {"since", heard.header("message-id")},
                          {"receipt", "r"}}}});
  EXPECT_EQ(after.next().command, "CONNECTED");
  ASSERT_EQ(make_route("/c").status, 201);
  std::vector<std::string> keys;
  while (keys.size() < 2) {
    const StompFrame frame = after.next();
    if (frame.command == "RECEIPT") EXPECT_EQ(frame.header("corohub-recovered"), "true");
    if (frame.command == "MESSAGE")
      keys.emplace_back(json::parse(frame.body).at("payload").at("key").as_string());
  }
  EXPECT_THAT(keys, ElementsAre(HasSubstr("#/b#"), HasSubstr("#/c#")));
}

TEST_F(GatewayConfig, R21_the_first_start_after_a_restored_backup_forgets_everything_once) {
  const std::filesystem::path copy =
      server_.data_dir().parent_path() / (server_.data_dir().filename().string() + ".copy");
  storage::backup_database(server_.data_dir() / "corohub.db", copy);
  server_.restart();
  client_ = server_.client();
  const std::vector<std::string> before = payloads();
  EXPECT_THAT(before, testing::Each(StartsWith("CACHE_CLEAR_INVALID"))) << "a start alone says nothing";
  server_.end();
  storage::restore_database(storage::DataDirectory(server_.data_dir()), copy, 0);
  std::filesystem::remove(copy);
  for (int start = 0; start < 2; ++start) {
    server_.restart();
    client_ = server_.client();
    admin_ = server_.superadmin();
    std::vector<std::string> expected = before;
    expected.emplace_back("ALL_CACHE_INVALID - - - -");
    EXPECT_EQ(payloads(), expected) << start;
  }
}

class GatewayConfigForUsers : public GatewayConfig {
 protected:
  GatewayConfigForUsers()
      : GatewayConfig([](server::Settings& settings) { settings.users_hear_gateways = true; }) {}
};

TEST_F(GatewayConfigForUsers, every_user_follows_where_that_is_configured_and_writes_nothing) {
  const TestUser ann = server_.register_user("ann");
  WsClient socket(server_.port(), {.target = std::string("/ws?topic=") + topic, .token = ann.access_token});
  socket.until("connection.established");
  ASSERT_EQ(make_route("/a").status, 201);
  EXPECT_EQ(socket.next().at("type"), "config.cache");
  EXPECT_EQ(
      ask("POST", std::string("/api/v1/topics/") + topic + "/events", R"({"data":1})", {}, ann.access_token)
          .status,
      403);
  EXPECT_EQ(ask("GET", std::string("/api/v1/topics/") + topic + "/history", {}, {}, ann.access_token).status,
            200);
}

}  // namespace
}  // namespace corohub::test
