// Sessions of Engine.IO: they outlive requests, and lose nothing that was not taken.
#include "engineio_rig.hpp"
#include "gateway/engineio/directory.hpp"

#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::engineio::test {
namespace {

using namespace std::chrono_literals;
using http::test::Answer;
using http::test::Client;
using testing::ElementsAre;
using testing::StartsWith;

// ---- polling ----

TEST_F(EngineioLink, a_session_begins_with_an_open_packet_alone) {
  const Answer opened = ask(get(polling, "Origin: https://ours.example\r\n"));
  EXPECT_EQ(opened.status, 200);
  const std::string sid = sid_of(opened.body);
  EXPECT_EQ(opened.body, "0{\"sid\":\"" + sid +
                             "\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,"
                             "\"maxPayload\":65536}");
  EXPECT_EQ(sid.size(), 22U);
  EXPECT_NE(open(), sid);
  EXPECT_EQ(opened.header("content-type"), "text/plain; charset=UTF-8");
  EXPECT_EQ(opened.header("cache-control"), "no-store");
  EXPECT_EQ(opened.header("access-control-allow-origin"), "https://ours.example");
  EXPECT_EQ(opened.header("set-cookie"), "");
}

TEST_F(EngineioLink, a_payload_is_answered_with_ok_and_each_message_comes_back) {
  const std::string session = open();
  const std::string payload = "4hello" + rs + "bAQIDBA==" + rs + "4" + rs + "4\u20ac|b";
  const Answer sent = send(session, payload);
  EXPECT_EQ(sent.status, 200);
  EXPECT_EQ(sent.body, "ok");
  EXPECT_EQ(poll(session).body, payload);
  EXPECT_THAT(life().messages, ElementsAre("hello", "\x01\x02\x03\x04", "", "\u20ac|b"));
}

TEST_F(EngineioLink, what_comes_reaches_a_poll_that_waits) {
  const std::string session = open();
  Client waits(http);
  park(waits, session);
  EXPECT_TRUE(waits.silent());
  EXPECT_EQ(send(session, "4a" + rs + "4b").body, "ok");
  EXPECT_EQ(waits.read().body, "4a" + rs + "4b") << "all that one payload causes comes in one answer";
  EXPECT_EQ(waits.ask(post(polling + of(session), "4c")).body, "ok") << "the connection is kept";
  EXPECT_EQ(poll(session).body, "4c");
}

TEST_F(EngineioLink, channels_leave_in_the_order_in_which_they_had_something) {
  const std::string session = open();
  life().echo->say_by(1, "b1");
  life().echo->say_by(0, "a1|a1");
  life().echo->say("own");
  life().echo->say_by(1, "b2");
  EXPECT_TRUE(life().echo->seats[0]->is_full());
  EXPECT_EQ(poll(session).body, "4b1" + rs + "4b2" + rs + "4a1|a1" + rs + "4own");
  EXPECT_EQ(life().echo->seats[0]->low_waters, 1);
  EXPECT_EQ(life().echo->seats[1]->low_waters, 1);
  EXPECT_FALSE(life().echo->seats[0]->is_full());
}

TEST_F(EngineioLink, a_channel_that_spoke_while_a_payload_was_heard_is_told_when_all_is_taken) {
  const std::string session = open();
  Client waits(http);
  park(waits, session);
  EXPECT_EQ(send(session, "4!seat").body, "ok");
  EXPECT_EQ(waits.read().body, "4!seat");
  EXPECT_EQ(life().echo->seats[0]->low_waters, 1);
  EXPECT_EQ(life().echo->seats[1]->low_waters, 0);
}

// A client that asks twice at once can't know in which order the answers were said.
TEST_F(EngineioLink, T54g_a_second_poll_ends_the_session) {
  const std::string session = open();
  Client first(http);
  park(first, session);
  Client second(http);
  park(second, session);
  life().echo->say("a");
  pass(200ms);
  EXPECT_EQ(first.read().body, "1");
  const Answer refused = second.read();
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.body, bad_request_body);
  EXPECT_EQ(life().closed, CloseReason::protocol_error);
  expect_gone(session);

  const std::string other = open();
  Client one(http);
  park(one, other);
  Client two(http);
  park(two, other);
  EXPECT_EQ(poll(other).body, bad_request_body);
  EXPECT_EQ(one.read().body, "1");
  EXPECT_EQ(two.read().status, 400);
}

// The end of a poll may come behind the next poll, which has a connection of its own.
TEST_F(EngineioLink, a_poll_may_come_before_the_end_of_the_last) {
  const std::string session = open();
  Client first(http);
  park(first, session);
  Client second(http);
  park(second, session);
  life().echo->say("a");
  EXPECT_TRUE(first.silent());
  EXPECT_TRUE(second.silent());
  first.close();
  http.settle();
  EXPECT_EQ(second.read().body, "4a");

  Client third(http);
  park(third, session);
  Client fourth(http);
  park(fourth, session);
  life().echo->say("b");
  fourth.close();
  http.settle();
  EXPECT_EQ(third.read().body, "4b") << "whichever is gone";
  pass(1s);
  EXPECT_FALSE(life().closed);

  Client fifth(http);
  park(fifth, session);
  Client sixth(http);
  park(sixth, session);
  Probe socket = probe(session);
  EXPECT_EQ(fifth.read().body, "6");
  EXPECT_EQ(sixth.read().body, "6");
}

TEST_F(EngineioLink, T54g_a_second_payload_while_one_waits_ends_the_session) {
  const std::string session = open();
  Client first(http);
  first.send(post(polling + of(session), "4!pause" + rs + "4a"));
  http.settle();
  EXPECT_TRUE(first.silent());
  EXPECT_EQ(send(session, "4b").status, 400);
  EXPECT_EQ(first.read().status, 400);
  EXPECT_EQ(life().closed, CloseReason::protocol_error);
  EXPECT_THAT(life().messages, ElementsAre("!pause"));
}

TEST_F(EngineioLink, a_paused_session_hears_on_where_it_stopped) {
  const std::string session = open();
  Client sends(http);
  sends.send(post(polling + of(session), "4!pause" + rs + "4a"));
  http.settle();
  EXPECT_TRUE(sends.silent());
  life().link->resume_reading();
  EXPECT_EQ(sends.read().body, "ok");
  EXPECT_EQ(poll(session).body, "4a");
}

TEST_F(EngineioLink, what_a_poll_that_was_given_up_did_not_get_waits_for_the_next) {
  const std::string session = open();
  Client first(http);
  park(first, session);
  first.close();
  http.settle();
  life().echo->say("a");
  EXPECT_EQ(poll(session).body, "4a");
  EXPECT_FALSE(life().closed);
}

TEST_F(EngineioLink, T54g_what_is_no_payload_ends_the_session_and_nothing_of_it_is_heard) {
  for (const std::string& payload :
       {std::string("abc"), std::string(), "4a" + rs, rs + "4a", "4a" + rs + rs + "4b", std::string("7"),
        std::string("2"), std::string("5"), std::string("0"), std::string("b*"), std::string("bAQ"),
        std::string("4\xff"), std::string("4a") + rs + "x"}) {
    const std::string session = open();
    EXPECT_EQ(send(session, payload).status, 400) << payload;
    expect_gone(session);
    EXPECT_EQ(service->lives.back()->closed, CloseReason::protocol_error) << payload;
    EXPECT_THAT(service->lives.back()->messages, ElementsAre()) << payload;
  }
  const std::string session = open();
  EXPECT_EQ(ask(post(polling + of(session), "4a", "Content-Type: Application/Octet-Stream; x=y\r\n")).status,
            400);
  expect_gone(session);
}

TEST_F(EngineioLink, any_other_content_type_is_taken) {
  const std::string session = open();
  for (const char* type :
       {"text/plain;charset=UTF-8", "application/json", "application/x-www-form-urlencoded", "x"})
    EXPECT_EQ(ask(post(polling + of(session), "4a", "Content-Type: " + std::string(type) + "\r\n")).body,
              "ok");
}

// ---- the end ----

TEST_F(EngineioLink, a_client_ends_its_session_and_its_poll) {
  const std::string session = open();
  Client waits(http);
  park(waits, session);
  EXPECT_EQ(send(session, "1").body, "ok");
  EXPECT_EQ(waits.read().body, "6");
  EXPECT_EQ(life().closed, CloseReason::normal);
  expect_gone(session);
}

TEST_F(EngineioLink, a_poll_that_the_end_has_overtaken_is_answered_before_it) {
  const std::string session = open();
  Client ends(http);
  ends.send(post(polling + of(session), "1"));
  http.settle();
  EXPECT_EQ(life().closed, CloseReason::normal);
  EXPECT_EQ(poll(session).body, "6");
  EXPECT_EQ(ends.read().body, "ok");
  expect_gone(session);
}

TEST_F(EngineioLink, after_the_end_was_answered_the_session_is_gone) {
  const std::string session = open();
  Client ends(http);
  ends.send(post(polling + of(session), "1"));
  pass(200ms);
  EXPECT_EQ(ends.read().body, "ok");
  expect_gone(session);
}

TEST_F(EngineioLink, an_end_of_our_own_will_lets_out_what_waits_and_is_told_once) {
  const std::string session = open();
  life().echo->say("a");
  EXPECT_EQ(send(session, "4!close" + rs + "4b").body, "ok");
  EXPECT_EQ(life().closed, CloseReason::kicked);
  EXPECT_EQ(poll(session).body, "4a" + rs + "1");
  EXPECT_THAT(life().messages, ElementsAre("!close"));
  expect_gone(session);

  const std::string other = open();
  life(1).link->close(CloseReason::kicked, Drain::yes);
  pass(Link::kept_after_end + 200ms);
  expect_gone(other);

  const std::string third = open();
  Client waits(http);
  park(waits, third);
  life(2).link->close(CloseReason::draining, Drain::yes);
  EXPECT_EQ(waits.read().body, "1");
  expect_gone(third);
}

// Events may be lost with a right while nobody asks for them. The client comes back for them: a position
// behind them would hide them from it.
TEST_F(EngineioLink, T31_what_is_kept_after_the_end_is_for_its_client_alone_and_before_all_that_is_not) {
  const auto speak = [&](std::size_t number) {
    Echo& echo = *life(number).echo;
    echo.push(echo.seats[0]->outbox, "first");
    echo.push(echo.seats[0]->outbox, "event|event", MessageKind::text, hub::Audience::everyone());
    echo.push(echo.seats[0]->outbox, "answer");
    life(number).link->close(CloseReason::draining, Drain::yes);
  };
  const std::string session = open();
  speak(0);
  EXPECT_EQ(poll(session).body, "4first" + rs + "1");

  const std::string other = open();
  Client waits(http);
  park(waits, other);
  speak(1);
  EXPECT_EQ(waits.read().body, "4first" + rs + "4event|event" + rs + "4answer" + rs + "1");
}

TEST_F(EngineioLink, T61_what_a_link_says_itself_counts_for_each_of_its_channels) {
  const std::string session = open();
  Echo& echo = *life().echo;
  EXPECT_EQ(echo.seats[0]->waiting_beside(), 0U);
  echo.say("own");
  EXPECT_EQ(echo.seats[0]->waiting_beside(), life().link->own_outbox().bytes());
  poll(session);
  EXPECT_EQ(echo.seats[1]->waiting_beside(), 0U);
}

TEST_F(EngineioLink, a_defect_of_the_listener_ends_its_session_alone) {
  const std::string session = open();
  const std::string other = open();
  EXPECT_EQ(send(session, "4!throw").status, 200);
  EXPECT_EQ(life().closed, CloseReason::internal_error);
  EXPECT_EQ(send(other, "4a").body, "ok");
  EXPECT_EQ(poll(other).body, "4a");
}

// ---- heartbeat ----

TEST_F(EngineioLink, T64_a_poll_gets_a_ping_and_a_session_without_a_pong_is_gone) {
  const std::string session = open();
  for (int i = 0; i < 3; ++i) {
    Client waits(http);
    park(waits, session);
    pass(24'800ms);
    EXPECT_TRUE(waits.silent());
    pass(200ms);
    EXPECT_EQ(waits.read().body, "2");
    EXPECT_EQ(send(session, "3").body, "ok");
  }
  Client waits(http);
  park(waits, session);
  pass(25'000ms);
  EXPECT_EQ(waits.read().body, "2");
  pass(19'800ms);
  EXPECT_FALSE(life().closed);
  pass(400ms);
  EXPECT_EQ(life().closed, CloseReason::pong_timeout);
  expect_gone(session);
}

TEST_F(EngineioLink, T60_a_session_that_nobody_polls_is_gone_after_a_ping_and_its_timeout) {
  const std::string session = open();
  pass(44'800ms);
  EXPECT_FALSE(life().closed);
  EXPECT_EQ(ask(get(polling + of(session))).body, "2") << "the ping has waited";
  http.clock.advance(200ms);  // no turn of the wheel: a request finds out by itself
  EXPECT_EQ(poll(session).status, 400);
  EXPECT_EQ(life().closed, CloseReason::pong_timeout);
}

TEST_F(EngineioLink, T60_a_pong_to_a_ping_that_nobody_took_keeps_no_session) {
  const std::string session = open();
  pass(25'000ms);
  EXPECT_EQ(send(session, "3").body, "ok");
  pass(19'800ms);
  EXPECT_FALSE(life().closed);
  pass(400ms);
  EXPECT_EQ(life().closed, CloseReason::pong_timeout);
}

// ---- limits ----

TEST_F(EngineioLink, a_method_that_there_is_not_is_refused_after_its_origin) {
  const std::string put = "PUT /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(ask(put + "\r\n").status, 400);
  const Answer refused = ask(put + "Origin: https://foreign.example\r\n\r\n");
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, StartsWith("{\"code\":4,"));
}

TEST_F(EngineioLink, T15_who_gets_no_place_gets_no_session) {
  service->refuse = true;
  for (const std::string& request : {get(polling), get(websocket, upgrade_fields)}) {
    const Answer answer = ask(request);
    EXPECT_EQ(answer.status, 429);
    EXPECT_EQ(answer.body, R"({"code":3,"message":"Too many."})");
  }
  EXPECT_EQ(service->lives.size(), 0U);
}

TEST_F(EngineioLink, T17_requests_of_a_session_are_not_counted_by_address) {
  service->limited = false;
  const std::string session = open();
  for (int i = 0; i < 400; ++i) {
    ASSERT_EQ(send(session, "4x").body, "ok") << i;
    ASSERT_EQ(poll(session).body, "4x") << i;
  }
  int status = 0;
  for (int i = 0; i < 400 && status != 429; ++i) status = send("unknown", "4x").status;
  EXPECT_EQ(status, 429) << "what belongs to no session is";
}

TEST_F(EngineioLink, T17_sessions_of_nobody_are_counted_by_address) {
  service->nobody = true;
  int status = 200;
  for (int i = 0; i < 400 && status == 200; ++i) status = ask(get(polling)).status;
  EXPECT_EQ(status, 429);
  EXPECT_LT(service->lives.size(), 310U);
}

TEST_F(EngineioLink, T17_polls_that_are_given_up_or_disturb_an_upgrade_are_counted_by_address) {
  service->limited = false;
  const std::string session = open();
  const auto count_until_refused = [&](auto request) {
    int count = 0;
    for (http.clock.advance(60s); count < 400 && ask(get("EIO=4")).status == 400; ++count) request();
    return count;
  };
  const int refused_alone = count_until_refused([] {});
  EXPECT_LT(count_until_refused([&] {
              Client given_up(http);
              park(given_up, session);
              given_up.close();
              http.settle();
            }),
            refused_alone * 2 / 3);
  Probe socket = probe(session);
  EXPECT_LT(count_until_refused([&] { poll(session); }), refused_alone * 2 / 3);
}

TEST_F(EngineioLink, T17_an_upgrade_costs_its_address_nothing) {
  service->limited = false;
  const std::string session = open();
  Client waits(http);
  park(waits, session);
  int status = 0;
  for (int i = 0; i < 400 && status != 429; ++i) status = send("unknown", "4x").status;
  ASSERT_EQ(status, 429);
  Probe socket = probe(session);
  EXPECT_EQ(waits.read().body, "6");
  EXPECT_EQ(poll(session).body, "6") << "it may have been said before the answer to the probe was read";
  EXPECT_EQ(poll(session).status, 429);
  socket.send("5");
  life().echo->say("a");
  EXPECT_EQ(socket.read(), "4a");
}

std::string many(int messages) {
  std::string payload = "4x";
  for (int i = 1; i < messages; ++i) payload += rs + "4x";
  return payload;
}

TEST_F(EngineioLink, T58_who_sends_too_much_waits) {
  const std::string session = open();
  Client sends(http);
  sends.send(post(polling + of(session), many(205)));
  EXPECT_TRUE(sends.silent());
  EXPECT_EQ(life().messages.size(), 201U);
  EXPECT_EQ(life().throttled, 1);
  EXPECT_NE(poll(session).body, "") << "receiving goes on";
  pass(300ms);
  EXPECT_EQ(sends.read().body, "ok");
  EXPECT_EQ(life().messages.size(), 205U);
}

TEST_F(EngineioLink, T58_who_sends_too_much_for_long_is_sent_away) {
  const std::string session = open();
  Client sends(http);
  sends.send(post(polling + of(session), many(2000)));
  for (int i = 0; i < 40 && !life().closed; ++i) {
    poll(session);
    pass(200ms);
  }
  EXPECT_EQ(life().closed, CloseReason::rate_limited);
  EXPECT_EQ(sends.read().status, 200);
}

TEST_F(EngineioLink, T58_pongs_that_nobody_asked_for_and_upgrades_are_work_too) {
  const std::string session = open();
  std::string pongs = "3";
  for (int i = 0; i < 30; ++i) pongs += rs + "3";
  Client sends(http);
  sends.send(post(polling + of(session), pongs));
  EXPECT_TRUE(sends.silent());
  const std::string other = open();
  int status = 101;
  for (int i = 0; i < 300 && status == 101; ++i) status = Socket(http, websocket + of(other)).answer.status;
  EXPECT_EQ(status, 400);
  EXPECT_FALSE(life(1).closed);
}

TEST_F(EngineioLink, T55_before_a_client_is_known_a_message_has_64_kib) {
  EngineioRig large({.payload_bytes_max = 1'000'000});
  const std::string message(70'000, 'x');
  const std::string session = large.open();
  EXPECT_EQ(large.send(session, "4" + message).status, 200);
  EXPECT_EQ(large.life().closed, CloseReason::message_too_big);
  Socket socket(large.http, websocket);
  socket.read();
  socket.send("4" + message);
  EXPECT_EQ(socket.close_code(), 1009);
  socket.close();

  const std::string known = large.open();
  EXPECT_EQ(large.send(known, "4!large").body, "ok");
  EXPECT_EQ(large.send(known, "4" + message).body, "ok");
  Probe upgraded(large.http, known);
  upgraded.send("5");
  EXPECT_EQ(upgraded.read(), "4" + message);
  upgraded.send("4" + message);
  EXPECT_EQ(upgraded.read(), "4" + message);
}

TEST_F(EngineioLink, T10_a_payload_over_the_limit) {
  const std::string session = open();
  const Answer answer = ask(post(polling + of(session), std::string(65'537, '4')));
  EXPECT_EQ(answer.status, 413);
  EXPECT_THAT(answer.body, StartsWith("{\"code\":3,"));
  EXPECT_EQ(send(session, "4a").body, "ok") << "the session lives";
}

TEST_F(EngineioLink, T60_sessions_that_ended_are_kept_in_bounds) {
  service->nobody = false;
  Directory directory(0, service->places[0], settings);
  const auto make = [&] {
    auto life = std::make_shared<Life>();
    const std::shared_ptr<Link> link = directory.create(std::make_shared<Echo>(life, service->limits), true);
    link->open();
    return link;
  };
  for (std::size_t i = 0; i < Directory::ended_max + 10; ++i) make()->close(CloseReason::kicked, Drain::yes);
  http.settle();
  EXPECT_EQ(directory.size(), Directory::ended_max);
  pass(Link::kept_after_end + 200ms);
  EXPECT_EQ(directory.size(), 0U);
  make()->close(CloseReason::kicked, Drain::yes);
  http.settle();
  EXPECT_EQ(directory.size(), 1U);
}

}  // namespace
}  // namespace corohub::gateway::engineio::test
