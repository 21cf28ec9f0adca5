// The namespace `/admin`: each packet to the letter.
#include "gateway/socketio/admin.hpp"

#include "seat_rig.hpp"

#include <gmock/gmock.h>

namespace corohub::gateway::socketio::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr const char* time_of_rig = "2026-01-06T10:30:01.123Z";

class SocketioAdmin : public testing::Test {
 protected:
  Carrier& come(UserId id = 1) { return *rig_.connect(*vocabulary_, rig_.user(id, Role::admin)); }

  SeatRig rig_;
  const std::unique_ptr<const Vocabulary> vocabulary_ = admin_vocabulary(rig_.parts);
};

TEST_F(SocketioAdmin, T49_it_is_for_administrators_alone) {
  const json::object nothing;
  const auto code = [&](const hub::Identity& who) {
    const Result<Seating> seating = vocabulary_->admit(rig_.desk, who, nothing, false);
    return seating ? std::string("ok") : std::string(name(seating.error().code));
  };
  EXPECT_EQ(code(hub::Identity::guest()), "unauthorized");
  EXPECT_EQ(code({1, Role::user}), "forbidden");
  EXPECT_EQ(code(SeatRig::client_key(5).identity()), "forbidden");
  EXPECT_EQ(code({1, Role::admin}), "ok");
  EXPECT_EQ(code({1, Role::superadmin}), "ok");
  EXPECT_FALSE(vocabulary_->keeps(rig_.desk, {1, Role::user}));
  EXPECT_TRUE(vocabulary_->keeps(rig_.desk, {1, Role::superadmin}));
}

TEST_F(SocketioAdmin, it_begins_with_a_welcome_and_says_it_again_when_asked) {
  Carrier& admin = come(4);
  const std::string data =
      R"({"user_id":4,"role":"admin","message":"Welcome to real-time updates for administrators"})";
  const std::string event = R"(2/admin,["admin_connected",)" + data +
                            R"(,{"epoch":"epoch-1","seq":0,"recovered":false},"epoch-1:0"])";
  EXPECT_THAT(admin.packets, ElementsAre(testing::StartsWith(R"(0/admin,{"sid":)"), event));
  EXPECT_THAT(rig_.say(admin, R"(["admin_connect",{"token":null}])", 7),
              ElementsAre(event, R"(3/admin,7[{"ok":true,"data":)" + data + "}]"));
  const std::vector<std::string> refused = rig_.say(admin, R"(["admin_connect",{"token":"none"}])", 8);
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_THAT(refused[0], testing::HasSubstr(R"(3/admin,8[{"ok":false,"code":"invalid_token")"));
}

TEST_F(SocketioAdmin, what_happens_to_things_is_told_as_they_are_now) {
  Carrier& admin = come();
  admin.take();
  rig_.world.platform_enabled = false;
  rig_.change();
  rig_.publish(SeatRig::about("platform.updated", 7, R"(["enabled"])", ""));
  EXPECT_EQ(admin.take_one(),
            R"(2/admin,["platform_update",{"type":"toggle","platform_id":7,"data":{"id":7,"platform":"web",)"
            R"("display_name":"web","is_enabled":false,"config":{"secret":1},"namespace":"bep","version":1,)"
            R"("updated_at":"1970-01-01T00:00:00.000Z"},"timestamp":"2026-01-06T10:30:01.123Z"},)"
            R"({"seq":1,"timestamp":"2026-01-06T10:30:01.123Z"},"epoch-1:1"])");
  rig_.publish_flag("two", "updated", "staging");
  EXPECT_EQ(
      admin.take_one(),
      R"(2/admin,["feature_update",{"type":"update","feature_id":2,"data":{"id":2,"feature_key":"two",)"
      R"("display_name":"two","is_enabled":true,"parent_id":null,"platform":null,"package_gated":false,)"
      R"("sub_features":[],"namespace":"bep","environment":"staging","version":1},)"
      R"("timestamp":"2026-01-06T10:30:01.123Z"},{"seq":2,"timestamp":"2026-01-06T10:30:01.123Z",)"
      R"("topic":"flags/bep/staging"},"epoch-1:2"])")
      << "of every environment";
  rig_.publish(SeatRig::about("package.updated", 9, R"(["features"])", R"(,"package":9)"));
  EXPECT_THAT(
      admin.take_one(),
      testing::StartsWith(
          R"(2/admin,["package_update",{"type":"update","package_id":9,"data":{"id":9,"name":"gold",)"));
  rig_.publish(SeatRig::about("platform.deleted", 77, "[]", ""));
  EXPECT_THAT(admin.take_one(),
              testing::StartsWith(R"(2/admin,["platform_update",{"type":"update","platform_id":77,)"
                                  R"("data":{"id":77,"deleted":true},"timestamp":)"));
}

TEST_F(SocketioAdmin, T31_what_waits_for_it_is_taken_back_with_the_rank) {
  const AccountRef who = rig_.account(1, Role::admin);
  rig_.set_client(rig_.make_client(0));
  Carrier& admin = *rig_.connect(*vocabulary_, SeatRig::user(who));
  admin.take();
  admin.reads = false;
  rig_.publish_flag("one", "enabled");
  rig_.publish(SeatRig::about("platform.updated", 7, R"(["enabled"])", ""));
  EXPECT_EQ(admin.session->outbox().messages(), 2U);
  rig_.become(who, Role::user);
  EXPECT_EQ(admin.reason, "session_revoked");
  admin.read();
  EXPECT_THAT(admin.take(), IsEmpty()) << "clients hear of both, but not of all that these say";
}

TEST_F(SocketioAdmin, what_all_are_told_is_made_once) {
  std::vector<Carrier*> admins;
  for (UserId id = 1; id <= 3; ++id) admins.push_back(&come(id));
  for (Carrier* const one : admins) one->take();
  const std::uint64_t before = hub::frames_built();
  rig_.publish_flag("one", "enabled");
  rig_.publish(SeatRig::about("platform.updated", 7, R"(["config"])", ""));
  EXPECT_EQ(hub::frames_built() - before, 2U);
  for (Carrier* const one : admins) EXPECT_EQ(one->take().size(), 2U);
}

TEST_F(SocketioAdmin, an_event_is_told_as_things_are_when_it_is_sent) {
  rig_.publish_flag("one", "enabled");
  come().take();
  rig_.world.plans["one"].name = "One";
  rig_.change();
  Carrier* const late = rig_.connect(*vocabulary_, rig_.user(2, Role::admin), "{}", 0);
  const std::vector<std::string> told = late->take();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_THAT(told[0], testing::HasSubstr(R"({"epoch":"epoch-1","seq":0,"recovered":true},"epoch-1:0")"));
  EXPECT_THAT(told[1], testing::HasSubstr(R"("display_name":"One")"));
  EXPECT_THAT(told[1], testing::EndsWith(R"("epoch-1:1"])"));
}

TEST_F(SocketioAdmin, announcements_and_the_servers_state_have_names_of_their_own) {
  Carrier& admin = come();
  admin.take();
  rig_.publish(
      {"system.alert", R"({"message":"m","priority":"low","sent_by":1})", hub::Audience::everyone()});
  EXPECT_THAT(admin.take_one(),
              testing::StartsWith(
                  R"(2/admin,["admin_notification",{"type":"announcement","message":"m","priority":"low",)"));
  hub::EventDraft health{"health.status.changed", R"({"component":"disk","status":"ok"})",
                         hub::Audience::admins()};
  health.attributes = R"({"status":"degraded"})";
  rig_.publish(health, false);
  EXPECT_EQ(admin.take_one(),
            R"(2/admin,["system_status",{"status":"degraded","timestamp":"2026-01-06T10:30:01.123Z"},)"
            R"({"timestamp":"2026-01-06T10:30:01.123Z"}])")
      << "of the whole server";
  hub::EventDraft status{"system.status", R"({"message":"m"})", hub::Audience::everyone(), "system"};
  rig_.publish(status, false);
  EXPECT_THAT(admin.take(), IsEmpty()) << "it is what it was";
  status.attributes = R"({"status":"draining"})";
  rig_.publish(status, false);
  EXPECT_THAT(admin.take_one(), testing::StartsWith(R"(2/admin,["system_status",{"status":"draining",)"));
  rig_.publish({"client.metrics", R"({"client_id":5,"metrics":{"a":1}})", hub::Audience::admins()}, false);
  EXPECT_EQ(admin.take_one(), R"(2/admin,["client.metrics",{"client_id":5,"metrics":{"a":1}},)"
                              R"({"timestamp":"2026-01-06T10:30:01.123Z"}])")
      << "others keep their type";
}

TEST_F(SocketioAdmin, a_dashboard_counts_what_is_there) {
  Carrier& admin = come();
  rig_.set_client(rig_.make_client(9));
  const std::string data =
      R"({"platforms":1,"features":2,"packages":2,"clients":1,"connections":1,"timestamp":")" +
      std::string(time_of_rig) + "\"}";
  EXPECT_THAT(rig_.say(admin, R"(["request_dashboard_update"])", 1),
              ElementsAre(R"(2/admin,["dashboard_update",)" + data + "]",
                          R"(3/admin,1[{"ok":true,"data":)" + data + "}]"));
}

TEST_F(SocketioAdmin, figures_are_told_once_a_second) {
  Carrier& admin = come();
  EXPECT_THAT(rig_.say(admin, R"(["request_system_metrics",{}])"),
              ElementsAre(testing::StartsWith(
                  R"(2/admin,["system_metrics",{"connections":1,"timestamp":"2026-01-06T10:30:01.123Z",)")));
  EXPECT_THAT(rig_.say(admin, R"(["request_system_metrics",{}])"),
              ElementsAre(testing::StartsWith(R"(2/admin,["error",{"code":"rate_limited",)")));
  rig_.clock.advance(std::chrono::seconds(1));
  EXPECT_THAT(rig_.say(admin, R"(["request_system_metrics",{}])"),
              ElementsAre(testing::HasSubstr("system_metrics")));
}

TEST_F(SocketioAdmin, what_one_may_follow_is_confirmed) {
  Carrier& admin = come();
  rig_.set_client(rig_.make_client(9));
  const struct {
    const char* argument;
    const char* answer;
  } cases[] = {
      {R"({"entity_type":"platform","entity_id":7})",
       R"("ok":true,"data":{"entity_type":"platform","entity_id":7,"room":"platform_7"}})"},
      {R"({"entity_type":"client","entity_id":5})",
       R"("ok":true,"data":{"entity_type":"client","entity_id":5,"room":"client_5"}})"},
      {R"({"entity_type":"feature","entity_id":null})",
       R"("ok":true,"data":{"entity_type":"feature","entity_id":null,"room":"feature"}})"},
      {R"({"entity_type":"package","entity_id":7})", R"("ok":false,"code":"not_found")"},
      {R"({"entity_type":"feature","entity_id":12})", R"("ok":false,"code":"not_found")"},
      {R"({"entity_type":"user","entity_id":1})", R"("ok":false,"code":"validation_failed")"},
      {R"({"entity_type":"platform","entity_id":"7"})", R"("ok":false,"code":"validation_failed")"},
      {R"({})", R"("ok":false,"code":"validation_failed")"},
      {R"(7)", R"("ok":false,"code":"validation_failed")"},
  };
  for (const auto& [argument, answer] : cases)
    EXPECT_THAT(rig_.say(admin, R"(["subscribe_entity_updates",)" + std::string(argument) + "]", 2).back(),
                testing::HasSubstr(answer))
        << argument;
  EXPECT_EQ(rig_.say(admin, R"(["subscribe_entity_updates",{"entity_type":"platform","entity_id":7}])")[0],
            R"(2/admin,["subscribed",{"entity_type":"platform","entity_id":7,"room":"platform_7"}])");
  rig_.publish(SeatRig::about("platform.updated", 7, R"(["enabled"])", ""));
  EXPECT_EQ(admin.take().size(), 1U) << "an event comes once, whatever was asked for";
  Carrier& other = come(2);
  other.take();
  rig_.publish(SeatRig::about("platform.updated", 7, R"(["enabled"])", ""));
  rig_.publish(SeatRig::about("package.updated", 9, R"(["name"])", R"(,"package":9)"));
  rig_.publish_flag("one", "updated");
  EXPECT_EQ(admin.take(), other.take()) << "who asks for one thing hears of the others, too";
  rig_.publish(SeatRig::about("client.updated", 5, R"(["name"])", R"(,"client":5)"));
  EXPECT_EQ(other.take().size(), 1U) << "who asks for nothing hears of all";
}

TEST_F(SocketioAdmin, of_a_flag_that_is_known_by_its_name_alone_it_is_told_the_name) {
  Carrier& admin = come();
  admin.take();
  const auto told = [&](const std::string& type, const std::string& action, const std::string& enabled) {
    hub::EventDraft draft{type,
                          R"({"namespace":"bep","environment":"default","flag_id":null,"flag_key":"far",)"
                          R"("action":")" +
                              action + R"(","enabled":)" + enabled + "}",
                          hub::Audience::everyone(), "flags/bep"};
    rig_.publish(std::move(draft));
    return admin.take_one();
  };
  EXPECT_EQ(told("flag.updated", "enabled", "true"),
            R"(2/admin,["feature_update",{"type":"toggle","feature_id":null,"data":{"id":null,)"
            R"("feature_key":"far","display_name":"far","is_enabled":true,"parent_id":null,"platform":null,)"
            R"("package_gated":false,"sub_features":[],"namespace":"bep","environment":"default",)"
            R"("version":null},"timestamp":"2026-01-06T10:30:01.123Z"},)"
            R"({"seq":1,"timestamp":"2026-01-06T10:30:01.123Z","topic":"flags/bep"},"epoch-1:1"])");
  EXPECT_THAT(
      told("flag.deleted", "deleted", "false"),
      testing::HasSubstr(
          R"("type":"update","feature_id":null,"data":{"id":null,"feature_key":"far","deleted":true},)"));
  rig_.world.plans["far"] = {.name = "Here"};
  rig_.change();
  EXPECT_THAT(told("flag.updated", "disabled", "false"),
              testing::HasSubstr(R"("type":"toggle","feature_id":3,"data":{"id":3,"feature_key":"far",)"
                                 R"("display_name":"Here","is_enabled":true,)"))
      << "it has come to be before the event is sent";
}

TEST_F(SocketioAdmin, what_the_log_has_lost_of_flags_is_told_once) {
  for (int i = 0; i < 3; ++i) rig_.publish_flag("one", "enabled");
  rig_.topics_floor = 2;
  Carrier* const late = rig_.connect(*vocabulary_, rig_.user(2, Role::admin), "{}", 0);
  EXPECT_THAT(
      late->take(),
      ElementsAre(testing::HasSubstr(R"("seq":0,"recovered":false})"),
                  testing::StartsWith(R"(2/admin,["stream.gap",{"from":0,"to":2,"reason":"expired"},)"),
                  testing::EndsWith(R"("epoch-1:3"])")));
}

TEST_F(SocketioAdmin, an_unknown_event_is_refused) {
  Carrier& admin = come();
  EXPECT_THAT(rig_.say(admin, R"(["heartbeat"])", 3),
              ElementsAre(testing::StartsWith(R"(3/admin,3[{"ok":false,"code":"unknown_type")")));
}

}  // namespace
}  // namespace corohub::gateway::socketio::test
