// What administrators and clients are told of platforms, flags and packages: each text to the letter, the
// order of its members included.
#include "gateway/socketio/bodies.hpp"

#include "core/json_text.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::gateway::socketio {
namespace {

constexpr UnixMs noon = 1'767'700'800'123;  // 2026-01-06T12:00:00.123Z

flags::DefinitionRef definition(const std::string& text) {
  flags::Reading reading;
  return flags::parse_definition(parse_json(text).value().as_object(), reading).value();
}

struct Plan {
  std::int64_t id;
  std::string key;
  std::string definition;
  std::string parent{};
  std::string platform{};
  std::string off_variant{};
  std::string name{};
  bool gated = false;
  bool visible = true;
};

const std::string on = R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"on"})";
const std::string off = R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off"})";
const std::string disabled = R"({"state":"DISABLED","variants":{"on":true},"defaultVariant":"on"})";
const std::string text = R"({"state":"ENABLED","variants":{"a":"x\"y"},"defaultVariant":"a"})";
const std::string broken =
    R"({"state":"ENABLED","variants":{"a":"x"},"defaultVariant":"a","targeting":{"/":[1,0]}})";

flags::NamespaceRef name_space(const std::vector<Plan>& plans, bool platform_on = true) {
  auto made = std::make_shared<flags::Namespace>();
  made->id = 3;
  made->key = "bep";
  auto web = std::make_shared<flags::Platform>();
  web->id = 7;
  web->key = "web";
  web->name = "The \"Web\"";
  web->enabled = platform_on;
  web->config = R"({"b":1,"a":[2.5]})";
  web->version = 4;
  web->updated_at = noon;
  made->platforms = {web};
  std::vector<flags::Flag> list;
  for (const Plan& plan : plans) {
    auto identity = std::make_shared<flags::FlagIdentity>();
    identity->id = plan.id;
    identity->key = plan.key;
    identity->name = plan.name.empty() ? plan.key : plan.name;
    identity->package_gated = plan.gated;
    identity->client_visible = plan.visible;
    if (!plan.parent.empty()) identity->parent = plan.parent;
    if (!plan.platform.empty()) identity->platform = plan.platform;
    if (!plan.off_variant.empty()) identity->off_variant = plan.off_variant;
    flags::Flag flag;
    flag.definition = definition(plan.definition);
    identity->type = flag.definition->type;
    flag.identity = std::move(identity);
    flag.version = 5;
    list.push_back(std::move(flag));
  }
  flags::EnvironmentParts parts;
  parts.id = 1;
  parts.key = "production";
  parts.is_default = true;
  made->environments.push_back(
      std::make_shared<flags::Environment>(std::move(parts), std::move(list), made->platforms));
  return made;
}

TEST(SocketioBodies, a_platform_is_shown_with_its_config_to_administrators_alone) {
  const flags::NamespaceRef bep = name_space({});
  EXPECT_EQ(platform_for_admins(*bep, *bep->platforms[0]),
            R"({"id":7,"platform":"web","display_name":"The \"Web\"","is_enabled":true,)"
            R"("config":{"b":1,"a":[2.5]},"namespace":"bep","version":4,)"
            R"("updated_at":"2026-01-06T12:00:00.123Z"})");
  EXPECT_EQ(platforms_for_clients(*bep),
            R"([{"id":7,"platform":"web","display_name":"The \"Web\"","is_enabled":true,)"
            R"("namespace":"bep","updated_at":"2026-01-06T12:00:00.123Z"}])");
}

TEST(SocketioBodies, a_feature_is_shown_to_administrators_with_the_flags_below_it) {
  const flags::NamespaceRef bep = name_space(
      {{.id = 12, .key = "top", .definition = on, .platform = "web"},
       {.id = 14, .key = "b", .definition = on, .parent = "top"},
       {.id = 13, .key = "c", .definition = disabled, .parent = "top", .name = "Sea", .gated = true},
       {.id = 15, .key = "d", .definition = on, .parent = "c"}});
  const flags::Environment& environment = bep->default_environment();
  EXPECT_EQ(feature_for_admins(*bep, environment, *environment.find("top")),
            R"({"id":12,"feature_key":"top","display_name":"top","is_enabled":true,"parent_id":null,)"
            R"("platform":"web","package_gated":false,"sub_features":[)"
            R"({"id":14,"feature_id":12,"sub_key":"b","display_name":"b","is_enabled":true},)"
            R"({"id":13,"feature_id":12,"sub_key":"c","display_name":"Sea","is_enabled":false}],)"
            R"("namespace":"bep","environment":"production","version":5})");
  EXPECT_EQ(feature_for_admins(*bep, environment, *environment.find("d")),
            R"({"id":15,"feature_key":"d","display_name":"d","is_enabled":false,"parent_id":13,)"
            R"("platform":null,"package_gated":false,"sub_features":[],"namespace":"bep",)"
            R"("environment":"production","version":5})")
      << "the switch is that of all above it";
}

TEST(SocketioBodies, a_package_names_its_flags_by_their_keys) {
  const flags::NamespaceRef bep =
      name_space({{.id = 1, .key = "z", .definition = on}, {.id = 2, .key = "a:b@c", .definition = on}});
  flags::Package gold;
  gold.id = 9;
  gold.key = "gold";
  gold.name = "Gold";
  gold.features = {{1, {}}, {2, {{"seats", 5}, {"plan", "pro"}}}, {77, {{"gone", true}}}};
  EXPECT_EQ(package_for_admins(*bep, gold),
            R"({"id":9,"name":"gold","display_name":"Gold","description":"","price":null,"currency":null,)"
            R"("billing_period":null,"is_active":true,"features":["a:b@c","z"],)"
            R"("limits":{"a:b@c":{"seats":5,"plan":"pro"},"z":{}}})");
  gold.description = "All of it";
  gold.price = 9.5;
  gold.currency = "EUR";
  gold.billing_period = flags::BillingPeriod::monthly;
  gold.available = false;
  gold.features.clear();
  EXPECT_EQ(package_for_admins(*bep, gold),
            R"({"id":9,"name":"gold","display_name":"Gold","description":"All of it","price":9.5,)"
            R"("currency":"EUR","billing_period":"monthly","is_active":false,"features":[],"limits":{}})");
}

TEST(SocketioBodies, T51_a_client_is_told_of_those_flags_of_its_package_that_it_sees) {
  const flags::NamespaceRef made =
      name_space({{.id = 1, .key = "seen", .definition = on, .gated = true},
                  {.id = 2, .key = "hidden", .definition = on, .visible = false},
                  {.id = 3, .key = "below", .definition = on, .parent = "hidden"},
                  {.id = 4, .key = "denied", .definition = on, .gated = true},
                  {.id = 5, .key = "gate", .definition = on, .gated = true},
                  {.id = 6, .key = "behind", .definition = on, .parent = "gate"}});
  flags::Namespace bep = *made;
  auto gold = std::make_shared<flags::Package>();
  gold->id = 9;
  for (const std::int64_t id : {1, 2, 3, 4, 6}) gold->features.push_back({id, {{"seats", id}}});
  bep.packages = {gold};
  flags::Client client;
  client.package_id = 9;
  client.overrides = {{.flag_id = 4, .granted = false}};
  const flags::Standing standing({.kind = flags::Viewer::Kind::client}, bep, &client, noon);
  const std::string told = package_for_client(standing);
  EXPECT_NE(told.find(R"("features":["seen"],"limits":{"seen":{"seats":1}}})"), std::string::npos) << told;
  EXPECT_NE(package_for_admins(bep, *gold).find(R"(["behind","below","denied","hidden","seen"])"),
            std::string::npos);
}

TEST(SocketioBodies, a_view_is_a_flag_as_one_client_has_it) {
  const json::object seats{{"seats", 5}};
  const struct {
    Plan plan;
    const json::object* limits;
    const char* rest;  // behind the key
  } cases[] = {
      {{1, "f", on},
       &seats,
       R"("is_enabled":true,"value":true,"variant":"on","reason":"STATIC","parent_id":null,)"
       R"("limits":{"seats":5}})"},
      {{1, "f", off},
       nullptr,
       R"("is_enabled":false,"value":false,"variant":"off","reason":"STATIC","parent_id":null,"limits":{}})"},
      {{1, "f", disabled},
       nullptr,
       R"("is_enabled":false,"value":null,"variant":null,"reason":"DISABLED","parent_id":null,"limits":{}})"},
      {{1, "f", text},
       nullptr,
       R"("is_enabled":true,"value":"x\"y","variant":"a","reason":"STATIC","parent_id":null,"limits":{}})"},
      {{1, "f", broken},
       nullptr,
       R"("is_enabled":true,"value":null,"variant":null,"reason":"ERROR","parent_id":null,"limits":{}})"},
      {{.id = 1, .key = "f", .definition = text, .platform = "web"},
       nullptr,
       R"("is_enabled":false,"value":null,"variant":null,"reason":"DISABLED","parent_id":null,"limits":{}})"},
      {{.id = 1, .key = "f", .definition = on, .parent = "p", .off_variant = "off"},
       nullptr,
       R"("is_enabled":false,"value":false,"variant":"off","reason":"DISABLED","parent_id":2,"limits":{}})"},
  };
  for (const auto& [plan, limits, rest] : cases) {
    const flags::NamespaceRef bep = name_space({plan, {.id = 2, .key = "p", .definition = disabled}}, false);
    const flags::Environment& environment = bep->default_environment();
    const flags::Context context;
    flags::Evaluator evaluator(environment, context, 0);
    std::string view;
    view_text().append(view, evaluator.evaluate(*environment.find("f")), limits);
    EXPECT_EQ(view, R"({"id":1,"feature_key":"f","display_name":"f",)" + std::string(rest));
  }
}

TEST(SocketioBodies, what_has_happened_says_of_what_and_when) {
  EXPECT_EQ(update_text("platform", true, 7, gone_text(7), noon),
            R"({"type":"toggle","platform_id":7,"data":{"id":7,"deleted":true},)"
            R"("timestamp":"2026-01-06T12:00:00.123Z"})");
  EXPECT_EQ(update_text("feature", false, 7, "{}", noon),
            R"({"type":"update","feature_id":7,"data":{},"timestamp":"2026-01-06T12:00:00.123Z"})");
  EXPECT_EQ(sync_text("import", noon),
            R"({"type":"sync_required","reason":"import","timestamp":"2026-01-06T12:00:00.123Z"})");
  EXPECT_EQ(status_text("degraded", noon), R"({"status":"degraded","timestamp":"2026-01-06T12:00:00.123Z"})");
}

hub::Event event(std::string type, std::string data) {
  return {{std::move(type), std::move(data), hub::Audience::everyone()}, 5, noon};
}

TEST(SocketioBodies, an_alert_is_an_announcement_with_all_its_members) {
  EXPECT_EQ(announcement_text(event("system.alert", R"({"message":"a\nb","priority":"high","sent_by":1})")),
            R"({"type":"announcement","message":"a\nb","priority":"high","metadata":null,"sent_by":1,)"
            R"("timestamp":"2026-01-06T12:00:00.123Z"})");
  EXPECT_EQ(
      announcement_text(event("system.alert",
                              R"({"message":"m","priority":"low","metadata":{"b":1e2,"a":[]},"sent_by":2})")),
      R"({"type":"announcement","message":"m","priority":"low","metadata":{"b":1e2,"a":[]},)"
      R"("sent_by":2,"timestamp":"2026-01-06T12:00:00.123Z"})");
}

TEST(SocketioBodies, an_event_tells_what_it_is_about) {
  const struct {
    const char* type;
    const char* data;
    const char* change;  // "kind namespace/environment id toggle"; empty: of none of these
  } cases[] = {
      {"platform.updated", R"({"namespace":"bep","id":7,"key":"web","changes":["name","enabled"]})",
       "platform bep/ 7 toggle"},
      {"platform.updated", R"({"namespace":"bep","id":7,"key":"enabled","changes":["config"]})",
       "platform bep/ 7 update"},
      {"platform.created", R"({"namespace":"bep","id":7,"key":"web","changes":[]})",
       "platform bep/ 7 update"},
      {"package.updated", R"({"namespace":"bep","id":9,"key":"gold","changes":["enabled"]})",
       "package bep/ 9 update"},
      {"flag.updated",
       R"({"namespace":"bep","environment":"staging","flag_id":12,"flag_key":"a","action":"disabled"})",
       "feature bep/staging 12 toggle"},
      {"flag.updated", R"({"namespace":"bep","environment":"staging","flag_id":12,"action":"updated"})",
       "feature bep/staging 12 update"},
      {"flag.deleted", R"({"namespace":"bep","environment":"default","flag_id":12,"action":"deleted"})",
       "feature bep/default 12 update"},
      {"flag.updated", R"({"namespace":"bep","environment":"default","flag_id":null,"action":"enabled"})",
       "feature bep/default 0 toggle"},
      {"client.updated", R"({"namespace":"bep","id":5,"changes":["package"]})", ""},
      {"platforms", R"({"namespace":"bep","id":5})", ""},
  };
  for (const auto& [type, data, expected] : cases) {
    const std::optional<Change> change = change_of(event(type, data));
    std::string said;
    if (change)
      said = std::string(change->kind) + " " + change->name_space + "/" + change->environment + " " +
             std::to_string(change->id) + (change->is_toggle ? " toggle" : " update");
    EXPECT_EQ(said, expected) << type << data;
  }
}

TEST(SocketioBodies, of_several_reasons_to_ask_again_one_is_given) {
  const struct {
    const char* type;
    const char* changes;
    const char* reason;
    const char* of_none = nullptr;  // the reason for one that is no client any more, if it is another
  } cases[] = {
      {"client.updated", R"(["overrides","package"])", "package_changed"},
      {"client.updated", R"(["overrides"])", "override_changed"},
      {"client.updated", R"(["attributes","status"])", "attributes_changed", "status_changed"},
      {"client.updated", R"(["package","status"])", "package_changed", "status_changed"},
      {"client.updated", R"(["status"])", "status_changed"},
      {"client.updated", R"(["name"])", ""},
      {"client.updated", R"(["name","user_id"])", "status_changed"},
      {"client.created", R"([])", "status_changed"},
      {"client.deleted", R"([])", "status_changed"},
  };
  for (const auto& [type, changes, reason, of_none] : cases) {
    const hub::Event change = event(type, R"({"id":5,"changes":)" + std::string(changes) + "}");
    EXPECT_EQ(sync_reason(change, true), reason) << changes;
    EXPECT_EQ(sync_reason(change, false), of_none != nullptr ? of_none : reason) << changes;
  }
}

}  // namespace
}  // namespace corohub::gateway::socketio
