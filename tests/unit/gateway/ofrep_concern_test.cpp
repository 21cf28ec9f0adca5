// Whom a change of a namespace or of a client concerns.
#include "gateway/ofrep/concern.hpp"
#include "ofrep_rig.hpp"

#include <gtest/gtest.h>

namespace corohub::gateway::ofrep::test {
namespace {

constexpr const char* other =
    R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off"})";

class Concern : public testing::Test {
 protected:
  static std::string concerned(const flags::EnvironmentRef& before, const flags::EnvironmentRef& after) {
    const flags::Namespace name_space;
    std::string all;
    for (const auto& [kind, word] :
         {std::pair(flags::Viewer::Kind::guest, "guest "), std::pair(flags::Viewer::Kind::user, "user "),
          std::pair(flags::Viewer::Kind::service, "service ")}) {
      const flags::Viewer viewer{.kind = kind};
      const flags::Standing who(viewer, name_space, nullptr, 0);
      if (Concerns().of(who, *before, who, *after)) all += word;
    }
    return all;
  }
  // The environment with one flag more or less, as a change makes it: what is the same is shared.
  static flags::EnvironmentRef with(const flags::EnvironmentRef& before, Seq revision,
                                    const std::function<void(std::vector<flags::Flag>&)>& change,
                                    const std::function<void(flags::EnvironmentParts&)>& edit = {}) {
    flags::EnvironmentParts parts = *before;
    parts.revision = revision;
    if (edit) edit(parts);
    std::vector<flags::Flag> flags = before->flags();
    change(flags);
    return std::make_shared<const flags::Environment>(std::move(parts), std::move(flags),
                                                      std::vector<flags::PlatformRef>());
  }
  static flags::SegmentRef segment(const std::string& key, const char* rule = R"({"==":[1,1]})") {
    auto made = std::make_shared<flags::Segment>();
    made->key = key;
    flags::Reading reading;
    made->rule = flags::parse_segment(json::parse(rule), reading).value();
    return made;
  }

  static constexpr const char* by_segment =
      R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off",
          "targeting":{"if":[{"$ref":"staff"},"on","off"]}})";
  static flags::EnvironmentParts parts_with_segments() {
    flags::EnvironmentParts parts;
    parts.segments = {segment("beta"), segment("staff")};
    return parts;
  }
  const flags::EnvironmentRef before = environment(
      "default", 5,
      {{"hidden", by_segment, false}, {"child", other, true, "hidden"}, {"plain"}, {"seen", other}},
      parts_with_segments());
};

TEST_F(Concern, only_those_who_see_what_changed) {
  const auto change = [](const char* key) {
    return [key](std::vector<flags::Flag>& flags) {
      for (flags::Flag& flag : flags)
        if (flag.key() == key) flag.definition = definition(other);
    };
  };
  const auto nothing = [](std::vector<flags::Flag>&) {};
  EXPECT_EQ(concerned(before, before), "");
  EXPECT_EQ(concerned(before, with(before, 6, nothing)), "");
  EXPECT_EQ(concerned(before, with(before, 6, change("plain"))), "guest user service ");
  EXPECT_EQ(concerned(before, with(before, 6, change("hidden"))), "service ");
  EXPECT_EQ(concerned(before, with(before, 6, change("child"))), "service ");
  const auto removed = [](const char* key) {
    return [key](std::vector<flags::Flag>& flags) {
      std::erase_if(flags, [&](const flags::Flag& flag) { return flag.key() == key; });
    };
  };
  EXPECT_EQ(concerned(before, with(before, 6, removed("plain"))), "guest user service ");
  EXPECT_EQ(concerned(with(before, 4, removed("plain")), before), "guest user service ");
  const auto change_segment = [](std::size_t which, const char* key) {
    return [=](flags::EnvironmentParts& parts) { parts.segments[which] = segment(key, R"({"==":[1,2]})"); };
  };
  EXPECT_EQ(concerned(before, with(before, 6, nothing, change_segment(0, "beta"))), "")
      << "nobody asks for it";
  EXPECT_EQ(concerned(before, with(before, 6, nothing, change_segment(1, "staff"))), "service ");
  EXPECT_EQ(concerned(before, with(before, 6, nothing,
                                   [](flags::EnvironmentParts& parts) { parts.metadata["a"] = 1; })),
            "guest user service ");
  EXPECT_EQ(concerned(before, environment("other", 5, {})), "guest user service ") << "another environment";
}

TEST_F(Concern, nobody_by_what_evaluations_do_not_read) {
  const auto rename = [](flags::EnvironmentParts& parts) {
    auto named = std::make_shared<flags::Segment>(*parts.segments[1]);
    named->name = "Staff";
    parts.segments[1] = named;
  };
  const auto describe = [](bool package_gated) {
    return [=](std::vector<flags::Flag>& flags) {
      auto identity = std::make_shared<flags::FlagIdentity>(*flags.back().identity);
      identity->description = "What is seen";
      identity->package_gated = package_gated;
      flags.back().identity = identity;
    };
  };
  EXPECT_EQ(concerned(before, with(before, 6, describe(false), rename)), "");
  EXPECT_EQ(concerned(before, with(before, 6, describe(true))), "guest user service ");
}

// ---- with clients ----

constexpr std::int64_t gold = 3, silver = 4;

// Flags 1 to 4, of which the second and the third are behind a package, and the fourth below the third.
class ClientConcern : public testing::Test {
 protected:
  static flags::NamespaceRef make(Seq revision, const std::vector<flags::Feature>& of_gold,
                                  const char* paid = other, const char* below = other) {
    auto made = std::make_shared<flags::Namespace>();
    made->environments = {environment(
        "default", revision,
        {{"a"}, {"b", paid, true, "", true}, {"c", other, true, "", true}, {"d", below, true, "c"}},
        default_parts())};
    for (const auto& [id, features] :
         {std::pair(gold, of_gold), std::pair(silver, std::vector<flags::Feature>())}) {
      auto package = std::make_shared<flags::Package>();
      package->id = id;
      package->features = features;
      made->packages.push_back(std::move(package));
    }
    return made;
  }
  static flags::Client client(std::int64_t package, std::vector<flags::Override> overrides = {}) {
    flags::Client made;
    made.id = 9;
    made.package_id = package;
    made.overrides = std::move(overrides);
    return made;
  }
  bool concerned(const flags::NamespaceRef& before, const flags::NamespaceRef& after,
                 const flags::Client* who) {
    return concerned(concerns_, before, after, who);
  }
  static bool concerned(Concerns& concerns, const flags::NamespaceRef& before,
                        const flags::NamespaceRef& after, const flags::Client* client) {
    static const flags::Viewer viewer{.kind = flags::Viewer::Kind::user, .user_id = 1};
    const flags::Standing was(viewer, *before, client, 0);
    const flags::Standing is(viewer, *after, client, 0);
    return concerns.of(was, before->default_environment(), is, after->default_environment());
  }

  Concerns concerns_;
};

TEST_F(ClientConcern, a_package_concerns_whoever_has_it) {
  const flags::NamespaceRef before = make(5, {{2, {}}});
  const flags::NamespaceRef more = make(5, {{2, {}}, {3, {}}});
  const flags::NamespaceRef limited = make(5, {{2, {{"seats", 1}}}});
  const flags::Client of_gold = client(gold), of_silver = client(silver);
  const flags::Client denied = client(gold, {{2, false}, {3, false}});
  const flags::Client elsewhere = client(gold, {{1, false}});
  for (const flags::NamespaceRef& after : {more, limited}) {
    Concerns concerns;
    EXPECT_TRUE(concerned(concerns, before, after, &of_gold));
    EXPECT_FALSE(concerned(concerns, before, after, &of_silver));
    EXPECT_FALSE(concerned(concerns, before, after, nullptr));
    EXPECT_FALSE(concerned(concerns, before, after, &denied)) << "it sees neither";
    EXPECT_TRUE(concerned(concerns, before, after, &elsewhere));
    EXPECT_TRUE(concerned(concerns, after, before, &of_gold));
  }
  EXPECT_FALSE(concerned(before, make(5, {{2, {}}}), &of_gold)) << "another name, nothing else";
}

TEST_F(ClientConcern, a_flag_behind_a_package_concerns_whom_it_is_granted) {
  const flags::NamespaceRef before = make(5, {{2, {}}});
  auto after = std::make_shared<flags::Namespace>(*before);
  std::vector<flags::Flag> flags = before->default_environment().flags();
  flags[1].definition = definition(other);  // b
  flags[3].definition = definition(other);  // d, below c
  flags::EnvironmentParts parts = before->default_environment();
  parts.revision = 6;
  after->environments = {
      std::make_shared<const flags::Environment>(parts, flags, std::vector<flags::PlatformRef>())};
  const std::pair<flags::Client, bool> table[] = {
      {client(gold), true},
      {client(silver), false},
      {client(0), false},
      {client(silver, {{2, true}}), true},
      {client(silver, {{3, true}}), true},  // sees d, then
      {client(silver, {{4, true}}), false},
      {client(gold, {{2, false}}), false},
      {client(gold, {{2, false, "", 0}}), true},  // past its time
  };
  for (const auto& [who, expected] : table)
    EXPECT_EQ(concerned(before, after, &who), expected) << (&who - &table[0].first);
  EXPECT_FALSE(concerned(before, after, nullptr));
}

// A crowd with overrides of what changed is told without a look when it is too large for one.
TEST_F(ClientConcern, T51b_is_looked_at_for_a_while_only) {
  const flags::NamespaceRef before = make(5, {{2, {}}});
  const flags::NamespaceRef after = make(5, {});
  const flags::Client denied = client(gold, {{2, false}});
  std::size_t looks = 0;
  while (looks <= Concerns::looks_max && !concerned(before, after, &denied)) ++looks;
  EXPECT_GT(looks, 100'000U);
  EXPECT_LE(looks, Concerns::looks_max);
  const flags::Client plain = client(silver);
  EXPECT_FALSE(concerned(before, after, &plain)) << "it shares an answer";
}

TEST(ConcernOfClients, what_its_flags_follow_from_concerns_a_client) {
  flags::Client before;
  before.overrides = {{1, true, "trial", 5}};
  const auto concerned = [&](const std::function<void(flags::Client&)>& change) {
    flags::Client after = before;
    after.version = 2;
    change(after);
    return concerns(before, after);
  };
  using Client = flags::Client;
  EXPECT_FALSE(concerned([](Client& one) { one.name = "Acme"; }));
  EXPECT_FALSE(concerned([](Client& one) { one.overrides[0].reason = "paid"; }));
  EXPECT_FALSE(concerned([](Client& one) { one.user_id = 7; })) << "a matter of its user";
  EXPECT_TRUE(concerned([](Client& one) { one.package_id = 1; }));
  EXPECT_TRUE(concerned([](Client& one) { one.platform_id = 1; }));
  EXPECT_TRUE(concerned([](Client& one) { one.environment_id = 1; }));
  EXPECT_TRUE(concerned([](Client& one) { one.attributes = R"({"a":1})"; }));
  EXPECT_TRUE(concerned([](Client& one) { one.status = Client::Status::disabled; }));
  EXPECT_TRUE(concerned([](Client& one) { one.overrides[0].granted = false; }));
  EXPECT_TRUE(concerned([](Client& one) { one.overrides[0].expires_at = 6; }));
  EXPECT_TRUE(concerned([](Client& one) { one.overrides.clear(); }));
  EXPECT_TRUE(concerned([](Client& one) { one.overrides.push_back({2, true}); }));
}

}  // namespace
}  // namespace corohub::gateway::ofrep::test
