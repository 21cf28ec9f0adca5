// What a viewer may evaluate, sees and is granted in a namespace, by the client that it is there.
#include "support.hpp"
#include "support/allocations.hpp"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::flags {
namespace {

using test::EnvironmentOf;
using Kind = Viewer::Kind;

constexpr UnixMs now_ms = test::now_seconds * 1000;
constexpr std::int64_t gold_id = 3, retired_id = 4;
const std::string on = R"({"state":"ENABLED","variants":{"a":1},"defaultVariant":"a"})";

// Flags by their ids, which stand in their keys' order.
enum FlagId : std::int64_t { below_hidden = 1, below_paid, hidden, other_paid, paid, plain };

struct House {
  House() {
    name_space.id = 1;
    name_space.key = "bep";
    name_space.access = NamespaceAccess::clients;
    auto& environments = name_space.environments;
    environments = {make_environment(10, "default", true), make_environment(11, "staging", false)};
    auto gold = std::make_shared<Package>();
    gold->id = gold_id;
    gold->key = "gold";
    gold->features = {{below_paid, {}}, {paid, {{"seats", 5}, {"tier", "a\"b"}}}, {plain, {{"n", nullptr}}}};
    auto retired = std::make_shared<Package>(*gold);
    retired->id = retired_id;
    retired->key = "retired";
    retired->available = false;
    name_space.packages = {gold, retired};
    auto web = std::make_shared<Platform>();
    web->id = 8;
    web->key = "web";
    name_space.platforms = {web};
    client.id = 9;
    client.key = "acme";
    client.namespace_id = 1;
    client.package_id = gold_id;
  }

  static EnvironmentRef make_environment(std::int64_t id, std::string key, bool is_default) {
    std::vector<Flag> flags;
    const auto add = [&](test::FlagParts parts) {
      Flag flag = test::flag_of(std::move(parts));
      auto identity = std::make_shared<FlagIdentity>(*flag.identity);
      identity->id = static_cast<std::int64_t>(flags.size()) + 1;
      flag.identity = std::move(identity);
      flags.push_back(std::move(flag));
    };
    add({.key = "below_hidden", .definition = on, .parent = "hidden"});
    add({.key = "below_paid", .definition = on, .parent = "paid"});
    add({.key = "hidden", .definition = on, .package_gated = true, .client_visible = false});
    add({.key = "other_paid", .definition = on, .package_gated = true});
    add({.key = "paid", .definition = on, .package_gated = true});
    add({.key = "plain", .definition = on});
    EnvironmentParts parts;
    parts.id = id;
    parts.key = std::move(key);
    parts.is_default = is_default;
    return std::make_shared<const Environment>(std::move(parts), std::move(flags),
                                               std::vector<PlatformRef>());
  }

  void override_with(std::int64_t flag_id, bool granted, std::optional<UnixMs> expires_at = {}) {
    client.overrides.push_back({flag_id, granted, "why", expires_at});
    std::ranges::sort(client.overrides, {}, &Override::flag_id);
  }
  Standing standing(const Viewer& viewer) const { return {viewer, name_space, &client, now_ms}; }
  std::string seen(const Viewer& viewer = is_client) const {
    const Standing who = standing(viewer);
    std::string keys;
    for (const Flag& flag : who.home().flags())
      if (who.sees(flag)) keys += flag.key() + " ";
    return keys;
  }
  std::string limits(std::int64_t flag_id) const {
    const Standing who = standing(is_client);
    const json::object* found = who.limits_of(*who.home().find(flag_id)->identity);
    return found == nullptr ? "none" : json_text(*found);
  }

  static inline const Viewer is_client{.kind = Kind::client, .client_id = 9};
  static inline const Viewer is_user{.kind = Kind::user, .user_id = 7};
  Namespace name_space;
  Client client;
};

const std::string all = "below_paid paid plain ";

// The override's word is the last, for as long as it holds; then it is the package's.
TEST(Standing, T51f_a_flag_behind_a_package_is_seen_by_whom_it_is_granted) {
  const struct {
    const char* what;
    std::int64_t package;
    std::vector<Override> overrides;
    std::string seen;
  } table[] = {
      {"the package", gold_id, {}, all},
      {"a package that is no longer sold", retired_id, {}, all},
      {"no package", 0, {}, "plain "},
      {"a package that is gone", 77, {}, "plain "},
      {"granted without a package", 0, {{paid, true}}, all},
      {"granted beside the package", gold_id, {{other_paid, true}}, "below_paid other_paid paid plain "},
      {"granted for now", 0, {{paid, true, "", now_ms + 1}}, all},
      {"granted until now", 0, {{paid, true, "", now_ms}}, "plain "},
      {"denied", gold_id, {{paid, false}}, "plain "},
      {"denied for now", gold_id, {{paid, false, "", now_ms + 1}}, "plain "},
      {"denied until now", gold_id, {{paid, false, "", now_ms}}, all},
      {"denied what is behind no package", gold_id, {{plain, false}}, all},
      {"granted what clients never see", gold_id, {{below_hidden, true}, {hidden, true}}, all},
      {"granted below what is not", 0, {{below_paid, true}}, "plain "},
      {"of a flag that is gone", 0, {{99, true}}, "plain "},
  };
  for (const auto& row : table) {
    House house;
    house.client.package_id = row.package;
    house.client.overrides = row.overrides;
    EXPECT_EQ(house.seen(), row.seen) << row.what;
    EXPECT_EQ(house.seen(House::is_user), row.seen) << row.what;
  }
}

TEST(Standing, a_service_sees_all_and_a_guest_nothing_behind_a_package) {
  const House house;
  EXPECT_EQ(house.seen({.kind = Kind::service}), "below_hidden below_paid hidden other_paid paid plain ");
  const Viewer guest;
  const Standing who(guest, house.name_space, nullptr, now_ms);
  EXPECT_FALSE(who.sees(*who.home().find(paid)));
  EXPECT_FALSE(who.is_granted(*who.home().find(plain)->identity));
}

// Whoever is disabled is nobody's client: neither its package nor its attributes are for a rule to read.
TEST(Standing, T51f_a_disabled_client_is_none) {
  House house;
  house.override_with(other_paid, true);
  house.client.environment_id = 11;
  house.client.status = Client::Status::disabled;
  const Standing client = house.standing(House::is_client);
  const Standing user = house.standing(House::is_user);
  EXPECT_FALSE(client.may_evaluate());
  EXPECT_FALSE(user.may_evaluate());
  EXPECT_EQ(user.client(), nullptr);
  EXPECT_EQ(user.package(), nullptr);
  EXPECT_EQ(&user.home(), &house.name_space.default_environment());
  EXPECT_EQ(house.seen(House::is_user), "plain ");
  house.name_space.access = NamespaceAccess::everybody;
  EXPECT_FALSE(client.may_evaluate()) << "a key that is disabled is less than none";
  EXPECT_TRUE(user.may_evaluate());
}

TEST(Standing, a_client_opens_its_namespace_and_its_own_environment) {
  House house;
  const auto places = [&](const Viewer& viewer, const Client* client) {
    std::string text;
    const Standing who(viewer, house.name_space, client, now_ms);
    for (const EnvironmentRef& one : house.name_space.environments)
      text += who.may_evaluate(*one) ? one->key + " " : "";
    return text + "home " + who.home().key;
  };
  EXPECT_EQ(places(House::is_client, &house.client), "default home default");
  EXPECT_EQ(places(House::is_user, &house.client), "default staging home default");
  EXPECT_EQ(places(House::is_client, nullptr), "home default");
  EXPECT_EQ(places(House::is_user, nullptr), "home default");
  house.client.environment_id = 11;
  EXPECT_EQ(places(House::is_client, &house.client), "staging home staging");
  EXPECT_EQ(places(House::is_user, &house.client), "default staging home staging");
}

TEST(Standing, limits_are_the_packages_while_the_flag_is_granted) {
  House house;
  EXPECT_EQ(house.limits(paid), R"({"seats":5,"tier":"a\"b"})");
  EXPECT_EQ(house.limits(plain), R"({"n":null})") << "behind no package";
  EXPECT_EQ(house.limits(below_paid), "{}");
  EXPECT_EQ(house.limits(other_paid), "none");
  house.override_with(paid, true);
  EXPECT_EQ(house.limits(paid), R"({"seats":5,"tier":"a\"b"})") << "an override that grants keeps them";
  house.override_with(other_paid, true);
  EXPECT_EQ(house.limits(other_paid), "none");
  house.client.overrides.clear();
  house.override_with(paid, false);
  EXPECT_EQ(house.limits(paid), "none");
}

TEST(Standing, is_what_a_rule_reads_of_the_client) {
  House house;
  const auto read = [&](const Viewer& viewer, const std::string& sent = "{}") {
    Context context = test::context_of(sent);
    context.set_caller(house.standing(viewer), "default");
    return json_text(context.object());
  };
  EXPECT_EQ(
      read(House::is_client),
      R"({"corohub":{"kind":"client","userId":null,"role":null,"client":"acme","package":"gold",)"
      R"("platform":null,"attributes":{},"namespace":"bep","environment":"default"},"targetingKey":"client:acme"})");
  house.client.platform_id = 8;
  house.client.package_id = 0;
  house.client.attributes = R"({"size":[1,"x"]})";
  EXPECT_EQ(
      read(House::is_user, R"({"targetingKey":"mine","corohub":{"package":"gold"}})"),
      R"({"targetingKey":"mine","corohub":{"kind":"user","userId":7,"role":"user","client":"acme",)"
      R"("package":null,"platform":"web","attributes":{"size":[1,"x"]},"namespace":"bep","environment":"default"}})");
  EXPECT_TRUE(read(House::is_user).ends_with(R"("targetingKey":"user:7"})"));
  EXPECT_TRUE(
      read(House::is_client, R"({"targetingKey":""})").starts_with(R"({"targetingKey":"client:acme")"));
}

TEST(Standing, limits_stand_in_the_metadata_over_what_others_say_there) {
  const auto item = [](const std::string& environments, const std::string& flags, const json::object& limits,
                       bool closed = false) {
    const auto environment =
        EnvironmentOf{
            .flags = {{.key = "p", .definition = R"({"state":"DISABLED","variants":{"a":1}})"},
                      {.key = "c",
                       .definition = R"({"state":"ENABLED","variants":{"a":1},"metadata":)" + flags + "}",
                       .parent = closed ? std::optional<std::string>("p") : std::nullopt}},
            .metadata = environments}
            .make();
    const Context context = test::context_of("{}");
    Evaluator evaluator(*environment, context, test::now_seconds);
    std::string out;
    append_evaluation(out, *environment, evaluator.evaluate(*environment->find("c")), nullptr, &limits);
    return out.substr(out.find("\"metadata\":") + 11);
  };
  const json::object limits{{"seats", 5}, {"a\"", "x"}};
  EXPECT_EQ(item("{}", "{}", limits), R"({"limits.seats":5,"limits.a\"":"x"}})");
  EXPECT_EQ(item(R"({"t":1})", R"({"o":2})", limits), R"({"t":1,"o":2,"limits.seats":5,"limits.a\"":"x"}})");
  EXPECT_EQ(item("{}", "{}", limits, true), R"({"limits.seats":5,"limits.a\"":"x","gate":"parent"}})");
  EXPECT_EQ(item(R"({"limits.seats":1})", "{}", limits), R"({"limits.seats":5,"limits.a\"":"x"}})");
  EXPECT_EQ(item("{}", R"({"limits.seats":1,"o":2})", limits),
            R"({"limits.seats":5,"o":2,"limits.a\"":"x"}})");
  EXPECT_EQ(item(R"({"limits.other":1})", "{}", limits),
            R"({"limits.other":1,"limits.seats":5,"limits.a\"":"x"}})");
  EXPECT_EQ(item(R"({"t":1})", "{}", {}), R"({"t":1}})");
}

TEST(Standing, costs_no_memory) {
  House house;
  house.override_with(other_paid, true, now_ms + 1);
  const Standing who = house.standing(House::is_client);
  const Context context = test::context_of("{}");
  std::string out;
  out.reserve(4096);
  Evaluator evaluator(who.home(), context, test::now_seconds);
  evaluator.evaluate(*who.home().find(below_paid));  // its parent's place
  const corohub::test::AllocationCount allocated;
  for (const Flag& flag : who.home().flags())
    if (who.sees(flag))
      append_evaluation(out, who.home(), evaluator.evaluate(flag), nullptr, who.limits_of(*flag.identity));
  EXPECT_EQ(allocated.so_far(), 0U) << out;
  EXPECT_NE(out.find("limits.seats"), std::string::npos);
}

}  // namespace
}  // namespace corohub::flags
