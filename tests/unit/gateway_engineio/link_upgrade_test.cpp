// Sessions of Engine.IO that begin by polling and go on with a WebSocket.
#include "engineio_rig.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::engineio::test {
namespace {

using namespace std::chrono_literals;
using http::test::Client;
using testing::ElementsAre;

TEST_F(EngineioLink, an_upgrade_loses_and_doubles_nothing) {
  const std::string session = open();
  Client waits(http);
  park(waits, session);
  Probe socket = probe(session);
  EXPECT_EQ(waits.read().body, "6");
  life().echo->say("a");
  EXPECT_EQ(poll(session).body, "4a") << "until it is done the client may poll";
  EXPECT_EQ(poll(session).body, "6");
  EXPECT_EQ(poll(session).body, "6") << "as often as it likes";
  life().echo->say_by(0, "b|b");
  life().echo->say("\x01\x02", MessageKind::binary);
  socket.send("5");
  EXPECT_EQ(life().rewrapped, 1);
  EXPECT_EQ(socket.read(), "4b");
  EXPECT_FALSE(socket.last);
  EXPECT_EQ(socket.read(), "|b");
  EXPECT_EQ(socket.read(), "\x01\x02");
  EXPECT_EQ(socket.opcode, 0x2);
  EXPECT_EQ(life().echo->seats[0]->low_waters, 1);
  socket.send("4c");
  EXPECT_EQ(socket.read(), "4c");
  EXPECT_EQ(poll(session).body, bad_request_body);
  EXPECT_EQ(send(session, "4x").body, bad_request_body);
  EXPECT_FALSE(life().closed);
  Socket second(http, websocket + of(session));
  EXPECT_EQ(second.close_code(), 1002);
  socket.send("4d");
  EXPECT_EQ(socket.read(), "4d");
}

// A client may say both at once, and poll behind that.
TEST_F(EngineioLink, a_poll_that_comes_first_is_behind_the_upgrade_that_was_said_before_it) {
  const std::string session = open();
  Socket socket(http, websocket + of(session));
  http.settle();
  life().echo->say("a");
  socket.put(gateway::test::text("2probe") + gateway::test::text("5"));  // nobody has read it yet
  std::optional<Reply> reply;
  life().link->poll(1, Ticket(std::make_unique<Answered>(http.context.get_executor(), reply)));
  http.settle();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->kind, Reply::Kind::refused);
  EXPECT_EQ(socket.read(), "3probe");
  EXPECT_EQ(socket.read(), "4a") << "what waits belongs to the WebSocket";
}

TEST_F(EngineioLink, T54g_two_polls_behind_an_upgrade_are_refused_and_the_session_goes_on) {
  for (const bool sends_meanwhile : {false, true}) {
    const std::string session = open();
    Link& link = *service->lives.back()->link;
    Client sends(http);
    if (sends_meanwhile) {
      sends.send(post(polling + of(session), "4!pause" + rs + "4a"));
      http.settle();
    }
    Socket socket(http, websocket + of(session));
    http.settle();
    socket.put(gateway::test::text("2probe") + gateway::test::text("5"));
    std::optional<Reply> first;
    std::optional<Reply> second;
    link.poll(1, Ticket(std::make_unique<Answered>(http.context.get_executor(), first)));
    link.poll(2, Ticket(std::make_unique<Answered>(http.context.get_executor(), second)));
    http.settle();
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->kind, Reply::Kind::refused);
    EXPECT_EQ(second->kind, Reply::Kind::refused);
    pass(Link::overtaking_max + 200ms);
    ASSERT_FALSE(service->lives.back()->closed);
    if (sends_meanwhile) link.resume_reading();
    http.settle();
    EXPECT_EQ(socket.read(), "3probe");
    if (sends_meanwhile) EXPECT_EQ(socket.read(), "4a");
    socket.send("4b");
    EXPECT_EQ(socket.read(), "4b");
  }
}

TEST_F(EngineioLink, a_poll_comes_behind_the_upgrade_that_was_said_before_it) {
  const std::string session = open();
  Socket socket(http, websocket + of(session));
  Client polls(http);
  socket.put(gateway::test::text("2probe") + gateway::test::text("5"));
  EXPECT_EQ(polls.ask(get(polling + of(session))).body, bad_request_body);
  EXPECT_EQ(socket.read(), "3probe");
  socket.send("4a");
  EXPECT_EQ(socket.read(), "4a");
}

TEST_F(EngineioLink, a_probe_that_fails_leaves_polling_alive) {
  const std::string session = open();
  Client waits(http);
  park(waits, session);
  for (const char* says : {"5", "3probe", "2", "4a", "abc"}) {
    Socket socket(http, websocket + of(session));
    socket.send(says);
    EXPECT_EQ(socket.close_code(), 1002) << says;
  }
  EXPECT_TRUE(waits.silent());
  {
    Socket socket(http, websocket + of(session));
    socket.close();
    EXPECT_TRUE(waits.silent());
  }
  Socket silent_one(http, websocket + of(session));
  Socket second(http, websocket + of(session));
  EXPECT_EQ(second.close_code(), 1002) << "one at a time";
  pass(Link::upgrade_time_max + 200ms);
  EXPECT_EQ(silent_one.close_code(), 1008);
  life().echo->say("b");
  EXPECT_EQ(waits.read().body, "4b");

  Probe broken = probe(session);
  broken.close();
  Client again(http);
  park(again, session);
  EXPECT_TRUE(again.silent()) << "polls wait again";
  probe(session).send("5");
  EXPECT_EQ(again.read().body, "6");
}

TEST_F(EngineioLink, pings_pause_while_a_client_upgrades) {
  const std::string session = open();
  pass(24'000ms);
  Probe socket = probe(session);
  pass(5s);
  EXPECT_TRUE(socket.silent());
  EXPECT_EQ(poll(session).body, "6");
  socket.send("5");
  pass(24'800ms);
  EXPECT_TRUE(socket.silent());
  pass(200ms);
  EXPECT_EQ(socket.read(), "2");
}

TEST_F(EngineioLink, a_ping_that_nobody_took_crosses_to_the_websocket_and_its_pong_has_all_its_time) {
  const std::string session = open();
  pass(44s);
  Probe socket = probe(session);
  socket.send("5");
  EXPECT_EQ(socket.read(), "2");
  pass(19'800ms);
  EXPECT_FALSE(life().closed);
  socket.send("3");
  pass(2s);
  EXPECT_FALSE(life().closed);
}

TEST_F(EngineioLink, what_a_last_post_says_is_heard_before_the_websocket) {
  const std::string session = open();
  Client sends(http);
  sends.send(post(polling + of(session), "4!pause" + rs + "4a"));
  http.settle();
  Probe socket = probe(session);
  socket.send("5");
  socket.send("4b");
  EXPECT_THAT(life().messages, ElementsAre("!pause"));
  life().link->resume_reading();
  EXPECT_EQ(sends.read().body, "ok");
  http.settle();
  EXPECT_THAT(life().messages, ElementsAre("!pause", "a", "b"));
}

TEST_F(EngineioLink, an_upgrade_that_fails_ends_its_session) {
  const std::string session = open();
  Seat& seat = *life().echo->seats[0];
  seat.outbox.push(hub::Frame::make("", "b*", hub::Audience::one_connection()));  // can't be wrapped anew
  Probe socket = probe(session);
  socket.send("5");
  EXPECT_EQ(socket.close_code(), 1011);
  socket.close();
  EXPECT_EQ(life().closed, CloseReason::internal_error);
  expect_gone(session);
}

TEST_F(EngineioLink, the_end_of_a_session_ends_its_probe) {
  const std::string session = open();
  Probe socket = probe(session);
  life().link->close(CloseReason::kicked, Drain::yes);
  EXPECT_EQ(socket.close_code(), 1008);
  EXPECT_EQ(poll(session).body, "1");
}

}  // namespace
}  // namespace corohub::gateway::engineio::test
