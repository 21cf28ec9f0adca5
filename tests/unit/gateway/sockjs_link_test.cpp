// Sessions of SockJS over HTTP: they outlive requests.
#include "gateway/sockjs/directory.hpp"
#include "gateway/sockjs/link.hpp"
#include "sockjs_rig.hpp"

#include <chrono>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::sockjs::test {
namespace {

using namespace std::chrono_literals;
using http::test::Answer;
using http::test::Client;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

const std::string another_receiver = "c[2010,\"Another connection still open\"]";

struct SockjsLink : testing::Test {
  explicit SockjsLink(FrontEnd front_end = {}) : rig(std::move(front_end)) {}
  Answer ask(const std::string& request) { return Client(rig.http).ask(request); }
  Answer poll(const std::string& session = "a") { return ask(post("/ws/000/" + session + "/xhr")); }
  Answer send(const std::string& body, const std::string& session = "a") {
    return ask(post("/ws/000/" + session + "/xhr_send", body));
  }
  // A poll that waits.
  void park(Client& client, const std::string& session = "a") {
    client.send(post("/ws/000/" + session + "/xhr"));
    rig.http.settle();
  }
  Life& life(std::size_t number = 0) { return rig.life(number); }
  void pass(std::chrono::milliseconds time) { rig.http.pass(time); }
  const LinkSettings settings;
  const StreamSettings streams;  // outlives the streams, whose end is the rig's
  SockjsRig rig;
};

TEST_F(SockjsLink, a_session_begins_with_o_and_takes_arrays_of_messages) {
  const Answer opened = ask(post("/ws/000/a/xhr", "", "Origin: https://ours.example\r\n"));
  EXPECT_EQ(opened.status, 200);
  EXPECT_EQ(opened.body, "o\n");
  EXPECT_EQ(opened.header("content-type"), "application/javascript; charset=UTF-8");
  EXPECT_EQ(opened.header("cache-control"), "no-store, no-cache, must-revalidate, max-age=0");
  EXPECT_EQ(opened.header("access-control-allow-origin"), "https://ours.example");
  EXPECT_EQ(opened.header("access-control-allow-credentials"), "true");
  EXPECT_EQ(opened.header("set-cookie"), "");

  const Answer sent = send("[\"x\",\"y\"]");
  EXPECT_EQ(sent.status, 204);
  EXPECT_EQ(sent.header("content-type"), "text/plain; charset=UTF-8");
  EXPECT_EQ(sent.body, "");
  EXPECT_EQ(poll().body, "a[\"x\",\"y\"]\n");
  EXPECT_THAT(life().messages, ElementsAre("x", "y"));
}

TEST_F(SockjsLink, any_server_and_any_session_without_a_dot_will_do) {
  for (const char* path : {"/ws/_/_", "/ws/1/1", "/ws/abcdefgh_i-j%20/abcdefg_i-j%20"})
    EXPECT_EQ(ask(post(std::string(path) + "/xhr")).body, "o\n") << path;
  for (const char* path : {"/ws//", "/ws/a./a", "/ws/a/a.", "/ws/", "/ws///", "/ws/a/"}) {
    EXPECT_EQ(ask(post(std::string(path) + "/xhr")).status, 404) << path;
    EXPECT_EQ(ask(get(std::string(path) + "/eventsource")).status, 404) << path;
  }
  const std::string longest(64, 'x');
  EXPECT_EQ(poll(longest).body, "o\n");
  EXPECT_EQ(poll(longest + "x").status, 404);
}

TEST_F(SockjsLink, the_server_in_the_path_is_nobodys) {
  poll();
  send("[\"a\"]");
  EXPECT_EQ(ask(post("/ws/999/a/xhr")).body, "a[\"a\"]\n");
}

TEST_F(SockjsLink, what_comes_reaches_a_poll_that_waits) {
  poll();
  Client waits(rig.http);
  park(waits);
  EXPECT_TRUE(waits.silent());
  EXPECT_EQ(send("[\"x\"]").status, 204);
  EXPECT_EQ(waits.read().body, "a[\"x\"]\n");
  EXPECT_EQ(waits.ask(post("/ws/000/a/xhr_send", "[\"y\",\"z\"]")).status, 204) << "the connection is kept";
  EXPECT_EQ(poll().body, "a[\"y\",\"z\"]\n");
}

TEST_F(SockjsLink, one_array_of_messages_is_answered_in_one_frame) {
  poll();
  Client waits(rig.http);
  park(waits);
  send("[\"x\",\"y\",\"z\"]");
  EXPECT_EQ(waits.read().body, "a[\"x\",\"y\",\"z\"]\n");
}

TEST_F(SockjsLink, a_message_of_two_frames_is_one_item) {
  poll();
  send("[\"a|b\",\"c\",\"d|e\"]");
  EXPECT_EQ(poll().body, "a[\"a|b\",\"c\",\"d|e\"]\n");
  send("[\"a|b\"]");
  EXPECT_EQ(poll().body, "a[\"a|b\"]\n");
}

TEST_F(SockjsLink, one_receives_at_a_time_and_the_first_goes_on) {
  poll();
  Client first(rig.http);
  park(first);
  const Answer second = poll();
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.body, another_receiver + "\n");
  Client stream(rig.http);
  stream.send(post("/ws/000/a/xhr_streaming"));
  EXPECT_THAT(stream.read_to_end(), HasSubstr("\n" + another_receiver + "\n"));
  send("[\"x\"]");
  EXPECT_EQ(first.read().body, "a[\"x\"]\n");
}

TEST_F(SockjsLink, whose_poll_was_given_up_is_over) {
  poll();
  Client first(rig.http);
  park(first);
  first.close();
  rig.http.settle();
  EXPECT_EQ(life().closed, CloseReason::peer_gone);
  EXPECT_EQ(poll().body, "c[1002,\"Connection interrupted\"]\n");
  pass(5s + 200ms);
  EXPECT_EQ(poll().body, "o\n") << "another session";
  EXPECT_EQ(rig.service->lives.size(), 2U);
}

TEST_F(SockjsLink, T60_a_session_without_a_receiver_is_gone_after_five_seconds) {
  poll();
  pass(4800ms);
  EXPECT_FALSE(life().closed);
  EXPECT_EQ(send("[\"x\"]").status, 204);
  EXPECT_EQ(poll().body, "a[\"x\"]\n");
  pass(4800ms);
  EXPECT_FALSE(life().closed);
  pass(400ms);
  EXPECT_EQ(life().closed, CloseReason::peer_gone);
  EXPECT_EQ(send("[\"x\"]").status, 404);
  EXPECT_EQ(life().outbox, nullptr) << "its listener is let go of";
}

TEST_F(SockjsLink, T63_a_poll_gets_a_heartbeat_after_25_seconds) {
  poll();
  Client waits(rig.http);
  park(waits);
  pass(24800ms);
  EXPECT_TRUE(waits.silent());
  pass(400ms);
  EXPECT_EQ(waits.read().body, "h\n");
}

TEST_F(SockjsLink, an_ended_session_says_what_waited_and_then_why_it_ended_to_all_who_ask) {
  poll();
  life().farewell = "ERROR";
  EXPECT_EQ(send("[\"x\",\"!close\",\"y\"]").status, 204);
  EXPECT_EQ(life().closed, CloseReason::kicked);
  EXPECT_THAT(life().messages, ElementsAre("x", "!close"));
  EXPECT_EQ(poll().body, "a[\"x\"]\n");
  EXPECT_EQ(poll().body, "a[\"ERROR\"]\n");
  EXPECT_EQ(poll().body, "c[1008,\"kicked\"]\n");
  EXPECT_EQ(poll().body, "c[1008,\"kicked\"]\n");
  EXPECT_EQ(send("[\"x\"]").status, 204) << "too late, as behind a close frame";
  EXPECT_EQ(rig.service->lives.size(), 1U);
  pass(3s);
  EXPECT_EQ(poll().body, "c[1008,\"kicked\"]\n");
  pass(2s + 200ms);
  EXPECT_EQ(poll().body, "o\n") << "those who ask keep nothing alive";
}

TEST_F(SockjsLink, a_poll_that_waits_hears_of_the_end) {
  poll();
  Client waits(rig.http);
  park(waits);
  life().transport->close(CloseReason::draining, Drain::yes);
  EXPECT_EQ(waits.read().body, "c[1001,\"draining\"]\n");
  rig.http.settle();
  EXPECT_EQ(life().closed, CloseReason::draining);
}

TEST_F(SockjsLink, what_must_not_be_said_any_more_is_not) {
  poll();
  send("[\"x\"]");
  life().transport->close(CloseReason::token_expired, Drain::no);
  EXPECT_EQ(poll().body, "c[1008,\"token_expired\"]\n");
}

TEST_F(SockjsLink, a_session_of_nobody_takes_nothing) {
  const Answer answer = send("[\"x\"]");
  EXPECT_EQ(answer.status, 404);
  EXPECT_EQ(rig.service->admitted, 0);
}

TEST_F(SockjsLink, T54b_broken_sends_are_500_and_the_session_lives) {
  poll();
  const Answer broken = send("[\"x");
  EXPECT_EQ(broken.status, 500);
  EXPECT_EQ(broken.body, "Broken JSON encoding.");
  EXPECT_EQ(broken.header("content-type"), "text/plain; charset=UTF-8");
  EXPECT_EQ(send("").body, "Payload expected.");
  EXPECT_EQ(send("{\"a\":1}").body, "Payload expected.");
  EXPECT_EQ(send("[1]").body, "Broken JSON encoding.");
  EXPECT_EQ(send("[]").status, 204);
  EXPECT_EQ(send("[\"a\"]").status, 204);
  EXPECT_EQ(poll().body, "a[\"a\"]\n");
}

TEST_F(SockjsLink, the_type_of_what_is_sent_is_nobodys) {
  poll();
  for (const char* type :
       {"text/plain", "T", "application/json", "application/xml", "", "text/xml; charset=utf-8"})
    EXPECT_EQ(
        ask(post("/ws/000/a/xhr_send", "[\"a\"]", std::string("Content-Type: ") + type + "\r\n")).status, 204)
        << type;
  EXPECT_EQ(poll().body, "a[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\"]\n");
}

TEST_F(SockjsLink, T10_a_send_is_bounded) {
  poll();
  EXPECT_EQ(send("[\"" + std::string(65'532, 'x') + "\"]").status, 204);
  EXPECT_EQ(send("[\"" + std::string(65'533, 'x') + "\"]").status, 413);
  EXPECT_EQ(poll().body.size(), 65'532U + 6);
}

TEST_F(SockjsLink, T54e_a_session_is_its_first_users) {
  EXPECT_EQ(ask(post("/ws/000/a/xhr?token=12345")).body, "o\n");
  EXPECT_EQ(ask(post("/ws/000/a/xhr_send?token=123", "[\"x\"]")).status, 404);
  EXPECT_EQ(ask(post("/ws/000/a/xhr?token=123")).status, 404);
  EXPECT_EQ(ask(post("/ws/000/a/xhr_streaming?token=123")).status, 404);
  EXPECT_EQ(ask(post("/ws/000/a/xhr_send?token=bad", "[\"x\"]")).status, 401);
  EXPECT_EQ(ask(post("/ws/000/a/xhr_send", "[\"x\"]")).status, 404) << "without a credential";
  EXPECT_EQ(ask(post("/ws/000/a/xhr")).status, 404);
  EXPECT_EQ(ask(post("/ws/000/a/xhr_send?token=54321", "[\"y\"]")).status, 204) << "the same user";
  EXPECT_THAT(life().messages, ElementsAre("y"));
}

TEST_F(SockjsLink, T54e_a_session_is_of_the_address_that_made_it) {
  EXPECT_EQ(poll().body, "o\n");
  const auto ask_from_elsewhere = [&](const std::string& request) {
    return Client(rig.http, 0, "127.0.0.2").ask(request).status;
  };
  EXPECT_EQ(ask_from_elsewhere(post("/ws/000/a/xhr_send", "[\"x\"]")), 404);
  EXPECT_EQ(ask_from_elsewhere(post("/ws/000/a/xhr")), 404);
  EXPECT_EQ(ask_from_elsewhere(post("/ws/000/a/xhr_streaming")), 404);
  EXPECT_EQ(ask_from_elsewhere(get("/ws/000/a/eventsource")), 404);
  EXPECT_EQ(send("[\"y\"]").status, 204);
  EXPECT_THAT(life().messages, ElementsAre("y"));
}

TEST_F(SockjsLink, T54e_a_stream_that_comes_to_anothers_session_is_told_that_there_is_none) {
  Directory directory(rig.service->places[0], settings);
  const auto life = std::make_shared<Life>();
  const auto echo = std::make_shared<Echo>(life, rig.service->limits);
  directory.create("a", {1, "x"}, [&] { return Listening{echo, &echo->outbox, true}; });
  for (const Owner& other : {Owner{2, "x"}, Owner{1, "y"}}) {
    asio::ip::tcp::acceptor acceptor(rig.http.context, {asio::ip::make_address("127.0.0.1"), 0});
    Socket client(rig.http.context);
    client.connect(acceptor.local_endpoint());
    Socket server(rig.http.context);
    acceptor.accept(server);
    server.non_blocking(true);
    directory.attach(
        "a", other,
        Stream::start({std::move(server), "HEAD", true, StreamKind::xhr}, streams, rig.service->places[0]));
    EXPECT_EQ(life->transport, nullptr) << "it has not opened the session";
    client.close();
    rig.http.settle();  // the stream is gone
  }
}

TEST_F(SockjsLink, T15_who_gets_no_place_gets_no_session) {
  rig.service->refuse = true;
  EXPECT_EQ(poll().status, 429);
  EXPECT_EQ(ask(post("/ws/000/a/xhr_streaming")).status, 429);
  EXPECT_EQ(ask(get("/ws/000/a/eventsource")).status, 429);
  rig.service->refuse = false;
  EXPECT_EQ(poll().body, "o\n");
  EXPECT_EQ(poll("b").body, "o\n");
  EXPECT_EQ(rig.service->admitted, 2);
  EXPECT_EQ(rig.service->prepared, 2);
}

TEST_F(SockjsLink, T17_requests_of_a_session_are_not_counted_by_address) {
  rig.service->limited = false;
  poll();
  for (int i = 0; i < 400; ++i) {
    ASSERT_EQ(send("[\"x\"]").status, 204) << i;
    ASSERT_EQ(poll().body, "a[\"x\"]\n") << i;
  }
  int status = 0;
  for (int i = 0; i < 400 && status != 429; ++i) status = send("[\"x\"]", "unknown").status;
  EXPECT_EQ(status, 429) << "what belongs to no session is";
}

TEST_F(SockjsLink, T17_sessions_of_nobody_are_counted_by_address) {
  rig.service->nobody = true;
  int status = 200;
  for (int i = 0; i < 400 && status == 200; ++i) status = poll("s" + std::to_string(i)).status;
  EXPECT_EQ(status, 429);
  EXPECT_EQ(rig.service->lives.size() + 1, static_cast<std::size_t>(rig.service->admitted))
      << "none is made for a request that nobody pays";
}

TEST_F(SockjsLink, T17_what_is_of_no_use_to_a_session_is_counted_by_address) {
  poll();
  Client first(rig.http);
  park(first);
  int status = 200;
  for (int i = 0; i < 400 && status == 200; ++i) status = poll().status;
  EXPECT_EQ(status, 429) << "it has a receiver";
  rig.http.clock.advance(60s);
  life().transport->close(CloseReason::kicked, Drain::yes);
  EXPECT_EQ(first.read().status, 200);
  for (status = 204; status == 204;) status = send("[\"x\"]").status;
  EXPECT_EQ(status, 429) << "it has ended";
}

TEST_F(SockjsLink, T64_sends_without_messages_count_as_one_each) {
  poll();
  std::vector<std::unique_ptr<Client>> clients;
  bool held = false;
  for (int i = 0; i < 250 && !held; ++i) {
    clients.push_back(std::make_unique<Client>(rig.http));
    clients.back()->send(post("/ws/000/a/xhr_send", "[]"));
    held = clients.back()->silent();
  }
  EXPECT_EQ(clients.size(), 201U);
}

TEST_F(SockjsLink, a_listener_that_pauses_holds_the_send_back) {
  poll();
  Client sends(rig.http);
  sends.send(post("/ws/000/a/xhr_send", "[\"!pause\",\"x\"]"));
  EXPECT_TRUE(sends.silent());
  EXPECT_THAT(life().messages, ElementsAre("!pause"));
  Client more(rig.http);
  more.send(post("/ws/000/a/xhr_send", "[\"y\"]"));
  EXPECT_TRUE(more.silent());
  life().transport->resume_reading();
  EXPECT_EQ(sends.read().status, 204);
  EXPECT_EQ(more.read().status, 204);
  EXPECT_THAT(life().messages, ElementsAre("!pause", "x", "y"));
}

TEST_F(SockjsLink, T64_sends_that_wait_are_bounded) {
  poll();
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < Link::sends_waiting_max; ++i) {
    clients.push_back(std::make_unique<Client>(rig.http));
    clients.back()->send(post("/ws/000/a/xhr_send", "[\"!pause\"]"));
    EXPECT_TRUE(clients.back()->silent());
  }
  EXPECT_EQ(send("[\"x\"]").status, 429);
  life().transport->close(CloseReason::draining, Drain::yes);
  for (const auto& client : clients) EXPECT_EQ(client->read().status, 204);
}

TEST_F(SockjsLink, T64_who_sends_too_much_waits) {
  poll();
  std::string many = "[\"x\"";
  for (int i = 0; i < 204; ++i) many += ",\"x\"";
  Client sends(rig.http);
  sends.send(post("/ws/000/a/xhr_send", many + "]"));
  EXPECT_TRUE(sends.silent());
  EXPECT_EQ(life().messages.size(), 201U);
  EXPECT_EQ(life().throttled, 1);
  EXPECT_NE(poll().body, "") << "receiving goes on";
  pass(300ms);
  EXPECT_EQ(sends.read().status, 204);
  EXPECT_EQ(life().messages.size(), 205U);
}

TEST_F(SockjsLink, T64_who_sends_too_much_for_long_is_sent_away) {
  poll();
  Client waits(rig.http);
  std::string many = "[\"x\"";
  for (int i = 0; i < 2000; ++i) many += ",\"x\"";
  waits.send(post("/ws/000/a/xhr_send", many + "]"));
  for (int i = 0; i < 40 && !life().closed; ++i) {
    poll();
    pass(200ms);
  }
  EXPECT_EQ(life().closed, CloseReason::rate_limited);
  EXPECT_EQ(waits.read().status, 204);
}

TEST_F(SockjsLink, a_defect_ends_one_session_alone) {
  poll();
  poll("b");
  EXPECT_EQ(send("[\"!throw\"]").status, 204);
  EXPECT_EQ(poll().body, "c[1011,\"internal_error\"]\n");
  send("[\"x\"]", "b");
  EXPECT_EQ(poll("b").body, "a[\"x\"]\n");
}

TEST_F(SockjsLink, T60_what_nobody_takes_waits_and_is_told_once_it_is_taken) {
  poll();
  send("[\"x\"]");
  EXPECT_TRUE(life().transport->is_full());
  EXPECT_EQ(life().low_waters, 0);
  poll();
  EXPECT_FALSE(life().transport->is_full());
  EXPECT_EQ(life().low_waters, 1);
}

// ---- streams ----

TEST_F(SockjsLink, a_stream_has_a_prelude_and_a_chunk_per_frame) {
  Client stream(rig.http);
  stream.send(post("/ws/000/a/xhr_streaming", "", "Origin: https://ours.example\r\n"));
  const Answer head = stream.read();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.header("content-type"), "application/javascript; charset=UTF-8");
  EXPECT_EQ(head.header("transfer-encoding"), "chunked");
  EXPECT_EQ(head.header("access-control-allow-origin"), "https://ours.example");
  EXPECT_EQ(head.header("cache-control"), "no-store, no-cache, must-revalidate, max-age=0");
  EXPECT_EQ(stream.read_chunk(), std::string(2048, 'h') + "\n");
  EXPECT_EQ(stream.read_chunk(), "o\n");
  EXPECT_EQ(send("[\"x\"]").status, 204);
  EXPECT_EQ(stream.read_chunk(), "a[\"x\"]\n");
  pass(25s + 200ms);
  EXPECT_EQ(stream.read_chunk(), "h\n");
  life().transport->close(CloseReason::kicked, Drain::yes);
  EXPECT_EQ(stream.read_chunk(), "c[1008,\"kicked\"]\n");
  EXPECT_EQ(stream.read_chunk(), "");
  EXPECT_TRUE(stream.ended());
}

TEST_F(SockjsLink, R2_a_stream_that_its_session_has_let_go_of_is_counted_until_its_end) {
  Client stream(rig.http);
  stream.send(post("/ws/000/a/xhr_streaming"));
  stream.read();
  EXPECT_EQ(rig.open_sockets, 1U);
  life().transport->close(CloseReason::draining, Drain::yes);
  rig.http.settle();
  EXPECT_TRUE(life().closed);
  EXPECT_EQ(rig.open_sockets, 1U) << "the client has not ended its side";
  pass(12s);  // its kernel may acknowledge the end late
  EXPECT_EQ(rig.open_sockets, 0U);
}

TEST_F(SockjsLink, an_event_source_has_events) {
  Client stream(rig.http);
  stream.send(get("/ws/000/a/eventsource"));
  const Answer head = stream.read();
  EXPECT_THAT(head.header("content-type"), StartsWith("text/event-stream"));
  EXPECT_EQ(stream.read_chunk(), "\r\n");
  EXPECT_EQ(stream.read_chunk(), "data: o\r\n\r\n");
  send(R"(["  \u0000\n\r "])");
  EXPECT_EQ(stream.read_chunk(), "data: a[\"  \\u0000\\n\\r \"]\r\n\r\n");
}

TEST_F(SockjsLink, a_stream_ends_after_128_kib_and_the_session_goes_on) {
  rig.service->limited = false;
  Client stream(rig.http);
  stream.send(post("/ws/000/a/xhr_streaming"));
  stream.read();
  stream.read_chunk();
  stream.read_chunk();
  const std::string message = "\"" + std::string(40'000, 'x') + "\"";
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(send("[" + message + "]").status, 204);
    EXPECT_EQ(stream.read_chunk(), "a[" + message + "]\n");
  }
  EXPECT_EQ(stream.read_chunk(), "");
  send("[\"y\"]");
  EXPECT_EQ(poll().body, "a[\"y\"]\n");
}

TEST_F(SockjsLink, whose_stream_was_given_up_is_over) {
  Client stream(rig.http);
  stream.send(post("/ws/000/a/xhr_streaming"));
  stream.read();
  stream.close();
  rig.http.settle();
  EXPECT_EQ(life().closed, CloseReason::peer_gone);
  EXPECT_EQ(poll().body, "c[1002,\"Connection interrupted\"]\n");
}

TEST_F(SockjsLink, an_ended_session_tells_streams_too) {
  poll();
  send("[\"!close\"]");
  Client stream(rig.http);
  stream.send(post("/ws/000/a/xhr_streaming"));
  EXPECT_THAT(stream.read_to_end(), HasSubstr("hh\n\r\n11\r\nc[1008,\"kicked\"]\n\r\n0\r\n\r\n"));
}

TEST_F(SockjsLink, T60_a_stream_that_is_not_read_is_slow) {
  rig.service->limited = false;
  rig.service->limits = {1024, 64U << 20};
  Client stream(rig.http, 4096);
  stream.send(post("/ws/000/a/xhr_streaming"));
  ASSERT_TRUE(rig.http.until([&] { return rig.service->lives.size() == 1 && life().transport != nullptr; }));
  const std::string large(60'000, 'x');
  for (int i = 0; i < 300 && !life().transport->is_full(); ++i) send("[\"" + large + "\"]");
  pass(20s);
  EXPECT_TRUE(life().closed);
}

TEST_F(SockjsLink, T60_a_spent_stream_that_is_read_slowly_loses_nothing) {
  rig.service->limits = {1024, 64U << 20};
  Client stream(rig.http, 4096);
  stream.send(post("/ws/000/a/xhr_streaming"));
  ASSERT_TRUE(rig.http.until([&] { return rig.service->lives.size() == 1 && life().transport != nullptr; }));
  const auto say = [&](std::string_view text) {
    const Wrap& wrap = life().transport->wrap();
    life().outbox->push(wrap.frame(text, Wrap::Part::whole, hub::Audience::one_connection()));
    life().transport->flush();
  };
  constexpr std::size_t large = 12U << 20;  // more than the kernel takes
  say(std::string(large, 'x'));
  say("y");
  EXPECT_TRUE(life().transport->is_full());
  std::size_t taken = 0;
  const auto read_slowly = [&](std::size_t bytes, std::chrono::milliseconds each_mebibyte) {
    for (std::size_t mark = taken + (1U << 20); taken < bytes && !stream.at_end();) {
      taken += stream.skip(65'536);
      rig.http.settle();
      if (taken < mark) continue;
      mark += 1U << 20;
      pass(each_mebibyte);
    }
  };
  read_slowly(large - (64U << 10), 3s);
  EXPECT_FALSE(stream.at_end());
  pass(3s);
  EXPECT_FALSE(life().closed);
  EXPECT_THAT(stream.read_to_end(), EndsWith("xx\"]\n\r\n0\r\n\r\n"));
  EXPECT_FALSE(stream.reset());
  EXPECT_EQ(poll().body, "a[\"y\"]\n");
}

TEST_F(SockjsLink, http_1_0_gets_one_batch) {
  Client first(rig.http);
  first.send("POST /ws/000/a/xhr_streaming HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  const std::string opened = first.read_to_end();
  EXPECT_EQ(opened.find("Transfer-Encoding"), std::string::npos);
  EXPECT_EQ(opened.find("Content-Length"), std::string::npos);
  EXPECT_THAT(opened, EndsWith("\r\n\r\n" + std::string(2048, 'h') + "\no\n"));
  send("[\"x\",\"y\"]");
  Client second(rig.http);
  second.send("POST /ws/000/a/xhr_streaming HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(second.read_to_end(), EndsWith("h\na[\"x\",\"y\"]\n"));
  Client third(rig.http);
  third.send("POST /ws/000/a/xhr_streaming HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  rig.http.settle();
  send("[\"z\",\"!close\"]");
  EXPECT_THAT(third.read_to_end(), EndsWith("h\na[\"z\"]\nc[1008,\"kicked\"]\n"));
}

// ---- several shards ----

// The second shard's loop runs on a thread of its own; its sessions are asked for over the first one's
// connections.
struct SockjsLinkElsewhere : SockjsLink {
  SockjsLinkElsewhere() {
    rig.service->places.clear();
    rig.service->places.push_back({elsewhere, wheel, rig.http.clock});
    thread = std::thread([this] { elsewhere.run(); });
  }
  ~SockjsLinkElsewhere() override {
    asio::post(elsewhere, [this] {
      for (const auto& one : rig.service->lives)
        if (one->transport != nullptr) one->transport->abort();
    });
    guard.reset();
    thread.join();
  }
  asio::io_context elsewhere{1};
  asio::executor_work_guard<Executor> guard{elsewhere.get_executor()};
  Wheel wheel{rig.http.clock.steady()};
  std::thread thread;
};

TEST_F(SockjsLinkElsewhere, a_session_is_reached_over_any_shard) {
  EXPECT_EQ(poll().body, "o\n");
  EXPECT_EQ(send("[\"x\"]").status, 204);
  EXPECT_EQ(poll().body, "a[\"x\"]\n");
  Client waits(rig.http);
  park(waits);
  EXPECT_EQ(send("[\"y\"]").status, 204);
  EXPECT_EQ(waits.read().body, "a[\"y\"]\n");
}

TEST_F(SockjsLinkElsewhere, a_stream_moves_to_its_session) {
  Client stream(rig.http);
  stream.send(post("/ws/000/a/xhr_streaming"));
  stream.read();
  EXPECT_EQ(stream.read_chunk().size(), 2049U);
  EXPECT_EQ(stream.read_chunk(), "o\n");
  EXPECT_EQ(send("[\"x\"]").status, 204);
  EXPECT_EQ(stream.read_chunk(), "a[\"x\"]\n");
  EXPECT_EQ(send("[\"!close\"]").status, 204);
  EXPECT_EQ(stream.read_chunk(), "c[1008,\"kicked\"]\n");
  EXPECT_EQ(stream.read_chunk(), "");
}

TEST_F(SockjsLinkElsewhere, a_poll_that_is_given_up_is_lost_there) {
  poll();
  Client waits(rig.http);
  park(waits);
  waits.close();
  ASSERT_TRUE(rig.http.until([&] { return poll().body == "c[1002,\"Connection interrupted\"]\n"; }));
}

}  // namespace
}  // namespace corohub::gateway::sockjs::test
