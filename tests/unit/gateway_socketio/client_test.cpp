// The namespace `/client`: its own views, and what its client says, each packet to the letter.
#include "client_rig.hpp"
#include "gateway/socketio/admin.hpp"

#include <gmock/gmock.h>

namespace corohub::gateway::socketio::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using SocketioClient = ClientTest;

TEST_F(SocketioClient, the_welcome_has_all_that_the_client_sees) {
  rig_.set_client(rig_.make_client(9));
  const std::string data =
      R"({"client_id":5,"features":[)" + view(1, "one", "true", R"({"seats":5})") + "," +
      view(2, "two", "false") +
      R"(],"platforms":[{"id":7,"platform":"web","display_name":"web","is_enabled":true,)"
      R"("namespace":"bep","updated_at":"1970-01-01T00:00:00.000Z"}],)"
      R"("message":"Welcome to real-time updates for clients"})";
  Carrier& client = come();
  const std::string event = R"(2/client,["client_connected",)" + data +
                            R"(,{"epoch":"epoch-1","seq":0,"recovered":false},"epoch-1:0"])";
  EXPECT_EQ(client.take_one(), event);
  EXPECT_THAT(rig_.say(client, R"(["client_connect",{"client_id":77}])", 3),
              ElementsAre(event, R"(3/client,3[{"ok":true,"data":)" + data + "}]"))
      << "whoever it says it is";
}

TEST_F(SocketioClient, T49_who_may_have_a_seat_and_what_it_is_there) {
  rig_.set_client(rig_.make_client(0));
  const auto opening = [&](Carrier* one) {
    if (one == nullptr) return rig_.refused;
    const std::string welcome = one->take_one();
    const std::size_t begin = welcome.find("client_id\":") + 11;
    return welcome.substr(begin, welcome.find(',', begin) - begin) +
           (welcome.find(R"("platforms":[])") == std::string::npos ? " platforms" : "");
  };
  const auto user = [&](UserId id, const std::string& auth) {
    return opening(rig_.connect(*vocabulary_, rig_.user(id, Role::user), auth));
  };
  EXPECT_EQ(user(1, "{}"), "5 platforms") << "the namespace in which the user is a client";
  EXPECT_EQ(user(2, in_bep), "null platforms");
  EXPECT_EQ(user(2, "{}"), "not_found") << "there is no namespace `default`";
  EXPECT_EQ(user(2, R"({"namespace":"bep","environment":"staging"})"), "null platforms");
  EXPECT_EQ(user(2, R"({"namespace":"bep","environment":"none"})"), "not_found");
  EXPECT_EQ(user(2, R"({"namespace":7})"), "validation_failed");
  EXPECT_EQ(user(2, R"({"namespace":"bep","context":[]})"), "validation_failed");
  EXPECT_EQ(user(2, R"({"namespace":"bep","context":{"a":")" + std::string(9'000, 'x') + "\"}}"),
            "validation_failed");
  EXPECT_EQ(opening(rig_.connect(*vocabulary_, SeatRig::client_key(5))), "5 platforms");
  EXPECT_EQ(opening(rig_.connect_guest(*vocabulary_, in_bep)), "unauthorized");
  rig_.world.access = flags::NamespaceAccess::everybody;
  rig_.change();
  EXPECT_EQ(opening(rig_.connect_guest(*vocabulary_, in_bep)), "null");
  EXPECT_EQ(opening(rig_.connect_guest(*vocabulary_, "{}")), "unauthorized") << "it names no namespace";
  rig_.world.access = flags::NamespaceAccess::clients;
  rig_.change();
  EXPECT_EQ(user(2, in_bep), "not_found");
  EXPECT_EQ(user(1, in_bep), "5 platforms");
}

TEST_F(SocketioClient, a_change_of_its_own_views_is_told_with_the_position_behind_the_last) {
  Carrier& client = come();
  client.take();
  rig_.world.plans["one"].value = false;
  rig_.world.plans["two"].enabled = false;
  rig_.publish_flag("two", "disabled", "default", [&] { rig_.change(); });
  const std::vector<std::string> told = client.take();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0], R"(2/client,["feature_update",{"type":"update","feature_id":1,"data":)" +
                         view(1, "one", "false") + R"(,"timestamp":")" + at + R"("},{"timestamp":")" + at +
                         "\"}]");
  EXPECT_EQ(
      told[1],
      R"(2/client,["feature_update",{"type":"toggle","feature_id":2,"data":{"id":2,"feature_key":"two",)"
      R"("display_name":"two","is_enabled":false,"value":null,"variant":null,"reason":"DISABLED",)"
      R"("parent_id":null,"limits":{}},"timestamp":")" +
          at + R"("},{"seq":1,"timestamp":")" + at + R"("},"epoch-1:1"])");
}

TEST_F(SocketioClient, what_changes_nothing_for_it_is_not_told) {
  Carrier& client = come();
  client.take();
  rig_.world.plans["one"].rule = R"({"if":[{"==":[{"var":"plan"},"pro"]},"off"]})";
  rig_.change();
  rig_.publish_flag("one", "updated");
  pass();
  EXPECT_THAT(client.take(), ElementsAre(HasSubstr(R"("reason":"DEFAULT")"))) << "the reason is a part of it";
  rig_.world.plans["one"].rule = R"({"if":[{"==":[{"var":"plan"},"gold"]},"off"]})";
  rig_.change();
  rig_.publish_flag("one", "updated");
  pass();
  EXPECT_THAT(client.take(), IsEmpty());
}

TEST_F(SocketioClient, views_are_of_the_context_that_it_gave) {
  rig_.world.plans["one"].rule = R"({"if":[{"==":[{"var":"plan"},"pro"]},"off"]})";
  rig_.change();
  Carrier& client = come(R"({"namespace":"bep","context":{"plan":"pro"}})");
  EXPECT_THAT(client.take_one(), HasSubstr(R"("feature_key":"one","display_name":"one","is_enabled":false)"));
  EXPECT_THAT(rig_.say(client, R"(["feature_check",{"feature_key":"one"}])"),
              ElementsAre(HasSubstr(R"("is_enabled":false)")));
}

TEST_F(SocketioClient, what_is_hidden_asks_for_a_new_look_and_what_is_deleted_says_so) {
  Carrier& client = come();
  client.take();
  rig_.world.plans["one"].visible = false;
  rig_.change();
  rig_.settle();
  EXPECT_EQ(client.take_one(),
            R"(2/client,["config_sync",{"type":"sync_required","reason":"feature_hidden","timestamp":")" +
                at + R"("},{"seq":0,"timestamp":")" + at + R"("},"epoch-1:0"])");
  rig_.world.plans.erase("two");
  pass();
  const std::string then = rfc3339(rig_.clock.unix_ms());
  rig_.change();
  rig_.settle();
  EXPECT_EQ(client.take_one(),
            R"(2/client,["feature_update",{"type":"update","feature_id":2,"data":{"id":2,"deleted":true},)"
            R"("timestamp":")" +
                then + R"("},{"seq":0,"timestamp":")" + then + R"("},"epoch-1:0"])");
}

TEST_F(SocketioClient, all_that_a_socket_takes_is_told_however_much_it_is) {
  rig_.settings.outbox.messages_max = 16;
  for (int i = 0; i < 30; ++i) rig_.world.plans["f" + std::to_string(i)] = {};
  rig_.change();
  Carrier& client = come();
  client.take();
  for (auto& [key, plan] : rig_.world.plans) plan.value = !plan.value;
  rig_.change();
  pass();
  EXPECT_EQ(client.take().size(), 32U);
  EXPECT_EQ(client.reason, "");
}

TEST_F(SocketioClient, who_does_not_read_all_is_asked_once_to_fetch_it_and_told_of_what_comes_later) {
  rig_.settings.outbox.messages_max = 16;
  for (int i = 0; i < 30; ++i) rig_.world.plans["f" + std::to_string(i)] = {};
  rig_.change();
  Carrier& client = come();
  client.take();
  client.reads = false;
  for (int round = 0; round < 3; ++round) {
    for (auto& [key, plan] : rig_.world.plans) plan.value = !plan.value;
    rig_.change();
    pass();
  }
  client.read();
  const std::vector<std::string> told = client.take();
  EXPECT_THAT(told.front(), HasSubstr("feature_update"));
  EXPECT_THAT(told.back(), HasSubstr(R"(["config_sync",{"type":"sync_required","reason":"requested",)"));
  EXPECT_THAT(told.back(), testing::EndsWith(R"("epoch-1:0"])"));
  EXPECT_LT(told.size(), 14U);
  rig_.world.plans["one"].value = !rig_.world.plans["one"].value;
  rig_.change();
  pass();
  EXPECT_THAT(client.take_one(), HasSubstr(R"("feature_id":1,)"));
  EXPECT_THAT(rig_.say(client, R"(["config_check"])"), ElementsAre(HasSubstr("config_update")));
}

TEST_F(SocketioClient, views_may_be_as_large_as_what_may_wait_and_beyond_that_the_seat_stays_without_them) {
  rig_.settings.outbox.bytes_max = 60'000;
  for (int i = 0; i < 25; ++i) rig_.world.plans["f" + std::to_string(i)] = {.name = std::string(2'000, 'n')};
  rig_.change();
  Carrier& client = come();
  EXPECT_THAT(client.take_one(), HasSubstr(R"("feature_key":"f24")"));
  EXPECT_EQ(rig_.say(client, R"(["config_check"])", 1).size(), 2U);
  EXPECT_EQ(rig_.say(client, R"(["client_connect"])", 2).size(), 2U);
  client.take();
  client.reads = false;
  client.seat->hear(read_call(R"(["config_check"])", 3).value());
  client.seat->hear(read_call(R"(["client_connect"])", 4).value());
  client.read();
  EXPECT_THAT(client.take(),
              ElementsAre(HasSubstr("config_update"), HasSubstr(R"(3[{"ok":false,"code":"overloaded")"),
                          HasSubstr(R"(4[{"ok":false,"code":"overloaded")")));

  rig_.settings.outbox.bytes_max = 40'000;
  Carrier& other = come();
  EXPECT_THAT(other.take(), ElementsAre(HasSubstr(R"("features":[],)"),
                                        StartsWith(R"(2/client,["error",{"code":"overloaded",)")));
  rig_.world.plans["one"].value = false;
  rig_.change();
  pass();
  EXPECT_THAT(other.take_one(), HasSubstr("feature_update"));
  EXPECT_EQ(other.reason, "");
}

TEST_F(SocketioClient,
       T58_views_are_asked_for_only_so_often_from_one_address_but_every_seat_begins_with_them) {
  rig_.set_client(rig_.make_client(0));
  rig_.world.access = flags::NamespaceAccess::everybody;
  rig_.change();
  Carrier& key = *rig_.connect(*vocabulary_, SeatRig::client_key(5));
  const auto ask = [&](Carrier& one) { return rig_.say(one, R"(["config_check"])", 1).back(); };
  for (int i = 0; i < 100; ++i) ask(key);
  EXPECT_THAT(ask(key), HasSubstr(R"("code":"rate_limited")"));
  EXPECT_EQ(key.reason, "");
  Carrier& again = *rig_.connect(*vocabulary_, SeatRig::client_key(5));
  EXPECT_THAT(again.take_one(), HasSubstr(R"("feature_key":"one")"));
  EXPECT_THAT(ask(*rig_.connect_guest(*vocabulary_, in_bep)), HasSubstr(R"("code":"rate_limited")"))
      << "guests and keys share their address";
  EXPECT_THAT(ask(come()), HasSubstr(R"("ok":true)")) << "a user is known by name";
}

TEST_F(SocketioClient, a_right_that_is_lost_and_comes_back_is_told_both_times) {
  Carrier& client = come();
  client.take();
  rig_.world.access = flags::NamespaceAccess::clients;
  rig_.change();
  pass();
  EXPECT_THAT(client.take_one(), HasSubstr(R"("reason":"feature_hidden")"));
  rig_.world.access = flags::NamespaceAccess::users;
  rig_.change();
  pass();
  EXPECT_THAT(client.take(),
              ElementsAre(HasSubstr(R"("feature_key":"one")"), HasSubstr(R"("feature_key":"two")")));
}

TEST_F(SocketioClient, a_namespace_that_goes_and_is_made_again_is_told_both_times) {
  Carrier& client = come();
  client.take();
  rig_.flags.apply(flags::NamespaceChange{rig_.now, nullptr});
  pass();
  EXPECT_EQ(names_told(client), R"(config_sync:"feature_hidden")");
  rig_.now = rig_.world.build();
  rig_.flags.apply(flags::NamespaceChange{nullptr, rig_.now});
  pass();
  EXPECT_EQ(client.take().size(), 2U);
  rig_.world.plans["one"].value = false;
  rig_.change();
  pass();
  EXPECT_THAT(client.take_one(), HasSubstr(R"("feature_id":1,)"));
}

TEST_F(SocketioClient, a_guest_hears_of_flags_and_of_nothing_else) {
  rig_.world.access = flags::NamespaceAccess::everybody;
  rig_.change();
  Carrier& guest = *rig_.connect_guest(*vocabulary_, in_bep);
  EXPECT_THAT(guest.take_one(),
              StartsWith(R"(2/client,["client_connected",{"client_id":null,"features":[{"id":1,)"));
  rig_.publish(SeatRig::about("platform.updated", 7, R"(["enabled"])", ""));
  rig_.publish(
      {"system.alert", R"({"message":"m","priority":"low","sent_by":1})", hub::Audience::everyone()});
  EXPECT_THAT(guest.take(), IsEmpty());
  rig_.world.plans["one"].value = false;
  rig_.change();
  pass();
  EXPECT_THAT(guest.take_one(), HasSubstr("feature_update"));
  EXPECT_THAT(rig_.say(guest, R"(["report_metrics",{"metrics":{}}])", 1),
              ElementsAre(HasSubstr(R"("code":"forbidden")")));
  rig_.world.access = flags::NamespaceAccess::users;
  rig_.change();
  pass();
  EXPECT_THAT(guest.take_one(), HasSubstr(R"("reason":"feature_hidden")"));
  EXPECT_THAT(rig_.say(guest, R"(["config_check"])"),
              ElementsAre(StartsWith(R"(2/client,["config_update",{"features":[],"platforms":[],)")));
}

TEST_F(SocketioClient, it_may_ask_for_all_that_it_has) {
  rig_.set_client(rig_.make_client(0));
  Carrier& client = come();
  rig_.world.plans["one"].value = false;
  rig_.change();
  const std::string data =
      R"({"features":[)" + view(1, "one", "false") + "," + view(2, "two", "false") +
      R"(],"platforms":[{"id":7,"platform":"web","display_name":"web","is_enabled":true,)"
      R"("namespace":"bep","updated_at":"1970-01-01T00:00:00.000Z"}],"timestamp":")" +
      at + "\"}";
  const std::vector<std::string> answers = rig_.say(client, R"(["config_check",{}])", 4);
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(answers[0], R"(2/client,["config_update",)" + data + "]");
  EXPECT_EQ(answers[1], R"(3/client,4[{"ok":true,"data":)" + data + "}]");
  EXPECT_THAT(answers[2], HasSubstr("feature_update")) << "what it has asked for is told all the same";
}

TEST_F(SocketioClient, it_may_ask_for_one_feature) {
  rig_.world.plans["child"] = {.parent = "one"};
  rig_.world.plans["hidden"] = {.visible = false};
  rig_.change();
  Carrier& client = come();
  const struct {
    const char* argument;
    const char* answer;
  } cases[] = {
      {R"({"feature_key":"one"})", R"({"feature_key":"one","sub_key":null,"is_enabled":true,)"},
      {R"({"feature_key":"two","sub_key":null})",
       R"({"feature_key":"two","sub_key":null,"is_enabled":false,)"},
      {R"({"feature_key":"one","sub_key":"child"})",
       R"({"feature_key":"one","sub_key":"child","is_enabled":true,)"},
      {R"({"feature_key":"two","sub_key":"child"})",
       R"({"feature_key":"two","sub_key":"child","is_enabled":false,)"},
      {R"({"feature_key":"hidden"})", R"({"feature_key":"hidden","sub_key":null,"is_enabled":false,)"},
      {R"({"feature_key":"none"})", R"({"feature_key":"none","sub_key":null,"is_enabled":false,)"},
  };
  for (const auto& [argument, answer] : cases)
    EXPECT_EQ(
        rig_.say(client, R"(["feature_check",)" + std::string(argument) + "]")[0],
        R"(2/client,["feature_check_result",)" + std::string(answer) + R"("timestamp":")" + at + "\"}]");
  EXPECT_THAT(rig_.say(client, R"(["feature_check",{"feature_key":7}])", 1),
              ElementsAre(HasSubstr(R"("code":"validation_failed")")));
  EXPECT_THAT(rig_.say(client, R"(["feature_check"])", 1),
              ElementsAre(HasSubstr(R"("code":"validation_failed")")));
}

TEST_F(SocketioClient, T58_what_it_reports_is_small_and_comes_once_a_second) {
  rig_.set_client(rig_.make_client(0));
  const std::unique_ptr<const Vocabulary> admins = admin_vocabulary(rig_.parts);
  Carrier& admin = *rig_.connect(*admins, rig_.user(2, Role::admin));
  Carrier& client = come();
  admin.take();
  const auto report = [&](const std::string& metrics) {
    rig_.clock.advance(std::chrono::seconds(1));
    return rig_.say(client, R"(["report_metrics",{"client_id":77,"metrics":)" + metrics + "}]", 1).back();
  };
  EXPECT_EQ(report(R"({ "cpu" : 1.50 })"),
            R"(3/client,1[{"ok":true,"data":{"status":"success","timestamp":"2026-01-06T10:30:02.123Z"}}])");
  EXPECT_THAT(admin.take_one(),
              StartsWith(R"(2/admin,["client.metrics",{"client_id":5,"metrics":{"cpu":1.50}})"));
  EXPECT_THAT(report("[]"), HasSubstr(R"("code":"validation_failed")"));
  EXPECT_THAT(report("{\"a\":\"" + std::string(client_metrics_bytes_max - 8, 'x') + "\"}"),
              HasSubstr(R"("ok":true)"));
  EXPECT_THAT(report("{\"a\":\"" + std::string(client_metrics_bytes_max - 7, 'x') + "\"}"),
              HasSubstr(R"("code":"payload_too_large")"));
  report("{}");
  EXPECT_THAT(rig_.say(client, R"(["report_metrics",{"metrics":{}}])"),
              ElementsAre(StartsWith(R"(2/client,["error",{"code":"rate_limited",)")));
  rig_.exempt = true;
  Carrier& trusted = come();
  for (int i = 0; i < 3; ++i)
    EXPECT_THAT(rig_.say(trusted, R"(["report_metrics",{"metrics":{}}])"),
                ElementsAre(StartsWith(R"(2/client,["metrics_received",{"status":"success","timestamp":")")));
}

TEST_F(SocketioClient, T58_reports_of_one_client_are_counted_together_and_wait_for_no_administrator) {
  const std::unique_ptr<const Vocabulary> admins = admin_vocabulary(rig_.parts);
  Carrier& admin = *rig_.connect(*admins, rig_.user(2, Role::admin));
  admin.take();
  admin.reads = false;
  const std::string report = R"(["report_metrics",{"metrics":{}}])";
  rig_.say(come(), report);
  EXPECT_THAT(rig_.say(come(), report, 1), ElementsAre(HasSubstr(R"("code":"rate_limited")")));
  rig_.clock.advance(std::chrono::seconds(1));
  EXPECT_THAT(rig_.say(come(), report, 1).back(), HasSubstr(R"("ok":true)"));
  EXPECT_EQ(admin.session->outbox().messages(), 1U);
}

TEST_F(SocketioClient, it_may_say_that_it_is_there) {
  Carrier& client = come();
  EXPECT_THAT(rig_.say(client, R"(["heartbeat"])", 2),
              ElementsAre(R"(2/client,["heartbeat_ack",{"timestamp":")" + at + "\"}]",
                          R"(3/client,2[{"ok":true,"data":{"timestamp":")" + at + "\"}}]"));
  EXPECT_THAT(rig_.say(client, R"(["request_system_metrics"])", 3),
              ElementsAre(HasSubstr(R"("code":"unknown_type")")));
}

}  // namespace
}  // namespace corohub::gateway::socketio::test
