// Sessions of Engine.IO that have a WebSocket from their beginning.
#include "engineio_rig.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::engineio::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

TEST_F(EngineioLink, a_session_that_begins_with_a_websocket) {
  Socket socket(http, websocket);
  EXPECT_EQ(socket.answer.status, 101);
  const std::string opened = socket.read();
  const std::string sid = sid_of(opened);
  EXPECT_EQ(opened,
            "0{\"sid\":\"" + sid +
                "\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,\"maxPayload\":65536}");
  socket.send("4a|b");
  EXPECT_EQ(socket.read(), "4a");
  EXPECT_FALSE(socket.last);
  EXPECT_EQ(socket.read(), "|b");
  EXPECT_EQ(socket.opcode, 0x0);
  socket.send_binary("\x01\x02");
  EXPECT_EQ(socket.read(), "\x01\x02");
  EXPECT_EQ(socket.opcode, 0x2);
  EXPECT_EQ(poll(sid).status, 400);
  EXPECT_EQ(poll(sid).body, bad_request_body);
  EXPECT_EQ(send(sid, "4a").body, bad_request_body);
  pass(25'000ms);
  EXPECT_EQ(socket.read(), "2");
  socket.send("3");
  pass(25'000ms);
  EXPECT_EQ(socket.read(), "2");
  pass(20'200ms);
  EXPECT_EQ(socket.close_code(), 1001);
  socket.close();
  EXPECT_EQ(life().closed, CloseReason::pong_timeout);
}

TEST_F(EngineioLink, a_close_packet_ends_a_websocket_at_once) {
  Socket socket(http, websocket);
  socket.read();
  socket.send("1");
  EXPECT_EQ(socket.close_code(), 1000);
  socket.close();
  EXPECT_EQ(life().closed, CloseReason::normal);
}

TEST_F(EngineioLink, T54g_what_is_no_packet_ends_its_websocket_alone) {
  Socket other(http, websocket);
  other.read();
  for (const char* packet : {"abc", "", "0", "2", "5", "2probe", "9"}) {
    Socket socket(http, websocket);
    socket.read();
    socket.send(packet);
    EXPECT_EQ(socket.close_code(), 1002) << packet;
    socket.close();
    EXPECT_EQ(service->lives.back()->closed, CloseReason::protocol_error) << packet;
  }
  other.send("4a");
  EXPECT_EQ(other.read(), "4a");
}

TEST_F(EngineioLink, the_end_of_a_websocket_is_the_end_of_its_session) {
  Socket socket(http, websocket);
  const std::string sid = sid_of(socket.read());
  socket.close();
  EXPECT_EQ(life().closed, CloseReason::peer_gone);
  EXPECT_EQ(life().echo, nullptr);
  expect_gone(sid);
}

TEST_F(EngineioLink, what_waits_in_all_channels_leaves_before_a_websocket_closes) {
  Socket socket(http, websocket);
  socket.read();
  Echo& echo = *life().echo;
  echo.push(life().link->own_outbox(), "own");
  echo.push(echo.seats[0]->outbox, "a");
  life().link->close(CloseReason::kicked, Drain::yes);
  EXPECT_EQ(socket.read(), "4own");
  EXPECT_EQ(socket.read(), "4a");
  EXPECT_EQ(socket.close_code(), 1008);
}

// Which has been begun is not torn, and which has not been begun leaves in turn.
TEST_F(EngineioLink, T60_a_slow_client_gets_whole_messages_of_all_channels) {
  service->limits = {1000, 64U << 20};
  Socket socket(http, websocket, 4096);
  socket.read();
  Echo& echo = *life().echo;
  const std::string large(300'000, 'x');
  for (int i = 0; i < 20; ++i) {
    echo.say_by(0, "a" + large + "|" + large);
    echo.say_by(1, "b" + large);
  }
  EXPECT_TRUE(echo.seats[0]->is_full());
  EXPECT_EQ(echo.seats[1]->low_waters, 0);
  echo.seats[0].reset();  // in the middle of a message, maybe
  life().link->close(CloseReason::kicked, Drain::yes);
  int whole = 0;
  for (std::string text = socket.read(); socket.opcode != 0x8; text = socket.read()) {
    const bool begins_a = text == "4a" + large;
    ASSERT_TRUE(begins_a || text == "4b" + large);
    if (begins_a) ASSERT_EQ(socket.read(), "|" + large);
    if (!begins_a) ++whole;
  }
  EXPECT_EQ(whole, 20);
}

TEST_F(EngineioLink, T31_what_a_channel_hands_over_comes_behind_the_message_that_it_has_begun) {
  EngineioRig roomy({.outbox = {1000, 64U << 20}});
  roomy.service->limits = {1000, 64U << 20};
  Socket socket(roomy.http, websocket, 4096);
  socket.read();
  Echo& echo = *roomy.life().echo;
  Seat& seat = *echo.seats[0];
  const std::string large(8'000'000, 'x');
  echo.say_by(0, "a" + large + "|" + large);
  roomy.http.settle();
  ASSERT_GT(seat.outbox.begun(), 0U);
  echo.push(seat.outbox, "mine|too");
  echo.push(seat.outbox, "all", MessageKind::text, hub::Audience::everyone());
  seat.outbox.discard_from_first_impersonal(0);
  EXPECT_TRUE(seat.hand_over());
  echo.say("end");
  echo.seats[0].reset();
  for (const std::string& text :
       {"4a" + large, "|" + large, std::string("4mine"), std::string("|too"), std::string("4end")})
    ASSERT_EQ(socket.read(), text);
}

TEST_F(EngineioLink, a_channel_that_always_has_something_keeps_no_other_waiting) {
  service->limits = {1000, 64U << 20};
  Socket socket(http, websocket, 4096);
  socket.read();
  Echo& echo = *life().echo;
  const std::string large(300'000, 'x');
  for (int i = 0; i < 20; ++i) echo.say_by(0, large);
  echo.say_by(1, "b");
  echo.say("own");
  std::vector<std::string> others;
  int before = 0;
  for (; before < 100 && others.size() < 2; ++before) {
    const std::string text = socket.read();
    if (text.size() < large.size()) others.push_back(text);
    echo.say_by(0, large);
  }
  EXPECT_THAT(others, ElementsAre("4b", "4own"));
  EXPECT_LE(before, 22) << "no more than what waited before them";
}

TEST_F(EngineioLink, a_socket_that_was_full_tells_each_channel_when_it_is_not) {
  EngineioRig fast({.ping_interval = 300ms});
  fast.service->limits = {1000, 64U << 20};
  Socket socket(fast.http, websocket, 4096);
  socket.read();
  Echo& echo = *fast.life().echo;
  const std::string large(8'000'000, 'x');
  echo.say_by(0, large);
  echo.say_by(1, "b");
  fast.http.pass(300ms);
  ASSERT_EQ(socket.read(), "4" + large);
  EXPECT_EQ(socket.read(), "2") << "a ping does not wait for what waits";
  EXPECT_EQ(socket.read(), "4b");
  fast.http.settle();
  EXPECT_EQ(echo.seats[0]->low_waters, 1);
  EXPECT_EQ(echo.seats[1]->low_waters, 1);
  EXPECT_FALSE(echo.seats[1]->is_full());
}

TEST_F(EngineioLink, a_channel_that_leaves_hands_over_what_waits_or_takes_it_along) {
  const std::string session = open();
  Echo& echo = *life().echo;
  echo.say_by(0, "a|a");
  echo.say_by(1, "b");
  EXPECT_TRUE(echo.seats[0]->hand_over());
  echo.seats.clear();
  EXPECT_EQ(poll(session).body, "4a|a");
}

}  // namespace
}  // namespace corohub::gateway::engineio::test
