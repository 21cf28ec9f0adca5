// Random changes of a namespace, some refused, some in vain, some at a failing disk: whatever happened, the
// tree that a unit answers with is the one that the tables make, and the events tell of exactly what differs.
#include "room.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include <gmock/gmock.h>

namespace corohub::flags::test {
namespace {

constexpr int steps = 250;

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {}

  void run() {
    ASSERT_TRUE(room_.make("bep"));
    room_.events();
    known_ = room_.stored("bep");
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      take_step();
    }
    EXPECT_GT(done_, steps / 4) << "most changes are good";
    EXPECT_GT(refused_, steps / 20) << "some are refused";
    EXPECT_LE(room_.reads(), 1U) << "no unit had to read the namespace again";
  }

 private:
  using Edit = std::function<void(NamespaceEdit&)>;

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  std::string flag_key() { return "f" + std::to_string(below(8)); }
  std::string segment_key() { return "s" + std::to_string(below(3)); }
  std::string package_key() { return "k" + std::to_string(below(3)); }
  std::string environment_key() { return below(3) == 0 ? "default" : "e" + std::to_string(below(3)); }

  DefinitionRef some_definition() {
    const bool enabled = below(3) != 0;
    switch (below(3)) {
      case 0:
        return boolean_flag(enabled);
      case 1:
        return boolean_flag(
            enabled, R"({"if":[{"==":[{"var":"x"},)" + std::to_string(below(4)) + R"(]},"on","off"]})");
      default:
        return boolean_flag(enabled, R"({"if":[{"$ref":")" + segment_key() + R"("},"on","off"]})");
    }
  }

  FlagIdentity some_identity() {
    FlagIdentity flag = identity_of(flag_key());
    flag.description = std::to_string(below(3));
    flag.client_visible = below(4) != 0;
    if (below(2) == 0) flag.parent = flag_key();
    if (below(3) == 0) flag.platform = "p" + std::to_string(below(2));
    return flag;
  }

  Package some_package(const Namespace& before) {
    Package package;
    package.key = package.name = package_key();
    package.description = std::to_string(below(2));
    if (below(2) == 0) package.price = 9.99;
    if (below(2) == 0) package.billing_period = BillingPeriod::monthly;
    package.available = below(3) != 0;
    for (const Flag& flag : before.default_environment().flags())
      if (below(2) == 0)
        package.features.push_back(
            {flag.identity->id, json::object{{"max", below(2)}, {"rate", 0.5}, {"tier", "gold"}}});
    std::ranges::sort(package.features, {}, &Feature::flag_id);
    return package;
  }

  void add_edit(NamespaceEdit& of) {
    switch (below(11)) {
      case 0:
      case 1: {
        FlagIdentity flag = some_identity();
        if (find_identity(of.before(), flag.key) == nullptr)
          of.put_definition("default", flag.key, some_definition());
        return of.put_identity(std::move(flag));
      }
      case 2:
        if (below(3) == 0) of.remove_flag(flag_key());
        return;
      case 3:
        return of.put_segment(environment_key(), segment_key(), std::to_string(below(2)),
                              segment_of(R"({"==":[{"var":"y"},)" + std::to_string(below(3)) + "]}"));
      case 4:
        if (below(2) == 0) of.remove_segment(environment_key(), segment_key());
        return;
      case 5: {
        Platform platform;
        platform.key = platform.name = "p" + std::to_string(below(2));
        platform.enabled = below(2) == 0;
        platform.config = "{}";
        return of.put_platform(std::move(platform));
      }
      case 6: {
        EnvironmentParts parts;
        parts.key = environment_key();
        parts.name = std::to_string(below(2));
        const EnvironmentRef* there = of.before().environment(parts.key);
        parts.is_default = (there != nullptr && (*there)->is_default) || below(4) == 0;
        return of.put_environment(std::move(parts), below(2) == 0 ? "" : environment_key());
      }
      case 7:
        if (below(4) == 0) of.remove_environment(environment_key());
        return;
      case 8:
        if (below(2) == 0) return of.remove_platform("p" + std::to_string(below(2)));
        if (below(4) == 0) of.remove_package(package_key());
        return;
      case 9:
        return of.put_package(some_package(of.before()));
      default:
        return of.put_definition(environment_key(), flag_key(), some_definition());
    }
  }

  void take_step() {
    const std::size_t edits = 1 + below(3);
    const auto edit = [&](NamespaceEdit& of) {
      for (std::size_t i = 0; i < edits; ++i) add_edit(of);
    };
    const std::size_t fate = below(10);
    if (fate == 0) {
      room_.change_in_vain("bep", edit);
      return expect_same();
    }
    corohub::test::FaultyVfs::disk_full() = fate == 1;
    const Result<NamespaceRef> changed = room_.change("bep", edit);
    corohub::test::FaultyVfs::disk_full() = false;
    if (!changed) {
      ++refused_;
      return expect_same();
    }
    ++done_;
    EXPECT_EQ(text_of(**changed), text_of(*room_.stored("bep")));
    check_events(*known_, **changed);
    known_ = *changed;
  }

  void expect_same() {
    EXPECT_EQ(text_of(*known_), text_of(*room_.stored("bep")));
    EXPECT_TRUE(room_.events().empty());
  }

  // Whether something about the flag is another than before, apart from versions and times of others.
  static bool differs(const Flag& before, const Flag& after) {
    return before.version != after.version || before.identity->version != after.identity->version ||
           before.enabled != after.enabled;
  }

  template <class Ref>
  static void add_differing(std::set<std::string>& out, const std::string& kind,
                            const std::vector<Ref>& before, const std::vector<Ref>& after) {
    const auto find = [](const std::vector<Ref>& all, std::int64_t id) {
      const auto found = std::ranges::find(all, id, [](const Ref& one) { return one->id; });
      return found != all.end() ? *found : nullptr;
    };
    const auto add = [&](const char* verb, const Ref& one) {
      out.insert(kind + verb + " " + one->key + " v" + std::to_string(one->version));
    };
    for (const Ref& one : after) {
      const Ref was = find(before, one->id);
      if (!was)
        add(".created", one);
      else if (was->version != one->version)
        add(".updated", one);
    }
    for (const Ref& one : before)
      if (!find(after, one->id)) add(".deleted", one);
  }

  void check_events(const Namespace& before, const Namespace& after) {
    std::map<std::string, std::size_t> told;
    std::set<std::string> told_of;  // platforms and packages: "platform.updated p1 v2"
    for (const Room::Logged& event : room_.events()) {
      if (event.data.contains("id"))
        EXPECT_TRUE(told_of.insert(event.text() + " v" + json_text(event.data.at("version"))).second);
      if (event.topic.empty()) continue;
      const std::string environment(event.data.at("environment").as_string());
      const std::string key(event.data.at("flag_key").as_string());
      ++told[environment + " " + key];
      EXPECT_EQ(event.topic,
                "flags/bep" + ((*after.environment(environment))->is_default ? "" : "/" + environment));
      const Flag* flag = (*after.environment(environment))->find(key);
      EXPECT_EQ(event.data.at("enabled").as_bool(), flag != nullptr && flag->enabled) << event.text();
    }
    for (const auto& [flag, times] : told) EXPECT_EQ(times, 1U) << flag;
    std::set<std::string> differing;
    add_differing(differing, "platform", before.platforms, after.platforms);
    add_differing(differing, "package", before.packages, after.packages);
    EXPECT_EQ(told_of, differing);
    for (const EnvironmentRef& environment : after.environments) {
      const EnvironmentRef* was = before.environment(environment->key);
      if (was == nullptr) continue;
      for (const Flag& flag : environment->flags()) {
        const Flag* there = (*was)->find(flag.key());
        if (there == nullptr || differs(*there, flag))
          EXPECT_TRUE(told.contains(environment->key + " " + flag.key())) << flag.key();
      }
      for (const Flag& flag : (*was)->flags())
        if (environment->find(flag.key()) == nullptr)
          EXPECT_TRUE(told.contains(environment->key + " " + flag.key())) << flag.key() << " is gone";
    }
  }

  std::mt19937 random_;
  Room room_;
  NamespaceRef known_;
  int done_ = 0;
  int refused_ = 0;
};

TEST(ChangeModel, trees_tables_and_events_agree) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Model(seed).run();
  }
}

}  // namespace
}  // namespace corohub::flags::test
