// What STOMP clients hear: topics, own events, transactions, what they missed.
#include "stomp_rig.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::test {
namespace {

using namespace std::chrono_literals;

class StompDelivery : public testing::Test {
 protected:
  StompDelivery() {
    rig_.shard.begin_after({.epoch = "epoch-1", .head = 0, .recent_after = 0, .recent = {}});
    rig_.store(*ann_);
    rig_.sockets.messages.text_only = false;
  }

  std::unique_ptr<StompClient> connected(const Account& account, const std::string& version = "1.2") {
    auto made = std::make_unique<StompClient>(rig_, &account, settings_);
    EXPECT_EQ(made->connect("accept-version:" + version + "\n").value("version"), version);
    return made;
  }
  // Committed when this returns.
  void say(StompClient& client, const std::string& body, const std::string& headers = {}) {
    client.send("SEND", "destination:/topic/rooms/one\nreceipt:say\n" + headers, body);
    EXPECT_EQ(client.next("RECEIPT").value("receipt-id"), "say");
  }
  void publish(hub::EventDraft draft, Seq seq = 0) {
    rig_.publish({hub::EventRef(new hub::Event(std::move(draft), seq, 0))});
  }

  SessionRig rig_;
  stomp::Settings settings_;
  const AccountRef ann_ = rig_.add_account(7, Role::user);
};

TEST_F(StompDelivery, brings_what_others_send) {
  const auto one = connected(*ann_);
  const auto other = connected(*ann_);
  one->subscribe("s-1", "/topic/rooms/one");
  say(*other, R"({"text":"hi"})", "type:note\nx-mine:1\ncontent-type:application/json\n");
  const StompMessage message = one->next("MESSAGE");
  EXPECT_EQ(message.body, R"({"text":"hi"})");
  EXPECT_EQ(message.value("subscription"), "s-1");
  EXPECT_EQ(message.value("destination"), "/topic/rooms/one");
  EXPECT_EQ(message.value("message-id"), "epoch-1\\c1");
  EXPECT_EQ(message.value("content-type"), "application/json");
  EXPECT_EQ(message.value("corohub-type"), "note");
  EXPECT_EQ(message.value("x-mine"), "1");
  EXPECT_EQ(message.value("ack"), "");
}

TEST_F(StompDelivery, brings_one_copy_for_each_subscription) {
  const auto made = connected(*ann_);
  made->subscribe("a", "/topic/rooms/one");
  made->subscribe("b", "/topic/rooms/one", "ack:client-individual\n");
  say(*made, "1");
  const StompMessage first = made->next("MESSAGE");
  const StompMessage second = made->next("MESSAGE");
  EXPECT_EQ(first.value("subscription") + second.value("subscription"), "ab");
  EXPECT_EQ(first.value("message-id"), second.value("message-id"));
  EXPECT_EQ(first.value("ack"), "");
  EXPECT_NE(second.value("ack"), "");
  made->send("UNSUBSCRIBE", "id:a\nreceipt:u\n");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "u");
  say(*made, "2");
  EXPECT_EQ(made->next("MESSAGE").value("subscription"), "b");
  rig_.settle();
  EXPECT_EQ(std::ranges::count(made->all(), std::string("MESSAGE"), &StompMessage::command), 3);
}

TEST_F(StompDelivery, speaks_to_each_client_in_its_version) {
  std::vector<std::unique_ptr<StompClient>> clients;
  for (const std::string version : {"1.0", "1.1", "1.2"}) {
    clients.push_back(connected(*ann_, version));
    clients.back()->subscribe("s", "/topic/rooms/one");
  }
  say(*clients.back(), "x", "a:b\\cc\n");
  EXPECT_EQ(clients[0]->next("MESSAGE").value("a"), "b:c");
  EXPECT_EQ(clients[1]->next("MESSAGE").value("a"), "b\\cc");
  EXPECT_EQ(clients[2]->next("MESSAGE").value("a"), "b\\cc");
}

TEST_F(StompDelivery, lets_clients_of_1_0_subscribe_without_an_id) {
  const auto made = connected(*ann_, "1.0");
  made->send("SUBSCRIBE", "destination:/topic/rooms/one\nreceipt:s\n");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "s");
  say(*made, "x");
  EXPECT_FALSE(made->next("MESSAGE").headers.contains("subscription"));
  made->send("UNSUBSCRIBE", "destination:/topic/rooms/one\nreceipt:u\n");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "u");
}

TEST_F(StompDelivery, brings_other_bytes_in_a_binary_message) {
  const auto made = connected(*ann_);
  made->subscribe("s", "/topic/rooms/one");
  made->send("SEND", "destination:/topic/rooms/one\ncontent-type:image/png\ncontent-length:3\n",
             std::string("a\0b", 3));
  const StompMessage message = made->next("MESSAGE");
  EXPECT_EQ(message.body, std::string("a\0b", 3));
  EXPECT_TRUE(message.is_binary);
  EXPECT_EQ(message.value("content-type"), "image/png");
  EXPECT_EQ(message.value("subscription"), "s");
}

TEST_F(StompDelivery, sends_whole_messages_to_clients_that_want_them) {
  settings_.fragments = false;
  const auto made = connected(*ann_);
  made->subscribe("s", "/topic/rooms/one");
  say(*made, "x");
  EXPECT_EQ(made->next("MESSAGE").body, "x");
  for (const ServerFrame& frame : made->socket().frames) EXPECT_TRUE(frame.last);
}

TEST_F(StompDelivery, tells_the_types_a_subscription_asks_for) {
  const auto made = connected(*ann_);
  made->subscribe("s", "/topic/rooms/one", "types:note\n");
  say(*made, "1");
  say(*made, "2", "type:note\n");
  EXPECT_EQ(made->next("MESSAGE").body, "2");
}

TEST_F(StompDelivery, takes_back_a_subscription_that_has_not_begun) {
  const auto made = connected(*ann_);
  made->send(stomp("SUBSCRIBE", "id:s\ndestination:/topic/rooms/one\nsince:0\nreceipt:a\n") +
             stomp("UNSUBSCRIBE", "id:s\nreceipt:b\n"));
  EXPECT_NE(made->next("RECEIPT").command, "");
  EXPECT_NE(made->next("RECEIPT").command, "");
  EXPECT_FALSE(made->is_closed());
}

TEST_F(StompDelivery, T59_follows_a_hundred_subscriptions_asked_for_at_once) {
  const auto made = connected(*ann_);
  std::string frames;
  for (int i = 0; i < 100; ++i)
    frames += stomp("SUBSCRIBE", "id:" + std::to_string(i) + "\ndestination:/topic/rooms/" +
                                     std::to_string(i) + "\nreceipt:" + std::to_string(i) + "\n");
  made->send(frames);
  rig_.settle();
  rig_.pass(4s);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), std::to_string(i));
}

TEST_F(StompDelivery, knows_who_it_is_by_the_token_of_a_subscribe) {
  const auto made = std::make_unique<StompClient>(rig_, nullptr, settings_);
  made->connect();
  made->send(stomp("SUBSCRIBE", "id:1\ndestination:/topic/rooms/one\nreceipt:a\nauthorization:Bearer " +
                                    rig_.token(*ann_) + "\n") +
             stomp("SEND", "destination:/topic/rooms/one\nreceipt:b\n", "hi"));
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "a");
  EXPECT_EQ(made->next("MESSAGE").body, "hi");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "b");
}

TEST_F(StompDelivery, types_in_a_topic_until_its_last_subscription_ends) {
  const AccountRef bob = rig_.add_account(8, Role::user);
  const auto listener = connected(*bob);
  listener->subscribe("s", "/topic/rooms/one", "types:typing\n");
  const auto made = connected(*ann_);
  for (const std::string id : {"a", "b"}) made->subscribe(id, "/topic/rooms/one");
  made->send("SEND", "destination:/app/typing\nreceipt:t\n", R"({"topic":"rooms/one","typing":true})");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "t");
  EXPECT_THAT(listener->next("MESSAGE").body, testing::HasSubstr(R"("typing":true)"));
  made->send("UNSUBSCRIBE", "id:a\n");
  rig_.settle();
  EXPECT_EQ(std::ranges::count(listener->all(), std::string("MESSAGE"), &StompMessage::command), 1);
  made->send("UNSUBSCRIBE", "id:b\n");
  EXPECT_THAT(listener->next("MESSAGE").body, testing::HasSubstr(R"("typing":false)"));
}

TEST_F(StompDelivery, brings_proxy_config_events_to_admins_without_a_content_type) {
  const AccountRef boss = rig_.add_account(9, Role::admin);
  rig_.store(*boss);
  const auto made = connected(*boss);
  made->subscribe("s", "/topic/proxy_config_events");
  const std::string order =
      R"({"payload":{"type":"CACHE_CLEAR_INVALID","tenantId":"t","appId":"a","key":null,"serviceName":null},)"
      R"("timestamp":"2024-01-15T10:30:00Z","source":"config-manager"})";
  const std::string send = "destination:/topic/proxy_config_events\n";
  made->send("SEND", send + "content-type:application/json\n", order);
  const StompMessage message = made->next("MESSAGE");
  EXPECT_EQ(message.body, order);
  EXPECT_FALSE(message.headers.contains("content-type"));
  made->send("SEND", send + "content-type:text/plain\n", order);
  EXPECT_EQ(made->next("MESSAGE").body, order) << "also as the text that it is";
  made->send("SEND", send, R"({"payload":{"type":"CACHE_CLEAR_INVALID","tenantId":"t"}})");
  EXPECT_EQ(made->next("ERROR").value("code"), "validation_failed");
  const auto user = connected(*ann_);
  user->send("SUBSCRIBE", "id:s\ndestination:/topic/proxy_config_events\n");
  EXPECT_EQ(user->next("ERROR").value("code"), "forbidden");
}

// ---- transactions ----

TEST_F(StompDelivery, publishes_a_transaction_when_it_is_committed) {
  const auto made = connected(*ann_);
  made->subscribe("s", "/topic/rooms/one");
  made->send("BEGIN", "transaction:t\nreceipt:b\n");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "b");
  say(*made, "1", "transaction:t\n");
  say(*made, "2", "transaction:t\n");
  say(*made, "outside");
  EXPECT_EQ(made->next("MESSAGE").body, "outside");
  made->send("COMMIT", "transaction:t\nreceipt:c\n");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "c");
  EXPECT_EQ(made->next("MESSAGE").body, "1");
  EXPECT_EQ(made->next("MESSAGE").body, "2");
}

TEST_F(StompDelivery, publishes_nothing_of_a_transaction_that_is_aborted_or_refused) {
  const auto listener = connected(*ann_);
  listener->subscribe("s", "/topic/rooms/one");
  const auto made = connected(*ann_);
  made->send("BEGIN", "transaction:t\n");
  say(*made, "1", "transaction:t\n");
  made->send("ABORT", "transaction:t\nreceipt:a\n");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "a");
  made->send("BEGIN", "transaction:t\n");
  say(*made, "2", "transaction:t\n");
  made->send("SEND", "destination:/topic/public/news\ntransaction:t\n", "3");
  made->send("COMMIT", "transaction:t\nreceipt:c\n");
  const StompMessage error = made->next("ERROR");
  EXPECT_EQ(error.value("code"), "forbidden");
  EXPECT_EQ(error.value("receipt-id"), "c");
  say(*listener, "last");
  EXPECT_EQ(listener->next("MESSAGE").body, "last");
}

// ---- what was missed ----

TEST_F(StompDelivery, resumes_from_a_message_id) {
  const auto made = connected(*ann_);
  for (const char* text : {"1", "2", "3"}) say(*made, text);
  const StompMessage receipt = made->subscribe("s", "/topic/rooms/one", "since:epoch-1\\c1\n");
  EXPECT_EQ(receipt.value("corohub-recovered"), "true");
  EXPECT_EQ(receipt.value("corohub-seq"), "1");
  EXPECT_EQ(made->next("MESSAGE").body, "2");
  EXPECT_EQ(made->next("MESSAGE").body, "3");
  say(*made, "4");
  EXPECT_EQ(made->next("MESSAGE").body, "4");
  EXPECT_FALSE(made->subscribe("t", "/topic/rooms/one").headers.contains("corohub-recovered"));
}

// Takes all there is, so that no replay reads a page.
class Hog final : public hub::ReadPermits::Waiter {
 public:
  void permitted(hub::ReadPermits::Permit permit) noexcept override { permit_ = std::move(permit); }

 private:
  hub::ReadPermits::Permit permit_;
};

TEST_F(StompDelivery, begins_at_the_present_while_another_subscription_catches_up) {
  rig_.shard.set_head(3);
  std::array<Hog, hub::Shard::pages_at_once> hogs;
  for (Hog& hog : hogs) rig_.shard.permits().ask(hog);
  const auto made = connected(*ann_);
  made->subscribe("a", "/topic/rooms/one", "since:0\n");
  ASSERT_TRUE(made->session().catches_up());
  EXPECT_EQ(made->subscribe("b", "/topic/rooms/one").value("receipt-id"), "sub-b");
  EXPECT_EQ(made->subscribe("m", "/user/queue/messages").value("receipt-id"), "sub-m");
  EXPECT_EQ(made->session().subscription("rooms/one", 1)->floor, 0);
  EXPECT_EQ(made->session().subscription("rooms/one", 2)->floor, 3);
  EXPECT_EQ(made->session().feed(3)->floor, 3);
}

TEST_F(StompDelivery, tells_what_the_log_does_not_have) {
  const auto made = connected(*ann_);
  say(*made, "1");
  const StompMessage receipt = made->subscribe("s", "/topic/rooms/one", "since:other\\c7\n");
  EXPECT_EQ(receipt.value("corohub-recovered"), "false");
  const StompMessage gap = made->next("MESSAGE");
  EXPECT_EQ(gap.body, "");
  EXPECT_EQ(gap.value("subscription"), "s");
  EXPECT_EQ(gap.value("corohub-gap"), "7-1 foreign_epoch");
  EXPECT_EQ(gap.value("message-id"), "epoch-1\\c1");
}

// ---- rights, and what is the user's own ----

TEST_F(StompDelivery, tells_that_a_right_has_ended) {
  const AccountRef boss = rig_.add_account(9, Role::admin);
  rig_.store(*boss);
  const auto made = connected(*boss);
  made->subscribe("q", "/user/queue/subscription");
  made->subscribe("s", "/topic/admin/news");
  EXPECT_EQ(made->next("MESSAGE").value("corohub-status"), "subscribed");
  auto demoted = std::make_shared<Account>(*boss);
  demoted->role = Role::user;
  rig_.accounts[9] = demoted;
  rig_.cache.apply(9, demoted);
  rig_.publish({hub::AccountChanged{9, demoted}});
  const StompMessage revoked = made->next("MESSAGE");
  EXPECT_EQ(revoked.value("corohub-status"), "revoked");
  EXPECT_EQ(revoked.value("corohub-subscription"), "s");
  made->send("UNSUBSCRIBE", "id:s\nreceipt:u\n");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "u");
}

TEST_F(StompDelivery, brings_own_events_only_where_they_are_asked_for) {
  const auto made = connected(*ann_);
  publish({"user.updated", "{}", hub::Audience::user(7)}, 1);
  made->subscribe("m", "/user/queue/messages");
  made->subscribe("s", "/topic/system");
  publish({"user.updated", R"({"n":1})", hub::Audience::user(7)}, 2);
  publish({.type = "system.alert",
           .data = R"({"message":"for all"})",
           .audience = hub::Audience::everyone(),
           .also = "system"},
          3);
  publish({"system.alert", R"({"message":"for one"})", hub::Audience::user(7)}, 4);
  StompMessage message = made->next("MESSAGE");
  EXPECT_EQ(message.value("subscription"), "m");
  EXPECT_EQ(message.body, R"({"n":1})");
  message = made->next("MESSAGE");
  EXPECT_EQ(message.value("subscription"), "s");
  EXPECT_EQ(message.body, R"({"type":"connection_status","message":"for all","timestamp":0})");
  message = made->next("MESSAGE");
  EXPECT_EQ(message.value("subscription"), "m");
  EXPECT_EQ(message.body, R"({"message":"for one"})");
  made->send("UNSUBSCRIBE", "id:m\nreceipt:u\n");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "u");
  publish({"user.updated", "{}", hub::Audience::user(7)}, 5);
  EXPECT_EQ(std::ranges::count(made->all(), std::string("MESSAGE"), &StompMessage::command), 3);
}

}  // namespace
}  // namespace corohub::gateway::test
