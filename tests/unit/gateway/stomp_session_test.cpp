// STOMP clients on real sessions: who they are, what they are answered, how their connections end.
#include "stomp_rig.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

class StompSession : public testing::Test {
 protected:
  StompSession() {
    rig_.store(*ann_);
    rig_.sockets.messages.text_only = false;
  }

  std::unique_ptr<StompClient> client(const Account* account) {
    return std::make_unique<StompClient>(rig_, account, settings_);
  }
  // A client that has had its CONNECTED.
  std::unique_ptr<StompClient> connected(const Account* account,
                                         const std::string& headers = "accept-version:1.2\n") {
    std::unique_ptr<StompClient> made = client(account);
    EXPECT_EQ(made->connect(headers).command, "CONNECTED");
    return made;
  }
  std::string bearer(const Account& account) { return "authorization:Bearer " + rig_.token(account) + "\n"; }

  SessionRig rig_;
  stomp::Settings settings_;
  const AccountRef ann_ = rig_.add_account(7, Role::user);
};

// ---- CONNECT ----

TEST_F(StompSession, speaks_the_best_version_of_the_client) {
  const auto version = [&](const std::string& headers) {
    return client(nullptr)->connect(headers).value("version");
  };
  EXPECT_EQ(version("accept-version:1.0,1.1,1.2\n"), "1.2");
  EXPECT_EQ(version("accept-version:1.0,1.1\n"), "1.1");
  EXPECT_EQ(version("accept-version:1.3,1.0\n"), "1.0");
  EXPECT_EQ(version("accept-version: 1.1 , 1.0\n"), "1.1");
  EXPECT_EQ(version(""), "1.0");
}

TEST_F(StompSession, refuses_versions_that_nobody_knows) {
  const auto made = client(nullptr);
  made->send("CONNECT", "accept-version:2.1.0\n");
  const StompMessage error = made->next("ERROR");
  EXPECT_EQ(error.value("code"), "invalid_request");
  EXPECT_EQ(error.value("version"), "1.0,1.1,1.2");
  EXPECT_EQ(made->close_reason(), "1002 protocol_error");
}

TEST_F(StompSession, takes_the_command_stomp_for_a_connect) {
  const auto made = client(nullptr);
  made->send("STOMP", "accept-version:1.2\nhost:x\n");
  EXPECT_EQ(made->next("CONNECTED").value("version"), "1.2");
}

TEST_F(StompSession, takes_a_token_in_connect) {
  const auto made = client(nullptr);
  EXPECT_EQ(made->connect("accept-version:1.2\n" + bearer(*ann_)).command, "CONNECTED");
  EXPECT_TRUE(made->session().is_identified());
  EXPECT_EQ(made->subscribe("1", "/topic/rooms/one").value("receipt-id"), "sub-1");
}

TEST_F(StompSession, takes_a_passcode_that_is_a_token) {
  const auto made = client(nullptr);
  made->connect("accept-version:1.2\nlogin:ann\npasscode:" + rig_.token(*ann_) + "\n");
  EXPECT_TRUE(made->session().is_identified());
}

TEST_F(StompSession, T3_refuses_a_bad_credential_and_ends) {
  for (const std::string headers : {"Authorization:Bearer nonsense\n", "Authorization:Basic YTpi\n"}) {
    const auto made = client(nullptr);
    made->send("CONNECT", "accept-version:1.2\n" + headers);
    EXPECT_EQ(made->next("ERROR").value("code"), "invalid_token") << headers;
    EXPECT_EQ(made->close_reason(), "1008 session_revoked");
  }
}

TEST_F(StompSession, T4_refuses_a_second_credential) {
  const auto made = client(ann_.get());
  made->send("CONNECT", "accept-version:1.2\n" + bearer(*ann_));
  EXPECT_EQ(made->next("ERROR").value("code"), "invalid_request");
  EXPECT_EQ(made->close_reason(), "1008 session_revoked");
}

TEST_F(StompSession, T14_waits_ten_seconds_for_somebody_to_say_who_it_is) {
  const auto made = connected(nullptr);
  rig_.pass(11s);
  EXPECT_EQ(made->next("ERROR").value("code"), "auth_timeout");
  EXPECT_EQ(made->close_reason(), "1008 auth_timeout");
}

TEST_F(StompSession, T3_lets_nobody_subscribe_or_send_who_is_not_known) {
  for (const std::string command : {"SUBSCRIBE", "SEND"}) {
    const auto made = connected(nullptr);
    made->send(command, "id:1\ndestination:/topic/rooms/one\nreceipt:a\n");
    const StompMessage error = made->next("ERROR");
    EXPECT_EQ(error.value("code"), "unauthorized");
    EXPECT_EQ(error.value("receipt-id"), "a");
    EXPECT_EQ(made->close_reason(), "1008 session_revoked");
  }
}

TEST_F(StompSession, takes_the_same_token_with_each_frame) {
  const auto made = connected(nullptr);
  const std::string credential = bearer(*ann_);
  for (const std::string id : {"1", "2", "3"})
    made->send("SUBSCRIBE",
               "id:" + id + "\ndestination:/topic/rooms/" + id + "\nreceipt:" + id + "\n" + credential);
  for (const std::string id : {"1", "2", "3"}) EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), id);
}

TEST_F(StompSession, T25_renews_its_login_by_a_new_token_of_the_same_login_only) {
  const auto made = connected(ann_.get());
  EXPECT_EQ(made->subscribe("1", "/topic/rooms/one", bearer(*ann_)).command, "RECEIPT");
  const AccountRef bob = rig_.add_account(8, Role::user);
  made->send("SUBSCRIBE", "id:2\ndestination:/topic/rooms/two\n" + bearer(*bob));
  EXPECT_EQ(made->next("ERROR").value("code"), "invalid_token");
  EXPECT_EQ(made->close_reason(), "1008 session_revoked");
}

TEST_F(StompSession, T25_judges_no_credential_of_a_send_once_it_knows_the_client) {
  const auto made = connected(ann_.get());
  const AccountRef bob = rig_.add_account(8, Role::user);
  made->send("SEND", "destination:/topic/rooms/one\nreceipt:r\n" + bearer(*bob), "x");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "r");
  EXPECT_FALSE(made->is_closed());
}

TEST_F(StompSession, T15_needs_one_place_at_its_address_and_not_two) {
  std::vector<hub::Roster::Admission> others;
  const auto one_more = [&] {
    auto place = rig_.hub.roster().admit(0, asio::ip::address_v4::loopback(), false);
    if (place) others.push_back(std::move(*place));
    return place.has_value();
  };
  while (one_more()) {
  }
  others.pop_back();
  const auto made = client(nullptr);
  EXPECT_FALSE(one_more());
  EXPECT_EQ(made->connect("accept-version:1.2\n" + bearer(*ann_)).command, "CONNECTED");
}

TEST_F(StompSession, T14_takes_no_large_message_before_it_knows_the_client) {
  rig_.sockets.messages.bytes = 200'000;
  const auto stranger = connected(nullptr);
  stranger->send(std::string(100'000, '\n'));
  EXPECT_EQ(stranger->close_reason(), "1009 message_too_big");
  const auto known = connected(ann_.get());
  known->send(std::string(100'000, '\n') + stomp("ACK", "id:1\nreceipt:r\n"));
  EXPECT_EQ(known->next("RECEIPT").value("receipt-id"), "r");
}

TEST_F(StompSession, T14_counts_the_frames_of_a_stranger_and_no_heartbeats) {
  const auto made = connected(nullptr);
  for (int i = 0; i < 15; ++i) made->send("\n");
  std::string frames;
  for (int i = 2; i <= 8; ++i) frames += stomp("ACK", "id:1\nreceipt:" + std::to_string(i) + "\n");
  made->send(frames);
  for (int i = 2; i <= 8; ++i) EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), std::to_string(i));
  made->send("ACK", "id:1\n");
  EXPECT_EQ(made->next("ERROR").value("code"), "rate_limited");
  EXPECT_EQ(made->close_reason(), "1008 rate_limited");
}

TEST_F(StompSession, T58_counts_frames_however_many_stand_in_a_message) {
  const auto made = connected(ann_.get());
  std::string frames;
  for (int i = 0; i < 300; ++i) frames += stomp("ACK", "id:1\nreceipt:r\n");
  made->send(frames);
  rig_.settle();
  const auto receipts = [&] {
    return std::ranges::count(made->all(), std::string("RECEIPT"), &StompMessage::command);
  };
  EXPECT_GT(receipts(), 190);
  EXPECT_LT(receipts(), 210);
  rig_.pass(3s);
  EXPECT_EQ(receipts(), 300);
  EXPECT_FALSE(made->is_closed());
}

TEST_F(StompSession, T58_closes_who_sends_faster_than_it_may_and_never_catches_up) {
  const auto made = connected(ann_.get());
  std::string frames;
  for (int i = 0; i < 2000; ++i) frames += stomp("ACK", "id:1\n");
  made->send(frames);
  rig_.settle();
  rig_.pass(4s);
  EXPECT_FALSE(made->is_closed()) << "it has five seconds";
  rig_.pass(3s);
  EXPECT_EQ(made->next("ERROR").value("code"), "rate_limited");
  EXPECT_TRUE(made->is_closed());
}

TEST_F(StompSession, welcomes_nobody_twice_who_was_held_back) {
  const auto made = connected(ann_.get());
  std::string frames;
  for (int i = 0; i < 199; ++i) frames += stomp("ACK", "id:1\n");
  made->send(frames + stomp("CONNECT", "accept-version:1.2\nhost:x\n") +
             stomp("CONNECT", "accept-version:1.2\nhost:x\n"));
  rig_.settle();
  rig_.pass(2s);
  EXPECT_EQ(std::ranges::count(made->all(), std::string("CONNECTED"), &StompMessage::command), 1);
  EXPECT_TRUE(made->is_closed());
}

TEST_F(StompSession, T58_counts_heartbeats_as_pings) {
  rig_.sockets.rates.messages = {1, 1s, 3};
  const auto made = connected(ann_.get());
  for (int i = 0; i < 10; ++i) made->send("\n");
  made->send("ACK", "id:1\nreceipt:r\n");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "r");
}

TEST_F(StompSession, T59_waits_by_the_same_count_as_the_session) {
  const auto made = connected(ann_.get());
  while (made->session().topics().may_change()) {
  }
  made->send("SUBSCRIBE", "id:1\ndestination:/topic/rooms/one\nreceipt:r\n");
  rig_.settle();
  EXPECT_FALSE(made->is_closed());
  rig_.pass(1s);
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "r");
}

TEST_F(StompSession, T59_is_not_read_from_while_it_is_held_back_behind_its_connect) {
  const auto made = client(nullptr);
  std::string frames = stomp("CONNECT", "accept-version:1.2\n" + bearer(*ann_));
  for (int i = 0; i < 60; ++i)
    frames += stomp("SUBSCRIBE", "id:" + std::to_string(i) + "\ndestination:/topic/rooms/one\n");
  made->send(frames);
  EXPECT_EQ(made->next("CONNECTED").command, "CONNECTED");
  rig_.settle();
  const double heard = rig_.settings.metrics.messages.Value();
  made->send("ACK", "id:1\nreceipt:r\n");
  rig_.settle();
  EXPECT_EQ(rig_.settings.metrics.messages.Value(), heard);
  rig_.pass(1s);
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "r");
}

// Judges nothing before it is told to.
class SlowLogins final : public auth::PasswordLogin {
 public:
  SlowLogins(asio::io_context& context, auth::Principal principal)
      : principal_(std::move(principal)), gate_(context, std::chrono::steady_clock::time_point::max()) {}

  Task<Result<auth::Principal>> log_in(std::string, Secret, Caller) override {
    is_asked = true;
    boost::system::error_code cancelled;
    co_await gate_.async_wait(asio::redirect_error(use_task, cancelled));
    co_return principal_;
  }
  void log_out(const auth::Principal&) noexcept override { ++ended; }
  void go_on() { gate_.cancel(); }

  bool is_asked = false;
  int ended = 0;

 private:
  auth::Principal principal_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      gate_;
};

TEST_F(StompSession, T30_ends_a_login_by_password_whose_connection_is_gone) {
  SlowLogins logins(rig_.context, rig_.principal(rig_.token(*ann_)));
  rig_.desk.passwords = &logins;
  const auto made = client(nullptr);
  made->send("CONNECT", "accept-version:1.2\nlogin:a@b.de\npasscode:secret123\n");
  ASSERT_TRUE(rig_.until([&] { return logins.is_asked; }));
  made->session().close(CloseReason::kicked);
  made->socket().shut_down_sending();
  ASSERT_TRUE(rig_.until([&] { return made->session().transport() == nullptr; }));
  logins.go_on();
  rig_.settle();
  EXPECT_EQ(logins.ended, 1);
}

// ---- bad input ----

struct Bad {
  std::string frame;
  std::string code;
  std::string close = "1002 protocol_error";
};

TEST_F(StompSession, answers_bad_input_with_an_error_and_ends) {
  const std::vector<Bad> table = {
      {stomp("NONSENSE"), "invalid_message"},
      {stomp("CONNECT", "accept-version:1.2\n"), "invalid_message"},
      {stomp("SUBSCRIBE", "destination:/topic/rooms/one\n"), "invalid_message"},
      {stomp("SUBSCRIBE", "id:1\n"), "invalid_message"},
      {stomp("SUBSCRIBE", "id:1\ndestination:/topic/rooms/one\nselector:a = 1\n"), "invalid_message"},
      {stomp("SUBSCRIBE", "id:1\ndestination:/topic/rooms/one\nack:sometimes\n"), "invalid_message"},
      {stomp("SUBSCRIBE", "id:1\ndestination:/topic/rooms/one\n", "a body"), "invalid_message"},
      {stomp("SUBSCRIBE", "id:1\ndestination:/topic/rooms/one\nsince:x\n"), "invalid_since"},
      {stomp("SUBSCRIBE", "id:1\ndestination:/topic/rooms/one\ntypes:,\n"), "invalid_request"},
      {stomp("SUBSCRIBE", "id:1\ndestination:/queue/a\n"), "invalid_topic"},
      {stomp("SUBSCRIBE", "id:1\ndestination:/topic/nothing/of/this\n"), "forbidden"},
      {stomp("SUBSCRIBE", "id:1\ndestination:/topic/admin/x\n"), "forbidden"},
      {stomp("UNSUBSCRIBE", "id:unknown\n"), "not_subscribed"},
      {stomp("UNSUBSCRIBE"), "invalid_message"},
      {stomp("SEND", "", "x"), "invalid_message"},
      {stomp("SEND", "destination:/nowhere\n", "x"), "invalid_topic"},
      {stomp("SEND", "destination:/topic/system\n", "x"), "forbidden"},
      {stomp("SEND", "destination:/topic/public/news\n", "x"), "forbidden"},
      {stomp("SEND", "destination:/topic/rooms/one\ntype:user.created\n", "x"), "reserved_type"},
      {stomp("SEND", "destination:/topic/rooms/one\ncontent-type:application/json\n", "{"), "invalid_json"},
      {stomp("SEND", "destination:/topic/rooms/one\ncontent-length:many\n", "x"), "invalid_message"},
      {stomp("SEND", "destination:/topic/rooms/one\ncontent-length:3\n", "xxxx"), "invalid_message"},
      {stomp("SEND", "destination:/topic/rooms/one\ntransaction:t\n", "x"), "invalid_message"},
      {stomp("SEND", "destination:/app/nothing\n"), "unknown_type"},
      {stomp("SEND", "no colon\n"), "invalid_message"},
      {stomp("SEND", "a:\\t\n"), "invalid_message"},
      {stomp("COMMIT", "transaction:t\n"), "invalid_message"},
      {stomp("ABORT", "transaction:t\n"), "invalid_message"},
      {stomp("BEGIN"), "invalid_message"},
      {stomp("BEGIN", "transaction:t\n") + stomp("BEGIN", "transaction:t\n"), "invalid_message"},
      {stomp("ACK"), "invalid_message"},
      {"SEND\ncontent-length:70000\n\n", "payload_too_large", "1009 message_too_big"},
      {"SEND\na:" + std::string(9000, 'x') + "\n", "payload_too_large", "1009 message_too_big"},
  };
  for (const Bad& bad : table) {
    const auto made = connected(ann_.get());
    made->send(bad.frame);
    const StompMessage error = made->next("ERROR");
    EXPECT_EQ(error.value("code"), bad.code) << bad.frame;
    EXPECT_NE(error.value("message"), "") << bad.frame;
    EXPECT_EQ(made->close_reason(), bad.close) << bad.frame;
  }
}

TEST_F(StompSession, wants_connect_first) {
  const auto made = client(ann_.get());
  made->send("SEND", "destination:/topic/rooms/one\nreceipt:r\n", "x");
  const StompMessage error = made->next("ERROR");
  EXPECT_EQ(error.value("code"), "invalid_message");
  EXPECT_EQ(error.value("receipt-id"), "r");
  EXPECT_EQ(made->close_reason(), "1002 protocol_error");
}

TEST_F(StompSession, accepts_acknowledgements_of_anything) {
  const auto made = connected(ann_.get());
  made->send("ACK", "id:unknown\nreceipt:a\n");
  made->send("NACK", "id:unknown\nreceipt:n\n");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "a");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "n");
  const auto older = connected(ann_.get(), "accept-version:1.1\n");
  older->send("ACK", "subscription:1\nmessage-id:e:7\nreceipt:a\n");
  EXPECT_EQ(older->next("RECEIPT").value("receipt-id"), "a");
}

TEST_F(StompSession, T56_waits_ten_seconds_for_the_rest_of_a_frame) {
  const auto made = connected(ann_.get());
  made->send("SEND\ndestination:/topic/rooms/one\n");
  rig_.settle();
  rig_.pass(9s);
  EXPECT_FALSE(made->is_closed());
  rig_.pass(2s);
  EXPECT_EQ(made->next("ERROR").value("code"), "message_timeout");
  EXPECT_EQ(made->close_reason(), "1008 message_timeout");
}

TEST_F(StompSession, reads_a_frame_that_comes_in_pieces) {
  const auto made = connected(ann_.get());
  for (const char c : stomp("SUBSCRIBE", "id:1\ndestination:/topic/rooms/one\nreceipt:r\n"))
    made->send(std::string(1, c));
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "r");
}

// ---- heart-beats ----

TEST_F(StompSession, T64_ends_with_a_client_that_is_silent_for_twice_its_promise) {
  const auto made = connected(ann_.get(), "accept-version:1.2\nheart-beat:2000,0\n");
  rig_.pass(3s);
  made->send("\n");
  rig_.settle();
  rig_.pass(3900ms);
  EXPECT_FALSE(made->is_closed());
  rig_.pass(300ms);
  EXPECT_EQ(made->close_reason(), "1001 pong_timeout");
}

TEST_F(StompSession, T64_blames_no_client_for_silence_while_it_is_not_read_from) {
  const auto made = connected(ann_.get(), "accept-version:1.2\nheart-beat:1000,0\n");
  made->session().on_throttled();
  rig_.pass(6s);
  EXPECT_FALSE(made->is_closed());
  rig_.pass(2s);
  EXPECT_EQ(made->close_reason(), "1001 pong_timeout");
}

TEST_F(StompSession, T64_hears_a_client_whose_message_is_under_way) {
  const auto made = connected(ann_.get(), "accept-version:1.2\nheart-beat:1000,0\n");
  made->socket().send(encode({.payload = std::string(100, '\n')}).substr(0, 50));
  rig_.settle();
  rig_.pass(8s);
  EXPECT_FALSE(made->is_closed());
  rig_.pass(3s);
  EXPECT_EQ(made->close_reason(), "1008 message_timeout");
}

TEST_F(StompSession, T64_says_that_it_is_there_as_often_as_the_client_wants) {
  const auto made = client(ann_.get());
  EXPECT_EQ(made->connect("accept-version:1.2\nheart-beat:0,2000\n").value("heart-beat"), "1000,1000");
  rig_.pass(9s);
  EXPECT_GE(made->heartbeats(), 4U);
  EXPECT_LE(made->heartbeats(), 5U);
}

TEST_F(StompSession, never_waits_for_a_client_that_promised_nothing) {
  const auto made = connected(ann_.get(), "accept-version:1.2\nheart-beat:0,0\n");
  rig_.pass(30s);
  EXPECT_FALSE(made->is_closed());
  EXPECT_EQ(made->heartbeats(), 0U);
}

// ---- the end ----

TEST_F(StompSession, gives_the_receipt_of_disconnect_when_all_is_done) {
  const auto made = connected(ann_.get());
  made->send(stomp("SEND", "destination:/topic/rooms/one\nreceipt:a\n", "x") +
             stomp("DISCONNECT", "receipt:b\n"));
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "a");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "b");
  EXPECT_EQ(made->close_reason(), "1000 normal");
}

TEST_F(StompSession, says_why_the_server_ends_it) {
  const auto made = connected(ann_.get());
  made->session().close(CloseReason::kicked);
  EXPECT_EQ(made->next("ERROR").value("code"), "kicked");
  EXPECT_EQ(made->close_reason(), "1008 kicked");
}

// ---- /app ----

TEST_F(StompSession, answers_tasks_where_the_client_listens) {
  const auto made = connected(ann_.get());
  EXPECT_EQ(made->subscribe("q", "/user/queue/subscription").command, "RECEIPT");
  made->send("SEND", "destination:/app/ping\ncorrelation-id:7\nreceipt:p\n");
  const StompMessage answer = made->next("MESSAGE");
  EXPECT_EQ(answer.body, R"({"seq":0})");
  EXPECT_EQ(answer.value("correlation-id"), "7");
  EXPECT_EQ(answer.value("subscription"), "q");
  EXPECT_EQ(answer.value("destination"), "/user/queue/subscription");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "p");
  for (const std::string task : {"presence", "history"}) {
    made->send("SEND", "destination:/app/" + task + "\n", R"({"topic":"rooms/one"})");
    EXPECT_THAT(made->next("MESSAGE").body, HasSubstr("{")) << task;
  }
}

TEST_F(StompSession, lives_on_when_a_task_is_refused_where_it_listens) {
  const auto made = connected(ann_.get());
  made->subscribe("q", "/user/queue/subscription");
  made->send("SEND", "destination:/app/presence\ncorrelation-id:8\nreceipt:r\n", R"({"topic":"admin/x"})");
  const StompMessage error = made->next("MESSAGE");
  EXPECT_EQ(error.value("code"), "forbidden");
  EXPECT_EQ(error.value("correlation-id"), "8");
  EXPECT_THAT(error.body, HasSubstr(R"("type":"error")"));
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "r");
  EXPECT_FALSE(made->is_closed());
}

TEST_F(StompSession, answers_each_subscription_to_its_own_queue) {
  const auto made = connected(ann_.get());
  made->subscribe("q", "/user/queue/subscription");
  made->subscribe("r", "/user/queue/subscription");
  made->send("SEND", "destination:/app/ping\n");
  EXPECT_EQ(made->next("MESSAGE").value("subscription"), "q");
  EXPECT_EQ(made->next("MESSAGE").value("subscription"), "r");
}

TEST_F(StompSession, lives_on_when_it_may_not_hear_flags_and_listens_for_that) {
  const auto made = connected(ann_.get());
  made->subscribe("q", "/user/queue/subscription");
  made->send("SUBSCRIBE", "id:f\ndestination:/topic/flags/bep\n");
  EXPECT_EQ(made->next("MESSAGE").value("code"), "forbidden");
  made->send("UNSUBSCRIBE", "id:f\nreceipt:u\n");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "u");
  const auto deaf = connected(ann_.get());
  deaf->send("SUBSCRIBE", "id:f\ndestination:/topic/flags/bep\n");
  EXPECT_EQ(deaf->next("ERROR").value("code"), "forbidden");
}

TEST_F(StompSession, tells_whoever_listens_later_that_the_token_ends_soon) {
  const auto made = connected(ann_.get());
  while (!made->session().expires_soon()) rig_.clock.advance(10s), rig_.shard.tick();
  EXPECT_FALSE(made->is_closed());
  made->subscribe("q", "/user/queue/subscription");
  EXPECT_EQ(made->next("MESSAGE").value("corohub-status"), "expiring");
}

}  // namespace
}  // namespace corohub::gateway::test
