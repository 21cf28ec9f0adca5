// Feature flags as STOMP clients hear of them, known ones and guests.
#include "gateway/stomp/flags.hpp"
#include "gateway/stomp/subscriptions.hpp"
#include "stomp_rig.hpp"
#include "support/flags.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace corohub::gateway::test {
namespace {

using corohub::test::flag_event;
using corohub::test::FlagSketch;
using corohub::test::make_namespace;
using flags::NamespaceAccess;
using testing::HasSubstr;

class StompFlags : public testing::Test {
 protected:
  StompFlags() {
    rig_.flags.begin_with({make_namespace("bep", NamespaceAccess::users, {}, {"default", "staging"}),
                           make_namespace("open", NamespaceAccess::everybody)});
  }

  std::unique_ptr<StompClient> connected(const Account* account) {
    auto made = std::make_unique<StompClient>(rig_, account, settings_);
    EXPECT_EQ(made->connect().command, "CONNECTED");
    return made;
  }
  void publish(hub::EventDraft draft) {
    rig_.publish({hub::EventRef(new hub::Event(std::move(draft), ++seq_, 1'640'995'200'000))});
  }
  // That nobody has asked for.
  static std::ptrdiff_t messages_left(StompClient& client) { return client.left("MESSAGE"); }
  static std::string status(const std::string& message, const std::string& type = "connection_status") {
    return R"({"type":")" + type + R"(","message":")" + message + R"(","timestamp":1767695401123})";
  }
  static std::string task(const std::string& name) { return "destination:/app/" + name + "\nreceipt:t\n"; }

  SessionRig rig_;
  stomp::Settings settings_;
  AccountRef ann_ = rig_.add_account(1, Role::user);
  Seq seq_ = 0;
};

TEST_F(StompFlags, each_subscription_has_the_body_that_browsers_know) {
  const auto made = connected(ann_.get());
  made->subscribe("a", "/topic/flags");
  made->subscribe("b", "/topic/flags/bep");
  made->subscribe("c", "/topic/flags/bep/staging");
  publish(flag_event("bep", {12, "new-feature"}));
  const StompMessage first = made->next("MESSAGE");
  const StompMessage second = made->next("MESSAGE");
  EXPECT_EQ(first.body,
            R"({"type":"flag_update","namespace":"bep","flagKey":"new-feature","action":"enabled",)"
            R"("enabled":true,"timestamp":1640995200000})");
  EXPECT_EQ(second.body, first.body);
  EXPECT_EQ(first.value("subscription") + second.value("subscription"), "ba");
  EXPECT_EQ(first.value("corohub-seq"), "1");
  EXPECT_EQ(first.value("corohub-type"), "flag.updated");
  EXPECT_EQ(first.headers.count("content-type"), 0U);
  publish(flag_event("bep", {12, "new-feature"}, "deleted", "staging"));
  const StompMessage staging = made->next("MESSAGE");
  EXPECT_EQ(staging.value("subscription"), "c");
  EXPECT_THAT(staging.body,
              HasSubstr(R"("namespace":"bep","flagKey":"new-feature","action":"deleted","enabled":false)"));
}

TEST(StompFlagTexts, say_when_it_occurred_if_that_was_before) {
  const auto text = [](const std::string& member) {
    const hub::Event event({.type = "flag.updated",
                            .data = R"({"enabled":null)" + member + "}",
                            .audience = {},
                            .topic = "flags/bep"},
                           1, 7);
    return stomp::flag_update_text(event).value();
  };
  EXPECT_THAT(text(""), HasSubstr(R"("enabled":null,"timestamp":7})"));
  EXPECT_THAT(text(R"(,"occurred_at":"2021-12-31T23:59:59.500Z")"),
              HasSubstr(R"("timestamp":1640995199500})"));
  EXPECT_THAT(text(R"(,"occurred_at":"some day")"), HasSubstr(R"("timestamp":7})"));
  const hub::Event other({.type = "flag.updated", .data = "{}", .audience = {}, .topic = "rooms/one"}, 1, 7);
  EXPECT_EQ(stomp::flag_update_text(other), std::nullopt);
}

TEST_F(StompFlags, many_hear_of_one_text) {
  const auto one = connected(ann_.get());
  const auto two = connected(ann_.get());
  for (const auto& client : {one.get(), two.get()}) client->subscribe("a", "/topic/flags/bep");
  const std::uint64_t before = hub::frames_built();
  publish(flag_event("bep"));
  EXPECT_EQ(hub::frames_built() - before, 1U);
}

TEST_F(StompFlags, answers_in_the_words_that_browsers_know) {
  const auto made = connected(ann_.get());
  made->subscribe("q", "/user/queue/subscription");
  const auto answer_to = [&](const std::string& destination) {
    made->send("SUBSCRIBE", "id:" + destination + "\ndestination:" + destination + "\n");
    return made->next("MESSAGE").body;
  };
  EXPECT_EQ(answer_to("/topic/flags"), status("Successfully subscribed to flag updates"));
  EXPECT_EQ(answer_to("/topic/flags/bep"),
            status("Successfully subscribed to flag updates for namespace: bep"));
  EXPECT_EQ(answer_to("/topic/flags/bep/staging"),
            status("Successfully subscribed to flag updates for namespace: bep/staging"));
  for (const char* destination :
       {"/topic/flags/none", "/topic/flags/", "/topic/flags/no such", "/topic/flags/bep/",
        "/topic/flags/bep/none", "/topic/flags/bep/default", "/topic/flags/bep/staging/x"})
    EXPECT_EQ(answer_to(destination), status("Failed to subscribe: Invalid namespace", "error"))
        << destination;
  EXPECT_FALSE(made->is_closed());
}

TEST_F(StompFlags, tasks_say_what_may_be_followed_and_change_nothing) {
  struct Row {
    const char* task;
    const char* body;
    const char* message;
  };
  constexpr std::array rows = {
      Row{"subscribe", "", "Successfully subscribed to flag updates"},
      Row{"subscribe", R"({"namespace":null})", "Successfully subscribed to flag updates"},
      Row{"subscribe", R"({"namespace":"bep"})",
          "Successfully subscribed to flag updates for namespace: bep"},
      Row{"subscribe", R"({"namespace":"bep","environment":"staging"})",
          "Successfully subscribed to flag updates for namespace: bep/staging"},
      Row{"subscribe", R"({"namespace":"bep","environment":"default"})",
          "Successfully subscribed to flag updates for namespace: bep"},
      Row{"unsubscribe", R"({"namespace":"bep"})",
          "Successfully unsubscribed from flag updates for namespace: bep"},
      Row{"unsubscribe", R"({"namespace":"bep/staging"})",
          "Successfully unsubscribed from flag updates for namespace: bep/staging"},
      Row{"unsubscribe", "{}", "Successfully unsubscribed from flag updates"},
  };
  const auto made = connected(ann_.get());
  made->subscribe("q", "/user/queue/subscription");
  for (const Row& row : rows) {
    made->send("SEND", task(row.task) + "correlation-id:c\n", row.body);
    const StompMessage answer = made->next("MESSAGE");
    EXPECT_EQ(answer.body, status(row.message));
    EXPECT_EQ(answer.value("correlation-id"), "c");
  }
  for (const char* body : {R"({"namespace":"none"})", R"({"namespace":"no such"})", R"({"namespace":""})",
                           R"({"environment":"staging","namespace":"open"})", R"({"environment":"staging"})",
                           R"({"namespace":7})"}) {
    made->send("SEND", task("subscribe"), body);
    EXPECT_EQ(made->next("MESSAGE").body, status("Failed to subscribe: Invalid namespace", "error")) << body;
  }
  for (const char* body : {"[]", "{"}) {
    made->send("SEND", task("subscribe"), body);
    EXPECT_THAT(made->next("MESSAGE").body, HasSubstr(R"("type":"error")")) << body;
  }
  publish(flag_event("bep"));
  EXPECT_EQ(messages_left(*made), 0) << "nothing was subscribed to";
  EXPECT_FALSE(made->is_closed());
}

TEST_F(StompFlags, whoever_listens_is_told_of_any_refusal_there_and_goes_on) {
  const auto made = connected(ann_.get());
  made->subscribe("q", "/user/queue/subscription");
  made->subscribe("a", "/topic/flags");
  made->next("MESSAGE");
  for (const char* headers :
       {"id:x\ndestination:/topic/flags\nsince:soon\n", "id:x\ndestination:/topic/flags\ntypes:a b\n",
        "id:a\ndestination:/topic/flags\n"}) {
    made->send("SUBSCRIBE", headers);
    EXPECT_THAT(made->next("MESSAGE").body, HasSubstr(R"("type":"error")")) << headers;
  }
  made->send("SUBSCRIBE", "id:x\ndestination:/topic/rooms/a\nsince:soon\n");
  EXPECT_EQ(made->next("ERROR").value("code"), "invalid_since");
}

TEST(StompSubscriptions, those_whose_right_has_ended_make_room_for_others) {
  stomp::Subscriptions all;
  for (std::size_t i = 0; i < stomp::Subscriptions::count_max; ++i)
    ASSERT_NE(all.add({std::to_string(i), "/topic/flags"}), nullptr);
  EXPECT_FALSE(all.make_room(stomp::Subscriptions::count_max));
  all.find("7", {})->is_revoked = true;
  EXPECT_NE(all.add({"new", "/topic/flags"}), nullptr);
  EXPECT_EQ(all.add({"another", "/topic/flags"}), nullptr);
}

TEST(StompSubscriptions, those_that_made_room_are_known_by_their_names_while_they_are_few) {
  constexpr std::size_t few = stomp::Subscriptions::made_room_max;
  stomp::Subscriptions all;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < 3 * few; ++i) {
    names.push_back(std::to_string(i));
    ASSERT_TRUE(all.make_room(1));
    ASSERT_NE(all.add({names.back(), "/topic/flags"}), nullptr);
    all.find(names.back(), {})->is_revoked = true;
  }
  const auto is_known = [&](const std::string& name) { return all.find(name, {}) != nullptr; };
  EXPECT_EQ(std::ranges::count_if(names, is_known), std::ptrdiff_t{few + 1});
  EXPECT_NE(all.find(names[2 * few], {}), nullptr) << "the newest";
  EXPECT_FALSE(all.find(names.back(), {})->made_room);
}

TEST_F(StompFlags, a_guest_may_end_what_was_revoked_and_made_room) {
  const auto guest = connected(nullptr);
  guest->subscribe("q", "/user/queue/subscription");
  guest->subscribe("first", "/topic/flags/open");
  rig_.flags.apply({*rig_.flags.find("open"), make_namespace("open", NamespaceAccess::users)});
  rig_.flags.apply({*rig_.flags.find("open"), make_namespace("open", NamespaceAccess::everybody)});
  rig_.settle();
  for (std::size_t i = 1; i < stomp::Subscriptions::count_of_guest_max; ++i)
    guest->subscribe(std::to_string(i), "/topic/flags/open");
  guest->send("UNSUBSCRIBE", "id:first\nreceipt:u\n");
  EXPECT_EQ(guest->next("RECEIPT").value("receipt-id"), "u");
  EXPECT_EQ(guest->session().subscription_count(), stomp::Subscriptions::count_of_guest_max - 1);
}

TEST_F(StompFlags, types_choose_at_topic_system_too) {
  const auto made = connected(ann_.get());
  made->send("SUBSCRIBE", "id:s\ndestination:/topic/system\ntypes:system.alert\nreceipt:r\n");
  made->next("RECEIPT");
  rig_.publish({hub::EventRef(new hub::Event(
      {.type = "system.status", .data = "{}", .audience = hub::Audience::everyone(), .topic = "system"}, 0,
      7))});
  EXPECT_EQ(messages_left(*made), 0);
}

TEST_F(StompFlags, whoever_does_not_listen_ends_with_the_refusal) {
  const auto made = connected(ann_.get());
  made->send("SEND", task("subscribe"), R"({"namespace":"none"})");
  const StompMessage error = made->next("ERROR");
  EXPECT_EQ(error.body, "Failed to subscribe: Invalid namespace");
  EXPECT_EQ(error.value("receipt-id"), "t");
}

TEST_F(StompFlags, says_where_it_listens_that_a_right_has_ended) {
  const auto made = connected(ann_.get());
  made->subscribe("f", "/topic/flags/bep");
  made->subscribe("q", "/user/queue/subscription");
  rig_.flags.apply({*rig_.flags.find("bep"), make_namespace("bep", NamespaceAccess::clients)});
  rig_.settle();
  EXPECT_EQ(made->next("MESSAGE").body,
            status("Your subscription to flag updates for namespace: bep has been revoked"));
  publish(flag_event("bep"));
  EXPECT_EQ(messages_left(*made), 0);
  made->send("UNSUBSCRIBE", "id:f\nreceipt:u\n");
  EXPECT_EQ(made->next("RECEIPT").value("receipt-id"), "u");
}

TEST_F(StompFlags, hears_at_topic_system_how_the_server_is) {
  const auto made = connected(ann_.get());
  const auto guest = connected(nullptr);
  made->subscribe("s", "/topic/system");
  guest->subscribe("s", "/topic/system");
  rig_.publish({hub::EventRef(new hub::Event({.type = "system.status",
                                              .data = R"({"message":"The server is shutting down"})",
                                              .audience = hub::Audience::everyone(),
                                              .topic = "system"},
                                             0, 7)),
                hub::EventRef(new hub::Event({.type = "system.alert",
                                              .data = R"({"message":"To all"})",
                                              .audience = hub::Audience::everyone(),
                                              .also = "system"},
                                             ++seq_, 8)),
                hub::EventRef(new hub::Event({.type = "system.alert",
                                              .data = R"({"message":"To users"})",
                                              .audience = hub::Audience::exactly(Role::user)},
                                             ++seq_, 8))});
  EXPECT_EQ(made->next("MESSAGE").body,
            R"({"type":"connection_status","message":"The server is shutting down","timestamp":7})");
  EXPECT_EQ(made->next("MESSAGE").body, R"({"type":"connection_status","message":"To all","timestamp":8})");
  EXPECT_EQ(messages_left(*made), 0);
  EXPECT_THAT(guest->next("MESSAGE").body, HasSubstr("shutting down"));
  const StompMessage alert = guest->next("MESSAGE");
  EXPECT_EQ(alert.body, R"({"type":"connection_status","message":"To all","timestamp":8})");
  EXPECT_EQ(alert.value("corohub-seq"), std::to_string(seq_ - 1)) << "it can go on from there";
  EXPECT_EQ(messages_left(*guest), 0) << "what is said to a role is not for guests";
  made->send("UNSUBSCRIBE", "id:s\n");
  rig_.settle();
  EXPECT_EQ(made->session().subscription_count(), 0U);
}

// ---- guests ----

TEST_F(StompFlags, T14_a_guest_follows_flags_of_public_namespaces) {
  const auto guest = connected(nullptr);
  EXPECT_EQ(guest->subscribe("a", "/topic/flags").command, "RECEIPT");
  EXPECT_EQ(guest->subscribe("b", "/topic/flags/open").command, "RECEIPT");
  publish(flag_event("bep"));
  publish(flag_event("open"));
  EXPECT_EQ(guest->next("MESSAGE").value("subscription"), "b");
  EXPECT_EQ(guest->next("MESSAGE").value("subscription"), "a");
  EXPECT_EQ(messages_left(*guest), 0);
  EXPECT_EQ(rig_.hub.roster().counts().total, 0U) << "it is nobody's connection";
  EXPECT_EQ(rig_.hub.roster().places(), 1U);
  EXPECT_EQ(rig_.settings.metrics.guests.Value(), 1);
  rig_.pass(std::chrono::seconds(11));
  EXPECT_FALSE(guest->is_closed()) << "it has no more to say";
  EXPECT_EQ(rig_.reception.outsiders().size(), 0U);
}

TEST_F(StompFlags, T14_a_guest_may_listen_where_its_page_does_and_hears_nothing_of_others) {
  const auto guest = connected(nullptr);
  guest->subscribe("q", "/user/queue/subscription");
  EXPECT_EQ(guest->subscribe("m", "/user/queue/messages").command, "RECEIPT");
  guest->send("SUBSCRIBE", "id:s\ndestination:/topic/system\nsince:epoch-1:0\nreceipt:r\n");
  EXPECT_EQ(guest->next("RECEIPT").value("receipt-id"), "r");
  for (int i = 0; i < 2; ++i) guest->next("MESSAGE");
  rig_.publish({hub::EventRef(new hub::Event(
      {.type = "user.updated", .data = "{}", .audience = hub::Audience::everyone()}, ++seq_, 8))});
  EXPECT_EQ(messages_left(*guest), 0);
}

TEST_F(StompFlags, T14_a_guest_has_few_subscriptions_and_one_place_to_listen) {
  const auto guest = connected(nullptr);
  guest->subscribe("q", "/user/queue/subscription");
  for (int i = 1; i < 8; ++i)
    EXPECT_EQ(guest->subscribe(std::to_string(i), "/topic/flags/open").command, "RECEIPT");
  for (int i = 0; i < 7; ++i) guest->next("MESSAGE");
  guest->send("SUBSCRIBE", "id:9\ndestination:/topic/flags/open\n");
  EXPECT_THAT(guest->next("MESSAGE").body, HasSubstr("as many subscriptions as you may"));
  guest->send("UNSUBSCRIBE", "id:1\n");
  guest->send("SUBSCRIBE", "id:p\ndestination:/user/queue/subscription\n");
  EXPECT_EQ(guest->next("ERROR").value("code"), "rate_limited");
}

TEST_F(StompFlags, T14_guests_of_one_address_come_only_so_often) {
  for (int i = 0; i < 120; ++i)
    EXPECT_EQ(connected(nullptr)->subscribe("a", "/topic/flags").command, "RECEIPT");
  const auto guest = connected(nullptr);
  guest->send("SUBSCRIBE", "id:a\ndestination:/topic/flags\n");
  EXPECT_EQ(guest->next("ERROR").value("code"), "rate_limited");
  EXPECT_EQ(connected(ann_.get())->subscribe("a", "/topic/flags").command, "RECEIPT")
      << "users come as before";
}

TEST_F(StompFlags, T14_an_administrator_can_tell_a_guest) {
  const auto guest = connected(nullptr);
  guest->subscribe("a", "/topic/flags");
  EXPECT_TRUE(rig_.shard.list(1).front().is_guest);
}

TEST_F(StompFlags, T14_a_guest_may_nothing_else) {
  struct Row {
    const char* command;
    const char* headers;
    const char* code;
  };
  constexpr std::array rows = {
      Row{"SUBSCRIBE", "id:x\ndestination:/topic/flags/bep\n", "forbidden"},
      Row{"SUBSCRIBE", "id:x\ndestination:/topic/rooms/lobby\n", "unauthorized"},
      Row{"SEND", "destination:/topic/rooms/lobby\n", "unauthorized"},
      Row{"SEND", "destination:/topic/flags/open\n", "unauthorized"},
      Row{"SEND", "destination:/app/presence\n", "unauthorized"},
      Row{"SUBSCRIBE", "id:x\ndestination:/topic/flags/open\nauthorization:Bearer x\n", "forbidden"},
  };
  for (const Row& row : rows) {
    const auto guest = connected(nullptr);
    guest->subscribe("a", "/topic/flags");
    guest->send(row.command, row.headers);
    EXPECT_EQ(guest->next("ERROR").value("code"), row.code) << row.headers;
  }
}

TEST_F(StompFlags, T14_there_are_no_guests_while_nothing_is_public) {
  for (const char* destination :
       {"/topic/flags", "/topic/flags/bep", "/topic/system", "/user/queue/subscription"}) {
    SCOPED_TRACE(destination);
    rig_.flags.begin_with({make_namespace("bep", NamespaceAccess::users)});
    const auto guest = connected(nullptr);
    guest->send("SUBSCRIBE", std::string("id:a\ndestination:") + destination + "\n");
    EXPECT_EQ(guest->next("ERROR").value("code"), "unauthorized");
  }
}

TEST_F(StompFlags, T14_a_guest_loses_what_is_public_no_more) {
  const auto guest = connected(nullptr);
  guest->subscribe("q", "/user/queue/subscription");
  guest->subscribe("a", "/topic/flags");
  rig_.flags.apply({*rig_.flags.find("open"), make_namespace("open", NamespaceAccess::users)});
  rig_.settle();
  EXPECT_THAT(guest->next("MESSAGE").body, HasSubstr("Successfully subscribed"));
  EXPECT_THAT(guest->next("MESSAGE").body, HasSubstr("flag updates has been revoked"));
  EXPECT_EQ(guest->session().subscription_count(), 0U);
}

}  // namespace
}  // namespace corohub::gateway::test
