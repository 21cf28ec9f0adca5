// Whoever comes back misses nothing: on a WebSocket, an event stream and by polling.
#include "support/sse_client.hpp"
#include "support/test_server.hpp"

#include <atomic>
#include <thread>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string text_in(const json::object& alert) {
  return std::string(alert.at("data").at("message").as_string());
}

class Resume : public testing::Test {
 protected:
  WsClient resume(const TestUser& user, const std::string& query) const {
    return WsClient(server_.port(), {.target = "/ws?" + query, .token = user.access_token});
  }
  SseClient stream(const TestUser& user, const std::string& query = {},
                   std::vector<std::pair<std::string, std::string>> headers = {}) const {
    return SseClient(server_.port(), {.target = "/api/v1/events/stream" + query,
                                      .token = user.access_token,
                                      .headers = std::move(headers)});
  }
  HttpAnswer poll(const TestUser& user, const std::string& query) const {
    return server_.client().get("/api/v1/events/poll" + query, user.access_token);
  }
  // Everyone's event; its position.
  std::string alert(const std::string& message, json::value to = nullptr) {
    json::object body{{"message", message}};
    if (!to.is_null()) body["to"] = to;
    const HttpAnswer sent = server_.client().post("/ws/broadcast", body, admin_.access_token);
    EXPECT_EQ(sent.status, 200) << sent.body;
    return sent.header("Corohub-Position");
  }
  static std::int64_t seq_of(const std::string& position) {
    return std::stoll(position.substr(position.find(':') + 1));
  }
  static std::string epoch_of(const std::string& position) { return position.substr(0, position.find(':')); }

  TestServer server_;
  TestUser admin_ = server_.superadmin();
  TestUser ann_ = server_.register_user("ann");
};

// ---- /ws ----

TEST_F(Resume, missed_events_come_first_and_live_ones_follow) {
  const std::string start = alert("before");
  alert("one");
  alert("for him", {{"user_id", admin_.id}});
  alert("two");
  WsClient socket = resume(ann_, "since=" + start);
  const json::object welcome = socket.next();
  EXPECT_EQ(welcome.at("data").at("recovered"), true);
  EXPECT_EQ(welcome.at("data").at("seq"), seq_of(start));
  alert("three");
  EXPECT_EQ(text_in(socket.next()), "one");
  EXPECT_EQ(text_in(socket.next()), "two");
  EXPECT_EQ(text_in(socket.next()), "three");
}

TEST_F(Resume, without_since_the_head_is_the_position) {
  const std::string start = alert("before");
  WsClient socket = server_.connect(ann_);
  const json::object welcome = socket.next();
  EXPECT_EQ(welcome.at("data").at("recovered"), false);
  EXPECT_EQ(welcome.at("data").at("seq"), seq_of(start));
  EXPECT_EQ(welcome.at("data").at("epoch").as_string(), epoch_of(start));
}

TEST_F(Resume, a_position_by_hand_is_of_this_log) {
  const std::string start = alert("before");
  alert("one");
  WsClient socket = resume(ann_, "since=" + std::to_string(seq_of(start)));
  EXPECT_EQ(socket.next().at("data").at("recovered"), true);
  EXPECT_EQ(text_in(socket.next()), "one");
}

TEST_F(Resume, T62_where_the_log_cannot_reach_a_gap_is_told) {
  const std::string head = alert("before");
  const auto gap_of = [&](const std::string& since) {
    WsClient socket = resume(ann_, "since=" + since);
    const json::object welcome = socket.next();
    EXPECT_EQ(welcome.at("data").at("recovered"), false);
    EXPECT_EQ(welcome.at("data").at("seq"), seq_of(head));
    const json::object gap = socket.next();
    EXPECT_EQ(gap.at("type"), "stream.gap");
    EXPECT_EQ(gap.at("data").at("to"), seq_of(head));
    return std::string(gap.at("data").at("reason").as_string());
  };
  EXPECT_EQ(gap_of("other:1"), "foreign_epoch");
  EXPECT_EQ(gap_of(epoch_of(head) + ":" + std::to_string(seq_of(head) + 1)), "ahead");
  EXPECT_EQ(gap_of("9223372036854775807"), "ahead");
}

TEST_F(Resume, T62_a_malformed_since_is_refused_before_the_upgrade) {
  for (const char* bad : {"-1", "abc", "18446744073709551615", "1e3", "x:", ":1", "", "a:b:1", "a%20b:1"}) {
    WsClient socket = resume(ann_, "since=" + std::string(bad));
    EXPECT_EQ(socket.answer().status, 400) << bad;
    EXPECT_EQ(socket.answer().at("code"), "invalid_since") << bad;
    EXPECT_EQ(poll(ann_, "?since=" + std::string(bad)).at("code"), "invalid_since") << bad;
    EXPECT_EQ(stream(ann_, "?since=" + std::string(bad)).status(), 400) << bad;
  }
}

TEST_F(Resume, types_filter_what_is_missed_and_what_is_live) {
  const std::string start = alert("before");
  server_.client().patch("/api/v1/users/me", {{"name", "Anna"}}, ann_.access_token);
  alert("one");
  WsClient socket = resume(ann_, "types=profile.*&since=" + start);
  EXPECT_EQ(socket.next().at("type"), "connection.established");
  EXPECT_EQ(socket.next().at("type"), "profile.updated");
  alert("two");
  server_.client().patch("/api/v1/users/me", {{"name", "Anne"}}, ann_.access_token);
  EXPECT_EQ(socket.next().at("type"), "profile.updated");
  WsClient refused = resume(ann_, "types=a%20b");
  EXPECT_EQ(refused.answer().status, 400);
}

TEST_F(Resume, what_was_missed_is_there_after_a_restart) {
  const std::string start = alert("before");
  alert("one");
  server_.restart();
  WsClient socket = resume(ann_, "since=" + start);
  EXPECT_EQ(socket.next().at("data").at("recovered"), true);
  EXPECT_EQ(text_in(socket.next()), "one");
  alert("two");
  EXPECT_EQ(text_in(socket.next()), "two");
}

// Comes and goes while others write, with a shard's tail that is much too short.
TEST(ResumeUnderLoad, T74_no_gap_and_no_duplicate_while_events_are_written_and_the_role_changes) {
  TestServer server([](server::Settings& settings) { settings.shard.tail.events = 8; });
  const TestUser admin = server.superadmin();
  const TestUser ann = server.register_user("ann");
  std::string position = server.client()
                             .post("/ws/broadcast", {{"message", "begin"}}, admin.access_token)
                             .header("Corohub-Position");
  constexpr int events = 400;
  std::jthread writer([&] {
    HttpClient client = server.client();
    for (int i = 0; i < events; ++i) {
      client.post("/ws/broadcast", {{"message", std::to_string(i)}}, admin.access_token);
      // Promotions: the token goes on.
      if (i == 100 || i == 250)
        client.put("/api/v1/admin/users/" + std::to_string(ann.id) + "/role",
                   {{"role", i == 100 ? "admin" : "superadmin"}}, admin.access_token);
    }
  });
  int next = 0;
  std::int64_t last = std::stoll(position.substr(position.find(':') + 1));
  for (int visit = 0; next < events; ++visit) {
    WsClient socket(server.port(),
                    {.target = "/ws?types=system.alert&since=" + position, .token = ann.access_token});
    ASSERT_EQ(socket.answer().status, 101) << socket.answer().body;
    const json::object welcome = socket.next();
    ASSERT_EQ(welcome.at("data").at("recovered"), true);
    for (int i = 0; i < 7 + visit % 40 && next < events; ++i) {
      const json::object event = socket.next();
      ASSERT_EQ(text_in(event), std::to_string(next++));
      ASSERT_GT(event.at("seq").as_int64(), last);
      last = event.at("seq").as_int64();
    }
    position = position.substr(0, position.find(':') + 1) + std::to_string(last);
    if (visit % 2 == 0) socket.stream().reset();
  }
}

// ---- the event stream ----

TEST_F(Resume, a_stream_is_the_same_conversation_in_another_shape) {
  const std::string start = alert("before");
  alert("one");
  SseClient events = stream(ann_, "?since=" + start);
  ASSERT_EQ(events.status(), 200) << events.head();
  EXPECT_THAT(events.head(), testing::HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(events.head(), testing::HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(events.head(), testing::Not(testing::HasSubstr("Content-Length")));
  const SseEvent welcome = events.next();
  EXPECT_EQ(welcome.data.at("type"), "connection.established");
  EXPECT_EQ(welcome.id, start);
  EXPECT_FALSE(welcome.retry.empty());
  const SseEvent missed = events.next();
  EXPECT_EQ(text_in(missed.data), "one");
  const std::string position = alert("two");
  const SseEvent live = events.next();
  EXPECT_EQ(live.id, position);

  const HttpAnswer stats = server_.client().get("/ws/stats", admin_.access_token);
  EXPECT_EQ(stats.at("total_clients"), 1);
  const HttpAnswer list = server_.client().get("/api/v1/admin/connections", admin_.access_token);
  EXPECT_EQ(list.at("data").as_array().at(0).at("transport"), "sse") << list.body;

  WsClient socket = resume(ann_, "since=" + start);
  socket.next();
  EXPECT_EQ(socket.next_text(), missed.text);
  EXPECT_EQ(socket.next_text(), live.text);
}

// nginx before 1.30 asks like this, unless it is told otherwise.
TEST_F(Resume, a_stream_over_http_1_0_has_no_chunks_and_ends_with_the_connection) {
  TcpStream old(server_.port());
  old.write("GET /api/v1/events/stream HTTP/1.0\r\nConnection: keep-alive\r\nAuthorization: Bearer " +
            ann_.access_token + "\r\n\r\n");
  std::string received;
  const auto read_until = [&](std::string_view what) {
    while (received.find(what) == std::string::npos) {
      const std::string more = old.read_some();
      if (more.empty()) throw std::runtime_error("it ended: " + received);
      received += more;
    }
  };
  read_until("\ndata: ");
  const std::string position = alert("one");
  read_until("id: " + position + "\ndata: ");
  const std::string head = received.substr(0, received.find("\r\n\r\n") + 4);
  EXPECT_THAT(head, testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(head, testing::HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(head, testing::Not(testing::HasSubstr("Transfer-Encoding")));
  EXPECT_THAT(head, testing::Not(testing::HasSubstr("Content-Length")));
  EXPECT_THAT(received.substr(head.size()), testing::StartsWith("retry: "));
  server_.client().post("/api/v1/auth/logout", nullptr, ann_.access_token);
  read_until("connection.closed");
  for (std::string more = received; !more.empty(); received += more) more = old.read_some();
  EXPECT_THAT(received, testing::EndsWith("}\n\n"));
}

TEST_F(Resume, nobody_in_between_may_hold_a_stream_back) {
  const std::string head = stream(ann_).head();
  EXPECT_THAT(head, testing::HasSubstr("\r\nCache-Control: no-store, no-transform\r\n"));
  EXPECT_THAT(head, testing::HasSubstr("\r\nX-Accel-Buffering: no\r\n"));
}

TEST_F(Resume, HEAD_on_a_stream_answers_its_headers_and_connects_nobody) {
  HttpClient client = server_.client();
  const auto head = [&](const std::string& query, const std::string& token) {
    return client.call({.method = "HEAD", .target = "/api/v1/events/stream" + query, .token = token});
  };
  for (int i = 0; i < 2; ++i) {  // and the connection goes on
    const HttpAnswer answer = head({}, ann_.access_token);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.header("Content-Type"), "text/event-stream");
    EXPECT_EQ(answer.header("Content-Length"), "");
  }
  EXPECT_EQ(head({}, {}).status, 401);
  EXPECT_EQ(head("?since=x", ann_.access_token).status, 400);
  EXPECT_EQ(client.get("/ws/stats", admin_.access_token).at("total_clients"), 0);
}

TEST_F(Resume, the_last_event_id_beats_since) {
  const std::string start = alert("before");
  const std::string one = alert("one");
  alert("two");
  SseClient events = stream(ann_, "?since=" + start, {{"Last-Event-ID", one}});
  EXPECT_EQ(events.next().id, one);
  EXPECT_EQ(text_in(events.next().data), "two");
  EXPECT_EQ(stream(ann_, "?since=" + start, {{"Last-Event-ID", "x y"}}).status(), 400);

  SseClient by_query = stream(ann_, "?since=" + start + "&lastEventId=" + one);
  EXPECT_EQ(by_query.next().id, one);
  EXPECT_EQ(text_in(by_query.next().data), "two");
  EXPECT_EQ(stream(ann_, "?lastEventId=" + start, {{"Last-Event-ID", one}}).next().id, one);
  EXPECT_EQ(stream(ann_, "?lastEventId=&since=" + one).next().id, one);
  for (const char* query : {"?lastEventId=x", "?lastEventId=1&lastEventId=1"})
    EXPECT_EQ(stream(ann_, query).status(), 400) << query;
}

TEST_F(Resume, a_stream_takes_a_ticket_once_and_no_token_in_the_address) {
  const HttpAnswer ticket = server_.client().post("/api/v1/auth/ws-ticket", nullptr, ann_.access_token);
  const std::string query = "?ticket=" + std::string(ticket.at("data.ticket").as_string());
  EXPECT_EQ(stream({}, query).status(), 200);
  EXPECT_EQ(stream({}, query).status(), 401);
  EXPECT_EQ(stream({}, "?token=" + ann_.access_token).status(), 401);
  EXPECT_EQ(stream({}).status(), 401);
}

TEST_F(Resume, why_a_stream_ends_is_its_last_event) {
  SseClient kicked = stream(ann_);
  const SseEvent welcome = kicked.next();
  const std::string id(welcome.data.at("data").at("client_id").as_string());
  EXPECT_EQ(server_.client().del("/api/v1/admin/connections/" + id, admin_.access_token).status, 204);
  const SseEvent last = kicked.next();
  EXPECT_EQ(last.data.at("type"), "connection.closed");
  EXPECT_EQ(last.data.at("data"), (json::object{{"code", 1008}, {"reason", "kicked"}}));
  EXPECT_EQ(last.id, "");
  EXPECT_TRUE(kicked.wait_end());

  SseClient drained = stream(ann_);
  drained.next();
  std::jthread stop([&] { server_.stop(); });
  EXPECT_EQ(drained.next().data.at("data"), (json::object{{"code", 1001}, {"reason", "draining"}}));
  EXPECT_TRUE(drained.wait_end());
}

TEST_F(Resume, a_demotion_ends_the_rights_of_a_stream_too) {
  const TestUser bob = server_.admin("bob");
  SseClient events = stream(bob);
  events.next();
  const HttpAnswer demoted = server_.client().put("/api/v1/admin/users/" + std::to_string(bob.id) + "/role",
                                                  {{"role", "user"}}, admin_.access_token);
  ASSERT_EQ(demoted.status, 200) << demoted.body;
  server_.register_user("carl");  // user.created is for admins
  alert("after");
  std::vector<std::string> types;
  for (const SseEvent& event : events.until("system.alert"))
    types.emplace_back(event.data.at("type").as_string());
  EXPECT_THAT(types, ElementsAre("user.role.changed", "system.alert"));
}

// ---- the long poll ----

TEST_F(Resume, a_poll_answers_at_once_when_there_is_something) {
  const std::string start = alert("before");
  const std::string one = alert("one");
  const HttpAnswer answer = poll(ann_, "?timeout=30&since=" + start);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(text_in(answer.at("data").as_array().at(0).as_object()), "one");
  EXPECT_EQ(answer.at("meta.next"), json::string(one));
  EXPECT_EQ(poll(ann_, "?timeout=30&since=" + start).body,
            server_.client().get("/api/v1/events?since=" + start, ann_.access_token).body);
}

TEST_F(Resume, a_poll_waits_for_what_is_visible) {
  const std::string start = alert("before");
  HttpAnswer answer;
  {
    std::jthread waiting([&] { answer = poll(ann_, "?timeout=30&types=system.*&since=" + start); });
    while (
        server_.client().get("/api/v1/admin/connections", admin_.access_token).at("data").as_array().empty())
      std::this_thread::yield();
    EXPECT_EQ(server_.client().get("/ws/stats", admin_.access_token).at("total_clients"), 0);
    alert("for him", {{"user_id", admin_.id}});
    alert("for her", {{"user_id", ann_.id}});
  }
  ASSERT_EQ(answer.status, 200) << answer.body;
  ASSERT_EQ(answer.at("data").as_array().size(), 1U);
  EXPECT_EQ(text_in(answer.at("data").as_array().at(0).as_object()), "for her");
}

TEST_F(Resume, a_poll_in_vain_says_where_to_go_on) {
  const std::string start = alert("before");
  const std::string other = alert("for him", {{"user_id", admin_.id}});
  const HttpAnswer answer = poll(ann_, "?timeout=0&since=" + start);
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.header("Corohub-Next"), other);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(poll(ann_, "?timeout=31").status, 422);
  EXPECT_EQ(poll(ann_, "?timeout=x").status, 422);
  const HttpAnswer gap = poll(ann_, "?since=other:1");
  EXPECT_EQ(gap.status, 410);
  EXPECT_EQ(gap.at("head"), json::string(other));
}

TEST_F(Resume, a_poll_ends_with_the_login_and_with_the_server) {
  const std::string start = alert("before");
  const auto wait_while = [&](const std::function<void()>& something) {
    HttpAnswer answer;
    std::jthread waiting([&] { answer = poll(ann_, "?timeout=30&since=" + start + "&types=none"); });
    while (
        server_.client().get("/api/v1/admin/connections", admin_.access_token).at("data").as_array().empty())
      std::this_thread::yield();
    something();
    waiting.join();
    return answer;
  };
  const HttpAnswer logged_out =
      wait_while([&] { server_.client().post("/api/v1/auth/logout", nullptr, ann_.access_token); });
  EXPECT_EQ(logged_out.status, 401) << logged_out.body;
  ann_ = server_.log_in(ann_.email, ann_.password);
  const HttpAnswer drained = wait_while([&] { server_.stop(); });
  EXPECT_EQ(drained.status, 503) << drained.body;
  EXPECT_EQ(drained.at("code"), "draining");
}

TEST(LongPoll, T63_counts_against_the_caps_while_it_waits) {
  TestServer server([](server::Settings& settings) {
    settings.roster.sockets_per_user = 1;
    settings.exempt_cidrs.clear();
  });
  const TestUser ann = server.register_user("ann");
  WsClient socket = server.connect(ann);
  ASSERT_EQ(socket.answer().status, 101);
  EXPECT_EQ(server.client().get("/api/v1/events/poll?timeout=0", ann.access_token).status, 429);
  SseClient stream(server.port(), {.token = ann.access_token});
  EXPECT_EQ(stream.status(), 429);
}

TEST(LongPoll, T63_one_that_was_given_up_frees_its_place) {
  constexpr std::size_t places = 3;
  TestServer server([](server::Settings& settings) {
    settings.roster.sockets_per_user = places;
    settings.exempt_cidrs.clear();
    settings.http.request_rate = settings.gateway.connects_per_address = settings.gateway.connects_total =
        auth::Rate{1e6, std::chrono::seconds(1), 1e6};
  });
  const TestUser ann = server.register_user("ann");
  const TestUser root = server.superadmin();
  HttpClient client = server.client();
  const auto all_wait = [&] {
    const HttpAnswer list = client.get("/api/v1/admin/connections", root.access_token);
    return list.at("data").as_array().size() == places;
  };
  std::vector<TcpStream> polls;
  for (std::size_t i = 0; i < places; ++i) {
    polls.emplace_back(server.port());
    polls.back().write(
        request_text({.target = "/api/v1/events/poll?timeout=30&types=none", .token = ann.access_token}));
  }
  while (!all_wait()) std::this_thread::yield();
  const HttpAnswer unheard =
      client.post("/ws/broadcast", {{"message", "not of type none"}}, root.access_token);
  polls[0].shutdown_write();
  std::string buffer;
  const HttpAnswer half_closed = read_answer(polls[0], buffer);
  EXPECT_EQ(half_closed.status, 204);
  EXPECT_EQ(half_closed.header("Corohub-Next"), unheard.header("Corohub-Position"));
  polls[1].reset();
  polls.pop_back();
  polls.pop_back();
  // Each of them is taken again, while no poll can have come to its own end.
  std::vector<WsClient> sockets;
  while (sockets.size() < places) {
    sockets.push_back(server.connect(ann));
    if (sockets.back().answer().status != 101) sockets.pop_back();
  }
}

TEST(LongPoll, HEAD_answers_at_once_with_what_is_there) {
  TestServer server;
  const TestUser ann = server.register_user("ann");
  const auto head = [&](const std::string& query) {
    return server.client().call(
        {.method = "HEAD", .target = "/api/v1/events/poll" + query, .token = ann.access_token});
  };
  EXPECT_EQ(head("?timeout=30&types=none").status, 204);
  EXPECT_NE(head("?timeout=30&types=none").header("Corohub-Next"), "");
  EXPECT_EQ(head("?timeout=30&since=other:1").status, 410);
  EXPECT_EQ(head("?timeout=31").status, 422);
}

TEST(LongPoll, T46_who_waits_is_no_recipient) {
  TestServer server;
  const TestUser root = server.superadmin();
  const TestUser ann = server.register_user("ann");
  WsClient socket = server.connect(ann);
  socket.next();
  std::thread waiting([&] {
    EXPECT_EQ(server.client().get("/api/v1/events/poll?timeout=30", ann.access_token).status, 200);
  });
  const auto connections = [&] {
    return server.client().get("/api/v1/admin/connections", root.access_token).at("meta.total");
  };
  while (connections() != 2) std::this_thread::yield();
  const HttpAnswer sent = server.client().post(
      "/ws/broadcast", {{"message", "m"}, {"to", {{"user_id", ann.id}}}}, root.access_token);
  waiting.join();
  EXPECT_EQ(sent.at("recipients"), 1) << sent.body;
  EXPECT_EQ(sent.at("stats.total_clients"), 1);
}

}  // namespace
}  // namespace corohub::test
