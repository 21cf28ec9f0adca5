// SockJS on WebSockets.
#include "gateway/sockjs/messages.hpp"
#include "gateway/sockjs/socket_link.hpp"
#include "gateway/sockjs/wraps.hpp"
#include "sockjs_rig.hpp"
#include "websocket_rig.hpp"

#include <chrono>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::sockjs::test {
namespace {

using namespace std::chrono_literals;
using gateway::test::RawClient;
using gateway::test::Recorder;
using http::test::Answer;
using http::test::Client;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

// Says farewell, and pauses when it is told to.
class Listener final : public TransportListener {
 public:
  void on_open(Transport& opened) override { transport = &opened; }
  void on_message(MessageKind, std::string_view text) override {
    messages.emplace_back(text);
    if (text == "!pause") transport->pause_reading();
    if (text == "!close") transport->close(CloseReason::kicked, Drain::yes);
  }
  void on_throttled() override {}
  void on_low_water() override {}
  std::string farewell(CloseReason) override { return last_word; }
  void on_closed(CloseReason reason) noexcept override {
    closed = reason;
    transport = nullptr;
  }

  hub::OutboxLimits limits;
  hub::Outbox outbox{limits};
  Transport* transport = nullptr;
  std::vector<std::string> messages;
  std::string last_word;
  std::optional<CloseReason> closed;
};

struct SockjsSocket : testing::Test {
  SockjsSocket() {
    const auto link = std::make_shared<SocketLink>(listener, listener->outbox, place, 25s);
    start_websocket({.socket = client.take_server_socket(),
                     .unread = {},
                     .head = "HTTP/1.1 101 Switching Protocols\r\n\r\n",
                     .limited = true,
                     .deflate = false},
                    {settings, wheel, clock}, listener->outbox, link);
  }
  ~SockjsSocket() override {
    if (listener->transport != nullptr) listener->transport->abort();
    context.restart();
    context.poll();
  }
  void settle() { gateway::test::turn_until_quiet(context, {&client}); }
  bool until(const std::function<bool()>& done) {
    return gateway::test::turn_until(context, {&client}, done);
  }
  void pass(std::chrono::milliseconds time) {
    for (std::chrono::milliseconds passed{0}; passed < time; passed += Wheel::tick) {
      clock.advance(Wheel::tick);
      wheel.advance(clock.steady());
      context.restart();
      context.poll();
      client.turn();
    }
    settle();
  }
  void send(std::string_view payload) {
    client.send(gateway::test::text(payload));
    settle();
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    for (const gateway::test::ServerFrame& frame : client.frames)
      if (frame.opcode == 0x1) all.push_back(frame.payload);
    return all;
  }
  bool until_end() {
    return until([&] { return !client.frames.empty() && client.frames.back().opcode == 0x8; });
  }

  asio::io_context context{1};
  corohub::test::ManualClock clock;
  Wheel wheel{clock.steady()};
  Place place{context, wheel, clock};
  WebSocketSettings settings;
  std::shared_ptr<Listener> listener = std::make_shared<Listener>();
  RawClient client{context};
};

TEST_F(SockjsSocket, begins_with_o_and_carries_arrays) {
  send(R"(["a","b"])");
  EXPECT_THAT(listener->messages, ElementsAre("a", "b"));
  listener->outbox.push(
      listener->transport->wrap().frame("x\n", Wrap::Part::whole, hub::Audience::one_connection()));
  listener->transport->flush();
  ASSERT_TRUE(until([&] { return texts().size() == 2; }));
  EXPECT_THAT(texts(), ElementsAre("o", R"(a["x\n"])"));
}

TEST_F(SockjsSocket, empty_frames_are_nothing_and_a_string_alone_is_a_message) {
  send("");
  send("[]");
  send(R"("a")");
  EXPECT_THAT(listener->messages, ElementsAre("a"));
}

TEST_F(SockjsSocket, T54b_broken_json_ends_the_connection) {
  send(R"(["a)");
  ASSERT_TRUE(until_end());
  EXPECT_EQ(client.frames.back().close_code(), 1002);
  EXPECT_THAT(texts(), ElementsAre("o", R"(c[1002,"protocol_error"])"));
}

TEST_F(SockjsSocket, T54b_messages_that_are_no_strings_end_the_connection) {
  send("[1]");
  ASSERT_TRUE(until_end());
  EXPECT_TRUE(listener->messages.empty());
}

TEST_F(SockjsSocket, T64_an_array_of_too_many_messages_ends_the_connection) {
  std::string many = "[\"x\"";
  for (std::size_t i = 0; i < SocketLink::messages_per_array_max; ++i) many += ",\"x\"";
  send(many + "]");
  ASSERT_TRUE(until_end());
}

TEST_F(SockjsSocket, T64_each_message_of_an_array_counts) {
  std::string many = "[\"x\"";
  for (int i = 0; i < 199; ++i) many += ",\"x\"";
  send(many + "]");
  send("[\"x\"]");
  EXPECT_EQ(listener->messages.size(), 201U);
  send("[\"y\"]");
  EXPECT_EQ(listener->messages.size(), 201U) << "it is in debt";
  pass(1s);
  EXPECT_EQ(listener->messages.back(), "y");
}

TEST_F(SockjsSocket, binary_messages_are_not_spoken) {
  client.send(gateway::test::encode({.opcode = 0x2, .payload = "[\"a\"]"}));
  ASSERT_TRUE(until_end());
  EXPECT_EQ(client.frames.back().close_code(), 1003);
}

TEST_F(SockjsSocket, T63_says_h_every_25_seconds) {
  pass(25s + 200ms);
  EXPECT_THAT(texts(), ElementsAre("o", "h"));
  pass(25s);
  EXPECT_THAT(texts(), ElementsAre("o", "h", "h"));
}

TEST_F(SockjsSocket, the_last_words_are_the_protocols_then_its_own_then_the_websockets) {
  listener->last_word = "ERROR";
  listener->transport->close(CloseReason::logged_out, Drain::yes);
  ASSERT_TRUE(until_end());
  EXPECT_THAT(texts(), ElementsAre("o", R"(a["ERROR"])", R"(c[1008,"logged_out"])"));
  EXPECT_EQ(client.frames.back().close_code(), 1008);
  EXPECT_EQ(client.frames.back().close_reason(), "logged_out");
}

TEST_F(SockjsSocket, what_follows_the_end_in_an_array_is_not_heard) {
  send(R"(["a","!close","b"])");
  EXPECT_THAT(listener->messages, ElementsAre("a", "!close"));
}

TEST_F(SockjsSocket, a_pause_holds_back_the_rest_of_an_array_and_all_behind_it) {
  client.send(gateway::test::text(R"(["!pause","a"])") + gateway::test::text(R"(["b"])"));
  settle();
  EXPECT_THAT(listener->messages, ElementsAre("!pause"));
  listener->transport->resume_reading();
  EXPECT_THAT(listener->messages, ElementsAre("!pause")) << "in a turn of its own";
  settle();
  EXPECT_THAT(listener->messages, ElementsAre("!pause", "a", "b"));
}

TEST_F(SockjsSocket, the_listener_hears_of_the_clients_end) {
  client.send(gateway::test::close(1000));
  ASSERT_TRUE(until([&] { return listener->closed.has_value(); }));
  EXPECT_EQ(listener->closed, CloseReason::normal);
}

// ---- the way there ----

const std::string upgrade =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n";

TEST(SockjsUpgrade, leads_to_a_session_that_is_in_no_directory) {
  SockjsRig rig;
  for (int i = 0; i < 2; ++i) {
    Client client(rig.http);
    const Answer answer = client.ask(get("/ws/000/a/websocket", upgrade));
    EXPECT_EQ(answer.status, 101);
    EXPECT_EQ(answer.header("sec-websocket-accept"), "HSmrc0sMlYUkAGmm5OPpG2HaGWk=");
    EXPECT_EQ(answer.header("content-length"), "");
    EXPECT_TRUE(rig.http.until([&] { return !client.silent(); })) << "o";
  }
  EXPECT_EQ(rig.service->admitted, 2);
}

TEST(SockjsUpgrade, takes_no_subprotocol_whatever_is_offered) {
  SockjsRig rig;
  Client client(rig.http);
  const Answer answer =
      client.ask(get("/ws/000/a/websocket", upgrade + "Sec-WebSocket-Protocol: v12.stomp, x\r\n"));
  EXPECT_EQ(answer.status, 101);
  EXPECT_EQ(answer.header("sec-websocket-protocol"), "");
}

TEST(SockjsUpgrade, says_what_is_missing_in_the_protocols_words) {
  SockjsRig rig;
  const auto ask = [&](const std::string& fields) {
    return Client(rig.http).ask(get("/ws/0/0/websocket", fields));
  };
  EXPECT_EQ(ask("").status, 400);
  EXPECT_EQ(ask("").body, "Can \"Upgrade\" only to \"WebSocket\".");
  EXPECT_EQ(ask("Upgrade: WebSocket\r\nConnection: close\r\n").status, 400);
  EXPECT_EQ(ask("Upgrade: WebSocket\r\nConnection: close\r\n").body, "\"Connection\" must be \"Upgrade\".");
  EXPECT_EQ(rig.service->admitted, 0);
  rig.service->refuse = true;
  EXPECT_EQ(ask(upgrade).status, 429);
}

}  // namespace
}  // namespace corohub::gateway::sockjs::test
