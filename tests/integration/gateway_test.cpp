// The routes of the hub: who may open a socket, what a broadcast reaches, what the log shows, who is kicked.
#include "support/test_server.hpp"

#include <map>
#include <set>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::test {
namespace {

using testing::HasSubstr;

using Headers = std::vector<std::pair<std::string, std::string>>;

Headers upgrade_headers() {
  return {{"Connection", "Upgrade"},
          {"Upgrade", "websocket"},
          {"Sec-WebSocket-Version", "13"},
          {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
}

Headers with(Headers headers, std::string name, std::string value) {
  std::erase_if(headers, [&](const auto& header) { return header.first == name; });
  if (!value.empty()) headers.emplace_back(std::move(name), std::move(value));
  return headers;
}

HttpAnswer upgrade(TestServer& server, std::string target, Headers headers) {
  return server.client().call({.target = std::move(target), .headers = std::move(headers)});
}

// ---- the upgrade ----

TEST(Upgrade, T5_checks_in_one_order) {
  TestServer server;
  const Headers good = upgrade_headers();
  const Headers foreign = with(good, "Origin", "https://evil.com");
  struct Row {
    const char* target;
    Headers headers;
    int status;
    const char* code;
  };
  const Row rows[] = {
      {"/ws", {}, 426, "upgrade_required"},
      {"/ws?token=bad", with(foreign, "Upgrade", ""), 426, "upgrade_required"},
      {"/ws", with(good, "Sec-WebSocket-Version", "8"), 426, "upgrade_required"},
      {"/ws", with(foreign, "Sec-WebSocket-Key", "short"), 400, "invalid_request"},
      {"/ws", with(good, "Connection", "keep-alive"), 400, "invalid_request"},
      {"/ws?since=abc", foreign, 400, "invalid_since"},
      {"/ws", with(foreign, "Sec-WebSocket-Protocol", "chat"), 400, "unsupported_subprotocol"},
      {"/ws?token=bad", foreign, 403, "origin_not_allowed"},
      {"/ws", with(good, "Origin", "null"), 403, "origin_not_allowed"},
      {"/ws", good, 401, "unauthorized"},
      {"/ws", with(good, "Cookie", "token=abc"), 401, "unauthorized"},
      {"/ws?token=bad", good, 401, "invalid_token"},
      {"/ws?token=", good, 401, "invalid_token"},
      {"/ws?ticket=bad", good, 401, "invalid_token"},
      {"/ws?token=bad", with(good, "Origin", "http://localhost:3000"), 401, "invalid_token"},
      {"/ws?token=bad&token=bad", good, 400, "invalid_request"},
      {"/ws?token=bad&ticket=bad", good, 400, "invalid_request"},
      {"/ws/echo", good, 404, "not_found"},
  };
  for (const Row& row : rows) {
    const HttpAnswer answer = upgrade(server, row.target, row.headers);
    EXPECT_EQ(answer.status, row.status) << row.target << " " << answer.body;
    EXPECT_EQ(answer.at("code"), row.code) << row.target;
  }
  EXPECT_EQ(server.client().get("/ws").header("Upgrade"), "websocket");
  EXPECT_EQ(server.client().get("/ws").header("Sec-WebSocket-Version"), "13");
  EXPECT_EQ(server.client().post("/ws", {}).status, 405);
  const TestUser ann = server.register_user("ann");
  EXPECT_EQ(server.connect(ann).answer().status, 101) << "and a good one still works";
}

TEST(Upgrade, takes_the_credential_from_each_of_its_places) {
  TestServer server;
  const TestUser ann = server.register_user("ann");
  const HttpAnswer ticket = server.client().post("/api/v1/auth/ws-ticket", {}, ann.access_token);
  const std::string ticket_text(ticket.at("data.ticket").as_string());
  const auto opens = [&](const WsOptions& options) {
    WsClient socket(server.port(), options);
    return socket.answer().status == 101 && socket.next().at("type") == "connection.established";
  };
  EXPECT_TRUE(opens({.target = "/ws?token=" + ann.access_token}));
  EXPECT_TRUE(opens({.token = ann.access_token}));
  EXPECT_TRUE(opens({.target = "/ws?ticket=" + ticket_text}));
  EXPECT_FALSE(opens({.target = "/ws?ticket=" + ticket_text})) << "T36: once";
  WsClient socket(server.port(),
                  {.headers = {{"Sec-WebSocket-Protocol", "corohub.v1, bearer." + ann.access_token}}});
  EXPECT_EQ(socket.answer().status, 101);
  EXPECT_EQ(socket.answer().header("Sec-WebSocket-Protocol"), "corohub.v1");
}

TEST(Upgrade, T57_agrees_on_compression_only_with_those_it_knows) {
  TestServer server([](server::Settings& settings) { settings.gateway.compression = true; });
  const TestUser ann = server.register_user("ann");
  const auto extensions = [&](const std::string& target, const std::string& subprotocol) {
    const WsOptions options{.target = target + "?token=" + ann.access_token,
                            .headers = {{"Sec-WebSocket-Protocol", subprotocol},
                                        {"Sec-WebSocket-Extensions", "permessage-deflate"}}};
    const WsClient socket(server.port(), options);
    EXPECT_EQ(socket.answer().status, 101) << target;
    return socket.answer().header("Sec-WebSocket-Extensions");
  };
  EXPECT_NE(extensions("/ws", "corohub.v1"), "");
  EXPECT_EQ(extensions("/ws", "v12.stomp"), "");
  EXPECT_EQ(extensions("/ws/websocket", "v12.stomp"), "");
}

TEST(Upgrade, T15_the_twenty_first_socket_of_a_user_waits_for_a_place) {
  TestServer server([](server::Settings& settings) { settings.exempt_cidrs = {}; });
  const TestUser ann = server.register_user("ann");
  std::vector<std::unique_ptr<WsClient>> sockets;
  for (int i = 0; i < 20; ++i) sockets.push_back(std::make_unique<WsClient>(server.port(), ann.access_token));
  EXPECT_EQ(sockets.back()->answer().status, 101);
  const WsClient refused = server.connect(ann);
  EXPECT_EQ(refused.answer().status, 429);
  EXPECT_EQ(refused.answer().at("code"), "too_many_connections");
  EXPECT_FALSE(refused.answer().header("Retry-After").empty());
  EXPECT_EQ(sockets.front()->next().at("type"), "connection.established") << "the oldest stays";
  sockets.back()->close();
  sockets.back()->wait_close();
  sockets.pop_back();
  int status = 0;
  for (int attempt = 0; attempt < 50 && status != 101; ++attempt)
    status = server.connect(ann).answer().status;
  EXPECT_EQ(status, 101);
}

TEST(Upgrade, T17_an_address_that_connects_too_often_is_told_when_to_come_back) {
  TestServer server([](server::Settings& settings) {
    settings.exempt_cidrs = {};
    settings.gateway.connects_per_address = {60, std::chrono::minutes(1), 3};
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(upgrade(server, "/ws", upgrade_headers()).status, 401);
  const HttpAnswer answer = upgrade(server, "/ws", upgrade_headers());
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.at("code"), "rate_limited");
  EXPECT_FALSE(answer.header("Retry-After").empty());
  EXPECT_FALSE(answer.header("RateLimit-Limit").empty());
}

TEST(Upgrade, T17_a_user_pays_for_himself_and_not_for_his_address) {
  TestServer server([](server::Settings& settings) {
    settings.exempt_cidrs = {};
    settings.http.request_rate = {8, std::chrono::minutes(10), 8};
    settings.gateway.connects_per_address = {3, std::chrono::minutes(10), 3};
  });
  const TestUser ann = server.register_user("ann");
  const TestUser bob = server.register_user("bob");
  for (const char* path : {"/api/v1/events", "/api/v1/events/poll?timeout=0", "/api/v1/events/stream"}) {
    int refused = 0;
    for (int i = 0; i < 9; ++i) refused += server.client().get(path, ann.access_token).status == 429 ? 1 : 0;
    EXPECT_GE(refused, 1) << path;
  }
  EXPECT_EQ(server.connect(ann).answer().status, 429);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(server.connect(bob).answer().status, 101) << "behind the same address";
  EXPECT_EQ(server.connect(bob).answer().status, 429) << "connects of one user";
  EXPECT_EQ(server.client().get("/api/v1/events", bob.access_token).status, 200);
}

TEST(Upgrade, T17_what_neighbours_fail_refuses_nobody_with_a_good_credential) {
  TestServer server([](server::Settings& settings) {
    settings.exempt_cidrs = {};
    settings.gateway.connects_per_address = {3, std::chrono::minutes(10), 3};
    settings.gateway.connects_total = {4, std::chrono::minutes(10), 4};
  });
  const TestUser ann = server.register_user("ann");
  for (int i = 0; i < 9; ++i) EXPECT_EQ(upgrade(server, "/ws", upgrade_headers()).status, i < 3 ? 401 : 429);
  EXPECT_EQ(server.client().get("/api/v1/events/stream", "nonsense").status, 429);
  EXPECT_EQ(server.connect(ann).answer().status, 101);
}

TEST(Upgrade, R17_the_mirror_gives_everything_back) {
  TestServer server([](server::Settings& settings) { settings.gateway.echo = true; });
  WsClient socket(server.port(), WsOptions{.target = "/ws/echo"});
  ASSERT_EQ(socket.answer().status, 101);
  const std::string binary("\0\xff\x01", 3);
  socket.send_frame(1, "first ", false);
  socket.send_frame(0, "message");
  socket.send_frame(2, binary);
  socket.send_frame(9, "ping");
  socket.close(1000);
  std::vector<WsClient::Frame> frames;
  do frames.push_back(socket.read_frame());
  while (frames.back().opcode != 8);
  std::map<int, std::string> payloads;
  for (const WsClient::Frame& frame : frames) payloads[frame.opcode] = frame.payload;
  ASSERT_EQ(frames.size(), 4U) << "no welcome";
  EXPECT_EQ(payloads[1], "first message");
  EXPECT_EQ(payloads[2], binary);
  EXPECT_EQ(payloads[10], "ping");
  EXPECT_EQ(payloads[8], std::string("\x03\xe8", 2));
}

// ---- stats and broadcast ----

TEST(Broadcast, T46_stats_count_by_role_and_always_add_up) {
  TestServer server;
  const TestUser root = server.superadmin();
  const TestUser ann = server.register_user("ann");
  WsClient first = server.connect(ann);
  WsClient second = server.connect(root);
  first.next();
  second.next();
  EXPECT_EQ(server.client().get("/ws/stats").status, 401);
  EXPECT_EQ(server.client().get("/ws/stats", ann.access_token).status, 403);
  const HttpAnswer stats = server.client().get("/ws/stats", root.access_token);
  EXPECT_EQ(stats.at("total_clients"), 2);
  EXPECT_EQ(stats.at("by_role"), (json::object{{"user", 1}, {"admin", 0}, {"superadmin", 1}}));
  EXPECT_TRUE(stats.at("timestamp").is_string());
}

TEST(Broadcast, reaches_everyone_and_says_how_many) {
  TestServer server;
  const TestUser root = server.superadmin();
  const TestUser ann = server.register_user("ann");
  WsClient first = server.connect(ann);
  WsClient second = server.connect(root);
  first.next();
  second.next();
  const HttpAnswer answer =
      server.client().call({.method = "POST",
                            .target = "/ws/broadcast",
                            .token = root.access_token,
                            .bytes = R"({"message":"Maintenance\nat noon","priority":"high",
                    "metadata": {"big": 12345678901234567890123, "n": 1.10, "text": "\u00e9"}})",
                            .headers = {{"Content-Type", "application/json"}}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.at("success"), true);
  EXPECT_EQ(answer.at("message"), "Broadcast sent successfully");
  EXPECT_EQ(answer.at("recipients"), 2);
  EXPECT_EQ(answer.at("stats.total_clients"), 2);
  EXPECT_TRUE(answer.header("Corohub-Position").ends_with(":" + json::serialize(answer.at("seq"))));
  const std::string text = first.next_text();
  EXPECT_THAT(text, HasSubstr(R"("metadata":{"big":12345678901234567890123,"n":1.10,"text":"\u00e9"})"))
      << "delivered as it was given";
  EXPECT_EQ(second.next_text(), text);
  const HttpAnswer log = server.client().get("/api/v1/events?types=system.*", ann.access_token);
  EXPECT_THAT(log.body, HasSubstr(text));
  const json::object event = json::parse(text).as_object();
  EXPECT_EQ(event.at("type"), "system.alert");
  EXPECT_EQ(event.at("seq"), answer.at("seq"));
  EXPECT_EQ(event.at("data").at("message"), "Maintenance\nat noon");
  EXPECT_EQ(event.at("data").at("priority"), "high");
  EXPECT_EQ(event.at("data").at("sent_by"), root.id);
}

TEST(Broadcast, goes_to_one_user_or_to_exactly_one_role) {
  TestServer server;
  const TestUser admin = server.admin("carl");
  const TestUser root = server.superadmin();
  const TestUser ann = server.register_user("ann");
  WsClient of_ann = server.connect(ann);
  WsClient of_carl = server.connect(admin);
  WsClient of_root = server.connect(root);
  for (WsClient* socket : {&of_ann, &of_carl, &of_root}) socket->next();
  const auto send = [&](const char* message, json::value to) {
    return server.client().post("/ws/broadcast", {{"message", message}, {"to", std::move(to)}},
                                root.access_token);
  };
  EXPECT_EQ(send("to ann", {{"user_id", ann.id}}).at("recipients"), 1);
  EXPECT_EQ(send("to admins", {{"role", "admin"}}).at("recipients"), 1);
  EXPECT_EQ(send("to nobody", {{"user_id", 999}}).at("recipients"), 0);
  EXPECT_EQ(send("to superadmins", {{"role", "superadmin"}}).at("recipients"), 1);
  EXPECT_EQ(of_ann.next().at("data").at("message"), "to ann");
  EXPECT_EQ(of_carl.next().at("data").at("message"), "to admins");
  EXPECT_EQ(of_root.next().at("data").at("message"), "to superadmins");
}

TEST(Broadcast, T47_refuses_what_is_no_broadcast) {
  TestServer server;
  const TestUser root = server.superadmin();
  const TestUser ann = server.register_user("ann");
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += R"({"a":)";
    return text + "1" + std::string(static_cast<std::size_t>(depth), '}');
  };
  const std::string longest(4096, 'x');
  struct Row {
    std::string body;
    int status;
    const char* field;
  };
  const Row rows[] = {
      {R"({"message":"x"})", 200, ""},
      {R"({"message":")" + longest + "\"}", 200, ""},
      {R"({"message":"x","metadata":)" + nested(8) + "}", 200, ""},
      {R"({"message":"x","metadata":{"a":")" + std::string(8184, 'x') + "\"}}", 200, ""},
      {R"({"message":"x","metadata":{"a":")" + std::string(8185, 'x') + "\"}}", 422, "/metadata"},
      {R"({"message":"x","metadata":)" + nested(9) + "}", 422, "/metadata"},
      {R"({"message":"x","metadata":[]})", 422, "/metadata"},
      {R"({"message":")" + longest + "x\"}", 422, "/message"},
      {R"({"message":""})", 422, "/message"},
      {R"({"message":7})", 422, "/message"},
      {"{}", 422, "/message"},
      {R"({"message":"x","priority":"urgent"})", 422, "/priority"},
      {R"({"message":"x","priority":"HIGH"})", 422, "/priority"},
      {R"({"message":"x","to":"all"})", 422, "/to"},
      {R"({"message":"x","to":{}})", 422, "/to"},
      {R"({"message":"x","to":{"user_id":1,"role":"user"}})", 422, "/to"},
      {R"({"message":"x","to":{"user_id":0}})", 422, "/to/user_id"},
      {R"({"message":"x","to":{"user_id":"1"}})", 422, "/to/user_id"},
      {R"({"message":"x","to":{"role":"everyone"}})", 422, "/to/role"},
      {"[]", 400, nullptr},
      {"{", 400, nullptr},
  };
  for (const Row& row : rows) {
    const HttpAnswer answer = server.client().call({.method = "POST",
                                                    .target = "/ws/broadcast",
                                                    .token = root.access_token,
                                                    .bytes = row.body,
                                                    .headers = {{"Content-Type", "application/json"}}});
    EXPECT_EQ(answer.status, row.status) << row.body.substr(0, 100) << "\n" << answer.body;
    if (row.status == 422) EXPECT_EQ(answer.at("errors").at(0).at("field"), row.field) << answer.body;
  }
  EXPECT_EQ(server.client().post("/ws/broadcast", {{"message", "x"}}).status, 401);
  const HttpAnswer refused = server.client().post("/ws/broadcast", {{"message", "x"}}, ann.access_token);
  EXPECT_EQ(refused.status, 403);
  EXPECT_EQ(refused.at("error"), "admin access required");
}

TEST(Broadcast, T47_has_a_rate_per_admin) {
  TestServer server([](server::Settings& settings) { settings.exempt_cidrs = {}; });
  const TestUser root = server.superadmin();
  int refused = 0;
  for (int i = 0; i < 40; ++i)
    if (server.client().post("/ws/broadcast", {{"message", "x"}}, root.access_token).status == 429) ++refused;
  EXPECT_GT(refused, 0);
}

TEST(Broadcast, leaves_a_row_in_the_audit_trail) {
  TestServer server;
  const TestUser root = server.superadmin();
  const HttpAnswer sent = server.client().post("/ws/broadcast", {{"message", "x"}}, root.access_token);
  const HttpAnswer audit = server.client().get("/api/v1/admin/audit?limit=100", root.access_token);
  const json::array rows = audit.at("data").as_array();
  const auto found =
      std::ranges::find_if(rows, [](const json::value& row) { return row.at("action") == "broadcast"; });
  ASSERT_NE(found, rows.end());
  EXPECT_EQ(found->at("actor_id"), root.id);
  EXPECT_EQ(found->at("outcome"), "ok");
  EXPECT_EQ(found->at("detail").at("seq"), sent.at("seq"));
}

// ---- the log over HTTP ----

TEST(Events, T48_each_sees_his_own_page_by_page) {
  TestServer server;
  const TestUser root = server.superadmin();
  const TestUser ann = server.register_user("ann");
  for (int i = 0; i < 7; ++i) {
    const std::string text = "alert " + std::to_string(i);
    server.client().post("/ws/broadcast", {{"message", text}}, root.access_token);
    server.client().post("/ws/broadcast", {{"message", "staff"}, {"to", {{"role", "superadmin"}}}},
                         root.access_token);
  }
  std::vector<std::string> seen;
  std::string since;
  for (bool more = true; more;) {
    const HttpAnswer page = server.client().get("/api/v1/events?limit=3" + since, ann.access_token);
    ASSERT_EQ(page.status, 200) << page.body;
    EXPECT_LE(page.at("data").as_array().size(), 3U);
    EXPECT_EQ(page.header("Corohub-Position"), page.at("meta.next").as_string());
    const json::array events = page.at("data").as_array();
    for (const json::value& event : events) seen.emplace_back(event.at("data").at("message").as_string());
    since = "&since=" + std::string(page.at("meta.next").as_string());
    more = page.at("meta.more").as_bool();
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"alert 0", "alert 1", "alert 2", "alert 3", "alert 4", "alert 5",
                                            "alert 6"}));
  const HttpAnswer created = server.client().get("/api/v1/events?types=user.created", root.access_token);
  EXPECT_EQ(created.at("data").as_array().size(), 2U);
  EXPECT_EQ(
      server.client().get("/api/v1/events?types=user.created", ann.access_token).at("data").as_array().size(),
      0U);
  EXPECT_EQ(server.client().get("/api/v1/events").status, 401);
}

TEST(Events, says_what_is_wrong_with_a_position_or_a_limit) {
  TestServer server;
  const TestUser ann = server.register_user("ann");
  struct Row {
    const char* query;
    int status;
    const char* code;
  };
  const Row rows[] = {
      {"since=abc", 400, "invalid_since"},     {"since=-1", 400, "invalid_since"},
      {"since=", 400, "invalid_since"},        {"since=18446744073709551615", 400, "invalid_since"},
      {"since=other:0", 410, "gap"},           {"since=1000000", 410, "gap"},
      {"limit=0", 422, "validation_failed"},   {"limit=301", 422, "validation_failed"},
      {"limit=abc", 422, "validation_failed"}, {"limit=-1", 422, "validation_failed"},
      {"types=a%20b", 400, "invalid_request"},
  };
  for (const Row& row : rows) {
    const HttpAnswer answer =
        server.client().get("/api/v1/events?" + std::string(row.query), ann.access_token);
    EXPECT_EQ(answer.status, row.status) << row.query;
    EXPECT_EQ(answer.at("code"), row.code) << row.query;
  }
  const HttpAnswer gap = server.client().get("/api/v1/events?since=other:0", ann.access_token);
  EXPECT_EQ(gap.header("Corohub-Position"), gap.at("head").as_string());
  EXPECT_EQ(server.client().get("/api/v1/events?since=0&limit=300", ann.access_token).status, 200);
}

// ---- connections ----

TEST(Connections, are_listed_and_can_be_ended_by_rank) {
  TestServer server;
  const TestUser admin = server.admin("carl");
  const TestUser root = server.superadmin();
  const TestUser ann = server.register_user("ann");
  WsClient of_ann = server.connect(ann);
  WsClient of_root = server.connect(root);
  const std::string client_of_ann(of_ann.next().at("data").at("client_id").as_string());
  const std::string client_of_root(of_root.next().at("data").at("client_id").as_string());

  const std::string path = "/api/v1/admin/connections";
  EXPECT_EQ(server.client().get(path, ann.access_token).status, 403);
  const HttpAnswer list = server.client().get(path + "?per_page=1&page=2", admin.access_token);
  EXPECT_EQ(list.at("meta"), (json::object{{"page", 2}, {"per_page", 1}, {"total", 2}}));
  EXPECT_EQ(list.at("data").as_array().size(), 1U);
  std::set<std::string> keys;
  const json::object row = list.at("data").at(0).as_object();
  for (const auto& member : row) keys.insert(std::string(member.key()));
  EXPECT_EQ(keys, (std::set<std::string>{"client_id", "kind", "user_id", "key_id", "flag_client_id", "role",
                                         "transport", "ip", "connected_at"}));
  EXPECT_EQ(server.client().get(path + "?per_page=101", admin.access_token).status, 422);
  std::vector<std::string> listed;
  std::string cursor;
  for (bool more = true; more;) {
    const HttpAnswer part = server.client().get(path + "?limit=1" + cursor, admin.access_token);
    EXPECT_EQ(part.at("meta").at("total"), 2);
    const json::value rows = part.at("data");
    for (const json::value& one : rows.as_array()) listed.emplace_back(one.at("client_id").as_string());
    const json::value meta = part.at("meta");
    more = meta.as_object().contains("next");
    if (more) cursor = "&cursor=" + std::string(meta.at("next").as_string());
  }
  EXPECT_EQ(listed, (std::vector<std::string>{std::min(client_of_ann, client_of_root),
                                              std::max(client_of_ann, client_of_root)}));
  for (const std::string query : {"?limit=0", "?limit=101", "?cursor=junk", "?page=101"})
    EXPECT_EQ(server.client().get(path + query, admin.access_token).status, 422) << query;

  EXPECT_EQ(server.client().del(path + "/" + client_of_ann, ann.access_token).status, 403);
  EXPECT_EQ(server.client().del(path + "/" + client_of_root, admin.access_token).status, 403);
  EXPECT_EQ(server.client().del(path + "/no-uuid", admin.access_token).status, 404);
  EXPECT_EQ(server.client().del(path + "/00000000-0000-4000-8000-000000000000", admin.access_token).status,
            404);
  EXPECT_EQ(server.client().del(path + "/" + client_of_ann, admin.access_token).status, 204);
  EXPECT_EQ(of_ann.wait_close(), (WsClose{1008, "kicked"}));
  EXPECT_EQ(server.connect(ann).answer().status, 101) << "nothing is revoked";
  EXPECT_EQ(server.client().del(path + "/" + client_of_ann, admin.access_token).status, 404);
}

}  // namespace
}  // namespace corohub::test
