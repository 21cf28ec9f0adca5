// Events that are too old, too many or too large leave the log while the server works; a client that is
// behind is told so, however it asks.
#include "support/sse_client.hpp"
#include "support/test_server.hpp"

#include <gmock/gmock.h>

namespace corohub::test {
namespace {

constexpr int kept = 5;

void keep_little(server::Settings& settings) {
  settings.retention.rows = kept;
  settings.retention.step_rows = 2;
  settings.housekeeping.interval = std::chrono::milliseconds(1);
  settings.housekeeping.pause = std::chrono::milliseconds(0);
}

class Retention : public testing::Test {
 protected:
  Retention() {
    for (int i = 0; i < 20; ++i) last_ = alert(std::to_string(i));
    // Housekeeping goes round by itself; the oldest that is left tells how far it is.
    while (first_kept() != seq_of(last_) - kept + 1) {
    }
    // The shards forget after the log.
    while (recovers()) {
    }
  }

  std::string alert(const std::string& message) {
    const HttpAnswer sent =
        server_.client().post("/ws/broadcast", {{"message", message}}, admin_.access_token);
    EXPECT_EQ(sent.status, 200) << sent.body;
    return sent.header("Corohub-Position");
  }
  std::int64_t first_kept() {
    const HttpAnswer page = server_.client().get("/api/v1/events?limit=1", admin_.access_token);
    return page.at("data").as_array().at(0).at("seq").to_number<std::int64_t>();
  }
  bool recovers() {
    WsClient socket(server_.port(), {.target = "/ws?since=1", .token = admin_.access_token});
    return socket.next().at("data").at("recovered").as_bool();
  }
  static std::int64_t seq_of(const std::string& position) {
    return std::stoll(position.substr(position.find(':') + 1));
  }
  std::int64_t floor() const { return seq_of(last_) - kept; }
  void expect_gap(const json::object& welcome, const json::object& gap) const {
    EXPECT_EQ(welcome.at("data").at("recovered"), false);
    EXPECT_EQ(welcome.at("data").at("seq"), floor()) << "whoever breaks off here has had no more";
    EXPECT_EQ(gap.at("type"), "stream.gap");
    EXPECT_EQ(gap.at("data"), (json::object{{"from", 1}, {"to", floor()}, {"reason", "expired"}}));
  }

  TestServer server_{keep_little};
  TestUser admin_ = server_.superadmin();
  std::string last_;
};

TEST_F(Retention, T62_a_websocket_is_told_and_gets_what_is_left) {
  WsClient socket(server_.port(), {.target = "/ws?since=1", .token = admin_.access_token});
  const json::object welcome = socket.next();
  expect_gap(welcome, socket.next());
  for (std::int64_t seq = floor() + 1; seq <= seq_of(last_); ++seq) EXPECT_EQ(socket.next().at("seq"), seq);
  EXPECT_EQ(seq_of(alert("live")), seq_of(last_) + 1);
  EXPECT_EQ(socket.next().at("seq"), seq_of(last_) + 1);
}

TEST_F(Retention, T62_a_stream_is_told_and_gets_what_is_left) {
  SseClient events(server_.port(), {.target = "/api/v1/events/stream?since=1", .token = admin_.access_token});
  const SseEvent welcome = events.next();
  EXPECT_TRUE(welcome.id.ends_with(":" + std::to_string(floor()))) << welcome.id;
  expect_gap(welcome.data, events.next().data);
  for (std::int64_t seq = floor() + 1; seq <= seq_of(last_); ++seq)
    EXPECT_EQ(events.next().data.at("seq"), seq);
}

TEST_F(Retention, T62_a_subscription_is_told_once) {
  WsClient socket = server_.connect(admin_);
  socket.next();
  socket.send_text(R"({"type":"subscribe","id":1,"data":{"topic":"rooms/one","since":1}})");
  const json::object reply = socket.next();
  EXPECT_EQ(reply.at("data").at("recovered"), false);
  EXPECT_EQ(reply.at("data").at("seq"), floor());
  const json::object gap = socket.next();
  EXPECT_EQ(gap.at("data"),
            (json::object{{"from", 1}, {"to", floor()}, {"reason", "expired"}, {"topic", "rooms/one"}}));
  server_.client().post("/api/v1/topics/rooms/one/events", {{"data", 7}}, admin_.access_token);
  EXPECT_EQ(socket.next().at("type"), "message");
}

TEST_F(Retention, T62_pages_and_polls_say_that_it_is_gone) {
  for (const char* target : {"/api/v1/events?since=1", "/api/v1/events/poll?since=1&timeout=0"}) {
    const HttpAnswer answer = server_.client().get(target, admin_.access_token);
    EXPECT_EQ(answer.status, 410) << target;
    EXPECT_EQ(answer.at("code"), "gap") << target;
  }
  const std::string reachable = std::to_string(floor());
  const HttpAnswer page = server_.client().get("/api/v1/events?since=" + reachable, admin_.access_token);
  EXPECT_EQ(page.at("data").as_array().size(), std::size_t{kept}) << page.body;
}

TEST_F(Retention, T62_what_is_gone_is_gone_after_a_restart_too_and_no_seq_comes_twice) {
  server_.restart();
  admin_ = server_.superadmin();
  EXPECT_EQ(server_.client().get("/api/v1/events?since=1", admin_.access_token).status, 410);
  EXPECT_GT(seq_of(alert("later")), seq_of(last_));
}

// Whoever publishes a lot pushes out what was published, and nothing else.
TEST(RetentionByKind, T62_topics_lose_their_oldest_and_accounts_do_not) {
  TestServer server(keep_little);
  const TestUser admin = server.superadmin();
  const TestUser user = server.register_user("somebody");
  std::int64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    const HttpAnswer sent =
        server.client().post("/api/v1/topics/rooms/one/events", {{"data", i}}, user.access_token);
    last = sent.at("data").at("seq").to_number<std::int64_t>();
  }
  const auto history = [&] {
    return server.client().get("/api/v1/topics/rooms/one/history", user.access_token);
  };
  while (history().at("data").as_array().size() > std::size_t{kept}) {
  }

  const HttpAnswer page = server.client().get("/api/v1/events?since=1", admin.access_token);
  EXPECT_EQ(page.status, 200) << page.body;  // the registration is in it
  WsClient socket(server.port(), {.target = "/ws?since=1&topic=rooms/one", .token = admin.access_token});
  EXPECT_EQ(socket.next().at("data").at("recovered"), false);
  const json::object gap = socket.next();
  EXPECT_EQ(gap.at("data"),
            (json::object{{"from", 1}, {"to", last - kept}, {"reason", "expired"}, {"topic", "rooms/one"}}));
  EXPECT_EQ(socket.next().at("type"), "user.created");
  for (std::int64_t seq = last - kept + 1; seq <= last; ++seq) EXPECT_EQ(socket.next().at("seq"), seq);
}

}  // namespace
}  // namespace corohub::test
