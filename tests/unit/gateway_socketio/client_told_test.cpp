// The namespace `/client`: what happens to it and to what it has, and what it has missed of that.
#include "client_rig.hpp"
#include "gateway/socketio/bodies.hpp"
#include "gateway/socketio/client_place.hpp"
#include "support/allocations.hpp"

#include <gmock/gmock.h>

namespace corohub::gateway::socketio::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

using SocketioClientTold = ClientTest;

TEST_F(SocketioClientTold, another_package_is_told_with_the_package_and_what_it_changes) {
  rig_.world.plans["one"].gated = true;
  rig_.change();
  rig_.set_client(rig_.make_client(8));
  Carrier& client = come();
  client.take();
  rig_.publish(SeatRig::about("client.updated", 5, R"(["package"])", R"(,"client":5)"), true,
               [&] { rig_.set_client(rig_.make_client(9)); });
  const std::vector<std::string> told = client.take();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0],
            R"(2/client,["package_update",{"type":"update","package_id":9,"data":{"id":9,"name":"gold",)"
            R"("display_name":"gold","description":"","price":null,"currency":null,"billing_period":null,)"
            R"("is_active":true,"features":["one"],"limits":{"one":{"seats":5}}},"timestamp":")" +
                at + R"("},{"seq":1,"timestamp":")" + at + R"("}])");
  EXPECT_EQ(told[1],
            R"(2/client,["config_sync",{"type":"sync_required","reason":"package_changed","timestamp":")" +
                at + R"("},{"seq":1,"timestamp":")" + at + R"("},"epoch-1:1"])");
  EXPECT_THAT(told[2], StartsWith(R"(2/client,["feature_update",{"type":"update","feature_id":1,"data":)" +
                                  view(1, "one", "true", R"({"seats":5})")));
}

TEST_F(SocketioClientTold, both_events_of_another_package_are_taken_back_from_who_is_that_client_no_more) {
  rig_.set_client(rig_.make_client(0));
  Carrier& client = come();
  client.take();
  client.reads = false;
  rig_.publish(SeatRig::about("client.updated", 5, R"(["package"])", R"(,"client":5)"), true,
               [&] { rig_.set_client(rig_.make_client(8)); });
  EXPECT_EQ(client.session->outbox().messages(), 2U);
  rig_.set_client(rig_.make_client(8, {}, 2));
  client.read();
  EXPECT_THAT(client.take(), IsEmpty());
}

TEST_F(SocketioClientTold, it_is_told_of_its_package_its_namespace_and_itself) {
  rig_.set_client(rig_.make_client(9));
  Carrier& client = come();
  client.take();
  const auto publish = [&](hub::EventDraft draft) {
    rig_.publish(std::move(draft));
    std::string names;
    for (const std::string& packet : client.take()) {
      const std::size_t end = packet.find('"', 11);
      names += (names.empty() ? "" : " ") + packet.substr(11, end - 11);
    }
    return names;
  };
  EXPECT_EQ(publish(SeatRig::about("package.updated", 9, R"(["name"])", R"(,"package":9)")),
            "package_update");
  EXPECT_EQ(publish(SeatRig::about("package.updated", 8, R"(["name"])", R"(,"package":8)")), "");
  EXPECT_EQ(publish(SeatRig::about("platform.updated", 7, R"(["enabled"])", "")), "platform_update");
  EXPECT_EQ(publish(SeatRig::about("client.updated", 5, R"(["attributes"])", R"(,"client":5)")),
            "config_sync");
  EXPECT_EQ(publish(SeatRig::about("client.updated", 5, R"(["name"])", R"(,"client":5)")), "client.updated");
  hub::EventDraft elsewhere = SeatRig::about("platform.updated", 7, R"(["enabled"])", "");
  elsewhere.data = R"({"namespace":"shop","id":7,"changes":["enabled"]})";
  EXPECT_EQ(publish(elsewhere), "") << "of another namespace in which the user is a client";
  hub::EventDraft sync{"config.sync", R"({"namespace":"bep","client":null,"reason":"a \"reason\""})",
                       hub::Audience::clients()};
  sync.attributes = R"({"for":{"namespace":3}})";
  rig_.publish(sync);
  EXPECT_THAT(client.take_one(),
              StartsWith(R"(2/client,["config_sync",{"type":"sync_required","reason":"a \"reason\"",)"));
  EXPECT_EQ(
      publish({"system.alert", R"({"message":"m","priority":"low","sent_by":1})", hub::Audience::everyone()}),
      "client_notification");
  EXPECT_EQ(publish({"profile.updated", R"({"user_id":1})", hub::Audience::user(1)}), "profile.updated");
}

TEST_F(SocketioClientTold, T49_an_administrator_is_told_there_of_its_own_alone) {
  Carrier& admin = *rig_.connect(*vocabulary_, rig_.user(2, Role::admin), in_bep);
  rig_.set_client(rig_.make_client(9));
  admin.take();
  rig_.publish(SeatRig::about("package.updated", 9, R"(["name"])", R"(,"package":9)"));
  rig_.publish(SeatRig::about("client.updated", 5, R"(["package"])", R"(,"client":5)"));
  EXPECT_THAT(admin.take(), IsEmpty());
  rig_.publish({"user.created", R"({"user_id":3})", hub::Audience::admins()});
  EXPECT_THAT(admin.take_one(), StartsWith(R"(2/client,["user.created",{"user_id":3},)")) << "by its type";
}

TEST_F(SocketioClientTold, T31_an_administrator_who_is_none_any_more_is_a_user_there) {
  const AccountRef who = rig_.account(2, Role::admin);
  Carrier& admin = *rig_.connect(*vocabulary_, SeatRig::user(who), in_bep);
  admin.take();
  admin.reads = false;
  rig_.publish({"user.created", R"({"user_id":3})", hub::Audience::admins()});
  EXPECT_EQ(admin.session->outbox().messages(), 1U);
  rig_.become(who, Role::user);
  admin.read();
  EXPECT_THAT(admin.take(), IsEmpty());
  EXPECT_EQ(admin.reason, "");
  rig_.publish(SeatRig::about("platform.updated", 7, R"(["enabled"])", ""));
  EXPECT_THAT(admin.take_one(), HasSubstr("platform_update")) << "it still is among the clients";
}

TEST_F(SocketioClientTold, T51_its_package_is_told_without_the_flags_that_it_does_not_see) {
  rig_.world.plans["one"].gated = true;
  rig_.change();
  rig_.set_client(rig_.make_client(9, {{.flag_id = 1, .granted = false}}));
  auto other = std::make_shared<flags::Client>(*rig_.make_client(9, {}, 2));
  other->id = 6;
  other->key = "other";
  rig_.flags.apply(flags::ClientChange{nullptr, other});
  Carrier& denied = come();
  Carrier& granted = *rig_.connect(*vocabulary_, rig_.user(2, Role::user), in_bep);
  const auto expect_both = [&] {
    EXPECT_THAT(denied.take_one(), HasSubstr(R"("features":[],"limits":{}})"));
    EXPECT_THAT(granted.take_one(), HasSubstr(R"("features":["one"],"limits":{"one":{"seats":5}}})"));
  };
  denied.take();
  granted.take();
  rig_.publish(SeatRig::about("package.updated", 9, R"(["name"])", R"(,"package":9)"));
  expect_both();
  rig_.world.plans["one"].visible = false;
  rig_.change();
  pass();
  denied.take();
  granted.take();
  rig_.publish(SeatRig::about("client.updated", 6, R"(["package"])", R"(,"client":6)"));
  EXPECT_THAT(granted.take(), testing::Contains(HasSubstr(R"("features":[],"limits":{}})")));
}

TEST_F(SocketioClientTold, without_recovery_both_events_of_another_package_are_a_name_and_data) {
  rig_.with_position = false;
  rig_.set_client(rig_.make_client(0));
  Carrier& client = come();
  client.take();
  rig_.publish(SeatRig::about("client.updated", 5, R"(["package"])", R"(,"client":5)"), true,
               [&] { rig_.set_client(rig_.make_client(8)); });
  const std::vector<std::string> told = client.take();
  ASSERT_EQ(told.size(), 2U);
  for (const std::string& packet : told)
    EXPECT_EQ(parse_json(packet.substr(packet.find('[')))->as_array().size(), 2U) << packet;
  EXPECT_THAT(told[0], StartsWith(R"(2/client,["package_update",)"));
  EXPECT_THAT(told[1], StartsWith(R"(2/client,["config_sync",)"));
}

TEST_F(SocketioClientTold, T49_a_user_who_is_no_client_is_told_of_the_platforms_that_it_is_shown) {
  Carrier& user = come();
  user.take();
  const auto publish = [&](hub::EventDraft draft) {
    rig_.publish(std::move(draft));
    return names_told(user);
  };
  const hub::EventDraft platform = SeatRig::about("platform.updated", 7, R"(["enabled"])", "");
  EXPECT_EQ(publish(platform), "platform_update");
  EXPECT_EQ(publish(sync("")), R"(config_sync:"r")");
  EXPECT_EQ(publish(sync(R"(,"client":5)")), "");
  EXPECT_EQ(publish(SeatRig::about("package.updated", 9, R"(["name"])", R"(,"package":9)")), "");
  EXPECT_EQ(publish(SeatRig::about("client.updated", 5, R"(["status"])", R"(,"client":5)")), "");
  hub::EventDraft elsewhere = platform;
  elsewhere.data = R"({"namespace":"shop","id":7,"changes":["enabled"]})";
  EXPECT_EQ(publish(elsewhere), "");
  EXPECT_EQ(come(in_bep, 0).take().size(), 3U) << "the welcome, and what it has missed of these";
  rig_.world.access = flags::NamespaceAccess::clients;
  rig_.change();
  pass();
  user.take();
  EXPECT_EQ(publish(platform) + publish(sync("")), "");
}

TEST_F(SocketioClientTold, who_becomes_a_client_or_is_none_any_more_is_told_to_look_again) {
  Carrier& ann = come();
  Carrier& bob = *rig_.connect(*vocabulary_, rig_.user(2, Role::user), in_bep);
  names_told(ann);
  names_told(bob);
  rig_.publish(of_client("client.created", "[]", 1), true, [&] { rig_.set_client(rig_.make_client(0)); });
  EXPECT_EQ(names_told(ann), R"(config_sync:"status_changed")");
  rig_.publish(of_client("client.deleted", "[]", 1), true, [&] { rig_.set_client(nullptr); });
  EXPECT_EQ(names_told(ann), R"(config_sync:"status_changed")");
  rig_.publish(of_client("client.created", "[]", 1), true, [&] { rig_.set_client(rig_.make_client(9)); });
  EXPECT_EQ(names_told(ann), R"(package_update config_sync:"package_changed")");
  Carrier& key = *rig_.connect(*vocabulary_, SeatRig::client_key(5));
  names_told(key);
  rig_.publish(of_client("client.updated", R"(["user_id"])", 2, R"(,"former_user":1)"), true,
               [&] { rig_.set_client(rig_.make_client(9, {}, 2)); });
  EXPECT_EQ(names_told(ann), R"(config_sync:"status_changed")");
  EXPECT_EQ(names_told(bob), R"(package_update config_sync:"package_changed")");
  EXPECT_EQ(names_told(key), R"(config_sync:"status_changed")");
  // The same in one change with more.
  rig_.publish(of_client("client.updated", R"(["package","user_id"])", 1, R"(,"former_user":2)"), true,
               [&] { rig_.set_client(rig_.make_client(8, {}, 1)); });
  EXPECT_EQ(names_told(ann), R"(package_update config_sync:"package_changed")");
  EXPECT_EQ(names_told(bob), R"(config_sync:"status_changed")");
  EXPECT_EQ(names_told(key), R"(package_update config_sync:"package_changed")");
  rig_.publish(of_client("client.updated", R"(["attributes","user_id"])", 2, R"(,"former_user":1)"), true,
               [&] { rig_.set_client(rig_.make_client(0, {}, 2)); });
  EXPECT_EQ(names_told(ann), R"(config_sync:"status_changed")");
  EXPECT_EQ(names_told(bob), R"(config_sync:"status_changed")");
  EXPECT_EQ(names_told(key), R"(config_sync:"attributes_changed")");
  auto disabled = std::make_shared<flags::Client>(*rig_.make_client(9, {}, 2));
  disabled->status = flags::Client::Status::disabled;
  rig_.publish(of_client("client.updated", R"(["package","status"])", 2), true,
               [&] { rig_.set_client(disabled); });
  EXPECT_EQ(names_told(bob), R"(config_sync:"status_changed")");
}

TEST_F(SocketioClientTold, platforms_are_shown_without_what_is_configured) {
  rig_.set_client(rig_.make_client(0));
  Carrier& client = come();
  client.take();
  rig_.world.platform_enabled = false;
  rig_.change();
  rig_.publish(SeatRig::about("platform.updated", 7, R"(["enabled"])", ""));
  EXPECT_EQ(client.take_one(),
            R"(2/client,["platform_update",{"type":"toggle","platform_id":7,"data":{"id":7,"platform":"web",)"
            R"("display_name":"web","is_enabled":false,"namespace":"bep",)"
            R"("updated_at":"1970-01-01T00:00:00.000Z"},"timestamp":")" +
                at + R"("},{"seq":1,"timestamp":")" + at + R"("},"epoch-1:1"])");
}

TEST_F(SocketioClientTold, who_comes_back_is_told_of_each_event_it_missed_as_things_are_now) {
  rig_.publish_flag("one", "updated");
  rig_.world.plans["one"].value = false;
  rig_.world.plans.erase("two");
  rig_.change();
  rig_.publish_flag("one", "disabled");
  rig_.publish_flag("two", "deleted");
  Carrier& client = come(in_bep, 1);
  const std::vector<std::string> told = client.take();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_THAT(told[0], HasSubstr(R"("seq":1,"recovered":true},"epoch-1:1"])"));
  EXPECT_EQ(told[1], R"(2/client,["feature_update",{"type":"toggle","feature_id":1,"data":)" +
                         view(1, "one", "false") + R"(,"timestamp":")" + at + R"("},{"seq":2,"timestamp":")" +
                         at + R"(","topic":"flags/bep"},"epoch-1:2"])");
  EXPECT_THAT(told[2], HasSubstr(R"("data":{"id":2,"deleted":true})"));
  rig_.world.plans["one"].value = true;
  rig_.change();
  rig_.publish_flag("one", "updated");
  pass();
  EXPECT_EQ(client.take().size(), 1U) << "what comes later is told by its views alone";
  EXPECT_EQ(client.session->subscription("flags/bep"), nullptr) << "so that it looks at no event";
}

// A replay may apply a million operators. The rule takes nearly ten thousand, which is as many as one flag
// may.
TEST_F(SocketioClientTold, many_events_of_one_flag_that_were_missed_are_one_evaluation_in_one_context) {
  std::string list;
  for (int i = 0; i < 200; ++i) list += (i > 0 ? ",\"" : "\"") + std::string(30, 'x') + "\"";
  const std::string auth = R"({"namespace":"bep","context":{"list":[)" + list + "]}}";
  std::string tries;
  for (int i = 0; i < 16; ++i)
    tries += (i > 0 ? "," : "") + std::string(R"({"in":["y",{"map":[{"var":"list"},{"var":""}]}]})");
  rig_.world.plans["one"].rule = R"({"if":[{"or":[)" + tries + R"(]},"on","off"]})";
  rig_.change();
  for (int i = 0; i < 122; ++i) rig_.publish_flag("one", "updated");
  std::size_t evaluated = 0;
  const auto allocations = [&](Seq offset) {
    const corohub::test::AllocationCount count;
    Carrier& client = come(auth, offset);
    const std::size_t all = count.so_far();
    evaluated = 0;
    for (const std::string& packet : client.take())
      if (packet.find(R"(["feature_update",)") != std::string::npos)
        evaluated += packet.find(R"("reason":"TARGETING_MATCH")") != std::string::npos ? 1 : 0;
    return all;
  };
  allocations(120);
  const std::size_t few = allocations(120);
  EXPECT_EQ(evaluated, 2U);
  EXPECT_LT(allocations(0) - few, 120U * 100) << "the context is not read again";
  EXPECT_EQ(evaluated, 122U) << "the flag is not evaluated again";
}

TEST_F(SocketioClientTold, who_comes_back_between_a_change_and_its_event_is_told_of_the_event) {
  rig_.publish_flag("one", "updated");
  rig_.world.revision = 2;
  rig_.change();
  Carrier& client = come(in_bep, 1);
  client.take();
  rig_.publish_flag("two", "updated");
  EXPECT_THAT(client.take_one(), HasSubstr(R"("feature_id":2,)")) << "its views had the change already";
  EXPECT_EQ(client.session->subscription("flags/bep"), nullptr) << "and that was the last";
  rig_.publish_flag("two", "updated");
  EXPECT_THAT(client.take(), IsEmpty());
}

// Its event is of a flag that others see.
TEST_F(SocketioClientTold,
       who_comes_back_between_a_change_and_its_event_and_does_not_see_it_waits_for_another) {
  rig_.publish_flag("one", "updated");
  rig_.world.revision = 2;
  rig_.world.plans["two"].visible = false;
  rig_.change();
  Carrier& client = come(in_bep, 1);
  client.take();
  rig_.publish_flag("two", "updated");
  EXPECT_NE(client.session->subscription("flags/bep"), nullptr);
  rig_.publish_flag("one", "updated");
  EXPECT_EQ(client.session->subscription("flags/bep"), nullptr);
  EXPECT_THAT(client.take(), IsEmpty());
}

TEST_F(SocketioClientTold, T51_what_it_missed_of_a_flag_that_is_hidden_before_it_reads_is_taken_back) {
  rig_.publish_flag("one", "updated");
  rig_.publish_flag("two", "updated");
  rig_.reads = false;
  Carrier& client = come(in_bep, 0);
  EXPECT_EQ(client.session->subscription("flags/bep"), nullptr);
  rig_.world.plans["one"].visible = false;
  rig_.change();
  rig_.settle();
  client.read();
  const std::vector<std::string> told = client.take();
  ASSERT_EQ(told.size(), 3U);
  EXPECT_THAT(told[0], HasSubstr("client_connected"));
  EXPECT_THAT(told[1], HasSubstr(R"("feature_id":2,)"));
  EXPECT_THAT(told[2], HasSubstr(R"("reason":"feature_hidden")"));
}

TEST_F(SocketioClientTold, T51_views_that_wait_are_no_last_words) {
  Carrier& client = come();
  client.take();
  client.reads = false;
  rig_.world.plans["one"].value = false;
  rig_.change();
  pass();
  hub::Outbox& waits = client.session->outbox();
  EXPECT_EQ(waits.messages(), 1U);
  waits.discard_from_first_impersonal(1);
  EXPECT_EQ(waits.messages(), 0U);
}

TEST_F(SocketioClientTold, what_was_evaluated_with_one_package_is_not_told_with_another) {
  rig_.world.plans["one"].rule = R"({"if":[{"==":[{"var":"corohub.package"},"gold"]},"on","off"]})";
  rig_.change();
  const ClientPlace place{"bep", "", {}};
  const hub::Identity who{1, Role::user};
  Evaluations known;
  const auto one_is_on = [&] {
    const Standpoint here(rig_.flags, who, place);
    return is_on(known.of(*here.find("one"), here, place.context));
  };
  for (const std::int64_t package : {8, 9, 0}) {
    rig_.set_client(rig_.make_client(package));
    EXPECT_EQ(one_is_on(), package == 9) << package;
  }
}

TEST_F(SocketioClientTold, a_key_that_comes_back_has_missed_no_announcement) {
  rig_.set_client(rig_.make_client(0));
  hub::EventDraft alert{"system.alert", R"({"message":"m","priority":"low","sent_by":1})",
                        hub::Audience::everyone()};
  alert.also = "system";
  rig_.publish(alert);
  Carrier& key = *rig_.connect(*vocabulary_, SeatRig::client_key(5), "{}", 0);
  const std::vector<std::string> told = key.take();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_THAT(told[1], StartsWith(R"(2/client,["client_notification",)"));
  rig_.publish(alert);
  EXPECT_THAT(key.take_one(), HasSubstr("client_notification")) << "once";
}

}  // namespace
}  // namespace corohub::gateway::socketio::test
