// Values of flags that a connection watches: what has changed for its viewer, whatever the cause, and no
// more.
#include "flag_watching_rig.hpp"

#include <random>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::gateway::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(FlagWatchingTest, a_watch_is_answered_with_all_values_and_their_metadata) {
  const auto client = watching();
  const json::object data = messages(*client).back().at("data").as_object();
  EXPECT_EQ(json::serialize(data.at("metadata")), R"({"flagSetId":"bep/default","version":"1"})");
  EXPECT_EQ(data.at("seq"), 1);
  EXPECT_EQ(data.size(), 3U);
  EXPECT_EQ(heard(*client).values, oracle());
}

TEST_F(FlagWatchingTest, only_what_changed_for_the_viewer_is_told) {
  const auto client = watching();
  world_.plans["two"].variant = "b";
  world_.plans["role"].rule = R"({"if":[{"==":[{"var":"corohub.role"},"superadmin"]},"b","a"]})";
  change();
  rig_.settle();
  EXPECT_THAT(heard(*client).events, ElementsAre("two"));
  EXPECT_EQ(rig_.flag_watching.evaluations(), 2U) << "touched flags alone";
  const json::object event = last_values(*client);
  EXPECT_FALSE(event.contains("seq")) << "volatile";
  EXPECT_EQ(event.at("data").at("namespace"), "bep");
  EXPECT_EQ(event.at("data").at("environment"), "default");
  EXPECT_EQ(event.at("data").at("revision"), 2);
  change();
  pass();
  EXPECT_EQ(heard(*client).events.size(), 1U) << "nothing changed, nothing is sent";
}

TEST_F(FlagWatchingTest, changes_within_an_interval_are_told_together_with_the_newest_value) {
  const auto client = watching();
  for (const char* variant : {"b", "a", "b", "a"}) {
    world_.plans["one"].variant = variant;
    world_.plans["two"].variant = variant;
    change();
    rig_.settle();
  }
  EXPECT_THAT(heard(*client).events, ElementsAre("one two"));
  pass();
  EXPECT_THAT(heard(*client).events, ElementsAre("one two", "one two"));
  EXPECT_EQ(heard(*client).values, oracle());
}

TEST_F(FlagWatchingTest, equal_rights_and_contexts_are_evaluated_once) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(watching(R"({"namespace":"bep","context":{"b":1.0,"a":2}})"));
  clients.push_back(watching(R"({"namespace":"bep","context":{"a":2,"b":1},"keys":["two"]})"));
  clients.push_back(watching(R"({"namespace":"bep"})"));
  EXPECT_EQ(rig_.flag_watching.groups(), 2U);
  world_.plans["one"].variant = "b";
  change();
  rig_.settle();
  EXPECT_EQ(rig_.flag_watching.evaluations(), 2U);
  EXPECT_THAT(heard(*clients[4]).events, ElementsAre("one"));
  EXPECT_THAT(heard(*clients[5]).events, IsEmpty()) << "it asked for another key";
  EXPECT_THAT(heard(*clients[6]).events, ElementsAre("one"));
}

TEST_F(FlagWatchingTest, the_role_the_package_an_override_and_a_segment_change_values) {
  world_.plans["gated"] = {.gated = true};
  world_.plans["pack"] = {.rule = by_package};
  world_.plans["seg"] = {.rule = by_segment};
  change();
  const auto client = watching(R"({"namespace":"bep","context":{"team":"staff"}})");
  const auto expect = [&](const std::string& event) {
    pass();
    EXPECT_THAT(heard(*client).events.back(), event);
    EXPECT_EQ(heard(*client).values, oracle({{"team", "staff"}}));
  };
  become(Role::admin);
  expect("role");
  set_client(make_client(7));
  expect("pack");
  world_.features = {world_.ids["gated"]};
  ++world_.package_version;
  change();
  expect("gated");
  set_client(make_client(7, {{.flag_id = world_.ids["gated"], .granted = false}}));
  expect("-gated");
  set_client(nullptr);
  expect("pack");
  world_.segment_rule = R"({"==":[{"var":"team"},"nobody"]})";
  change();
  expect("seg");
  world_.plans.erase("two");
  world_.plans["zwei"] = {};
  change();
  expect("zwei -two");
}

TEST_F(FlagWatchingTest, with_the_right_the_watch_ends) {
  const auto client = watching();
  world_.access = NamespaceAccess::clients;
  change();
  rig_.settle();
  EXPECT_THAT(heard(*client).events, ElementsAre("-one -role -two"));
  EXPECT_EQ(rig_.flag_watching.watchers(), 0U);
  EXPECT_EQ(ask(*client, "flag.watch", R"({"namespace":"bep"})"), "not_found");
}

TEST_F(FlagWatchingTest, whoever_has_seen_nothing_hears_of_the_end_too) {
  const auto client = rig_.connect(*user_);
  EXPECT_EQ(ask(*client, "flag.watch", R"({"namespace":"bep","keys":["unknown"]})"), "ok");
  world_.access = NamespaceAccess::clients;
  change();
  rig_.settle();
  const boost::json::object last = messages(*client).back();
  EXPECT_EQ(last.at("type").as_string(), "flag.values");
  EXPECT_TRUE(last.at("data").at("removed").as_array().empty());
  EXPECT_TRUE(last.at("data").at("resync").as_bool());
}

TEST_F(FlagWatchingTest, a_watch_ends_when_it_is_replaced_undone_or_its_connection_closes_with_a_change_due) {
  const auto client = watching();
  const auto other = watching(R"({"namespace":"bep"})", other_.get());
  EXPECT_EQ(ask(*client, "flag.watch", R"({"namespace":"bep","keys":["two","unknown"]})"), "ok");
  EXPECT_EQ(rig_.flag_watching.watchers(), 2U);
  EXPECT_EQ(heard(*client).values.size(), 1U);
  world_.plans["one"].variant = "b";
  change();
  other->shut_down_sending();
  rig_.settle();
  EXPECT_THAT(heard(*client).events, IsEmpty());
  EXPECT_EQ(ask(*client, "flag.unwatch", "{}"), "ok");
  EXPECT_TRUE(rig_.until([&] { return rig_.flag_watching.watchers() == 0; }));
  EXPECT_EQ(rig_.flag_watching.groups(), 0U);
  change();
  rig_.settle();
}

TEST_F(FlagWatchingTest, what_cannot_be_watched_is_refused) {
  const auto client = rig_.connect(*user_);
  std::string many = R"({"namespace":"bep","keys":["k")";
  for (std::size_t i = 0; i < watch_keys_max; ++i) many += ",\"k\"";
  const std::string large(watch_context_bytes_max, 'x');
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{}", "not_found"},
      {R"({"namespace":"nowhere"})", "not_found"},
      {R"({"namespace":"bep","environment":"nowhere"})", "not_found"},
      {R"({"namespace":7})", "invalid_message"},
      {R"({"namespace":"bep","context":[]})", "invalid_context"},
      {R"({"namespace":"bep","context":{"targetingKey":7}})", "invalid_context"},
      {R"({"namespace":"bep","context":{"a":")" + large + "\"}}", "invalid_context"},
      {R"({"namespace":"bep","keys":"one"})", "invalid_message"},
      {R"({"namespace":"bep","keys":[1]})", "invalid_message"},
      {many + "]}", "invalid_message"},
      {R"({"namespace":"bep","environment":"default","context":null,"keys":null})", "ok"},
  };
  for (const auto& [data, code] : cases) EXPECT_EQ(ask(*client, "flag.watch", data), code) << data;
}

class RareFlagWatching : public FlagWatchingTest {
 protected:
  RareFlagWatching() : FlagWatchingTest({.watches_per_viewer = {1, std::chrono::seconds(1), 2}}) {}
};

TEST_F(RareFlagWatching, a_viewer_begins_to_watch_only_so_often_over_all_its_connections) {
  const std::string bep = R"({"namespace":"bep"})";
  const auto first = rig_.connect(*user_);
  const auto second = rig_.connect(*user_);
  EXPECT_EQ(ask(*first, "flag.watch", bep), "ok");
  EXPECT_EQ(ask(*second, "flag.watch", R"({"namespace":"nowhere"})"), "not_found") << "which counts, too";
  EXPECT_EQ(ask(*first, "flag.watch", bep), "rate_limited");
  EXPECT_EQ(ask(*second, "flag.watch", bep), "rate_limited");
  EXPECT_EQ(rig_.flag_watching.watchers(), 1U) << "what was watched before goes on";
  rig_.pass(std::chrono::seconds(1));
  EXPECT_EQ(ask(*second, "flag.watch", bep), "ok");
}

TEST_F(FlagWatchingTest, a_slow_watcher_is_told_to_watch_again) {
  rig_.settings.outbox.bytes_max = 800;
  const auto client = watching();
  for (auto& [key, plan] : world_.plans) plan = {.variant = "b", .rule = "null"};
  world_.plans["one"].variant = "a";
  change();
  rig_.settle();
  EXPECT_THAT(heard(*client).events, ElementsAre("role two")) << "that is less than half";
  for (int i = 0; i < 8; ++i) world_.plans["new" + std::to_string(i)] = {};
  change();
  pass();
  EXPECT_EQ(heard(*client).events.back(), "resync");
  EXPECT_EQ(last_values(*client).at("data").as_object().size(), 4U);
  EXPECT_EQ(rig_.flag_watching.watchers(), 0U);
}

TEST_F(FlagWatchingTest, figures_say_how_many_watch_how_long_it_takes_and_who_must_begin_again) {
  metrics::Gauge& watchers = metrics::gauge("corohub_flag_watchers", "");
  metrics::Counter& resyncs = metrics::counter("corohub_flag_resyncs_total", "");
  const auto pushes = [] {
    return metrics::histogram("corohub_flag_push_seconds", "", {}).Collect().histogram.sample_count;
  };
  const double watched_before = watchers.Value();
  const double resyncs_before = resyncs.Value();
  const std::uint64_t pushed_before = pushes();
  const auto first = watching(R"({"namespace":"bep"})");
  {
    const auto second = watching(R"({"namespace":"bep","keys":["two"]})");
    EXPECT_EQ(watchers.Value(), watched_before + 2);
    world_.plans["one"].variant = "b";
    change();
    rig_.settle();
    EXPECT_EQ(pushes(), pushed_before + 1) << "once for those who are evaluated together";
    EXPECT_EQ(ask(*second, "flag.unwatch", "{}"), "ok");
  }
  EXPECT_EQ(watchers.Value(), watched_before + 1);
  EXPECT_EQ(resyncs.Value(), resyncs_before);
}

class SmallFlagWatching : public FlagWatchingTest {
 protected:
  SmallFlagWatching() : FlagWatchingTest({.slice = std::chrono::milliseconds(0), .values_max = 5}) {}

  std::unique_ptr<RawClient> watching_as(int number) {
    return watching(R"({"namespace":"bep","context":{"number":)" + std::to_string(number) + "}}");
  }
};

TEST_F(SmallFlagWatching, between_slices_others_have_their_turn) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(watching_as(i));
  world_.plans["one"].variant = "b";
  change();
  std::vector<std::uint64_t> seen;
  for (int i = 0; i < 20; ++i) {
    rig_.context.restart();
    rig_.context.poll_one();
    const std::uint64_t now = rig_.flag_watching.evaluations();
    if (now > 0 && (seen.empty() || seen.back() != now)) seen.push_back(now);
  }
  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
}

TEST_F(SmallFlagWatching, a_change_is_compared_for_nobody_in_its_own_turn) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(watching_as(i));
  world_.plans["one"].variant = "b";
  change();
  EXPECT_EQ(rig_.flag_watching.comparisons(), 0U);
  std::vector<std::uint64_t> seen;
  for (int i = 0; i < 20; ++i) {
    rig_.context.restart();
    rig_.context.poll_one();
    if (rig_.flag_watching.evaluations() == 0) seen.push_back(rig_.flag_watching.comparisons());
  }
  EXPECT_EQ(seen.back(), 3U) << "for all of them, before anybody is told";
  EXPECT_THAT(seen, testing::Contains(1U)) << "one by one";
}

TEST_F(SmallFlagWatching, a_change_that_means_too_much_work_is_answered_by_watching_again) {
  const double resyncs_before = metrics::counter("corohub_flag_resyncs_total", "").Value();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) clients.push_back(watching_as(i));
  world_.plans["one"].variant = "b";
  change();
  rig_.settle();
  EXPECT_THAT(heard(*clients[0]).events, ElementsAre("one")) << "three values";
  world_.plans["one"].variant = "a";
  world_.plans["two"].variant = "b";
  change();
  pass();
  EXPECT_THAT(heard(*clients[2]).events, ElementsAre("one", "resync")) << "six values";
  EXPECT_EQ(metrics::counter("corohub_flag_resyncs_total", "").Value(), resyncs_before + 3);
  EXPECT_EQ(rig_.flag_watching.evaluations(), 3U);
  EXPECT_EQ(ask(*clients[2], "flag.watch", R"({"namespace":"bep"})"), "ok");
  EXPECT_EQ(heard(*clients[2]).values, oracle());
}

// Random changes of everything that values depend on; what is told always adds up.
TEST_F(FlagWatchingTest, model_what_is_told_adds_up_to_what_a_bulk_would_say) {
  std::mt19937 random(20260113);
  const auto pick = [&](int below) { return static_cast<int>(random() % static_cast<unsigned>(below)); };
  const std::vector<std::string> keys = {"one", "role", "two", "three", "four", "five"};
  const std::vector<std::string> rules = {"null", by_role, by_package, by_segment, by_user};
  const json::object context{{"team", "staff"}};
  auto client = watching(R"({"namespace":"bep","context":{"team":"staff"}})");
  const auto step = [&] {
    World::FlagPlan& plan = world_.plans[keys[static_cast<std::size_t>(pick(6))]];
    switch (pick(13)) {
      case 0:
        return become(pick(2) == 0 ? Role::user : Role::admin);
      case 1:
        return set_client(make_client(pick(2) == 0 ? 7 : 0));
      case 2:
        return set_client(make_client(7, {{.flag_id = 1 + pick(6), .granted = pick(2) == 0}}));
      case 3:
        return set_client(nullptr);
      case 4:
        world_.features = {1 + pick(6), 1 + pick(6)};
        ++world_.package_version;
        break;
      case 5:
        world_.segment_rule = pick(2) == 0 ? R"({"==":[{"var":"team"},"staff"]})" : R"({"==":[1,2]})";
        break;
      case 6:
        world_.access = pick(3) == 0 ? NamespaceAccess::clients : NamespaceAccess::users;
        break;
      case 7:
        world_.plans.erase(keys[static_cast<std::size_t>(pick(6))]);
        break;
      case 8:
        plan.gated = !plan.gated;
        break;
      case 9:
        plan.visible = !plan.visible;
        break;
      case 10:
        plan.parent = &plan == &world_.plans["one"] ? "" : "one";
        break;
      case 11:
        plan.enabled = !plan.enabled;
        break;
      default:
        plan.rule = rules[static_cast<std::size_t>(pick(5))];
        plan.variant = pick(2) == 0 ? "a" : "b";
    }
    if (!world_.plans.contains("one")) world_.plans["one"] = {};
    change();
  };
  std::vector<std::unique_ptr<RawClient>> before;
  const auto watch_again = [&] {
    world_.access = NamespaceAccess::users;
    change();
    ask(*client, "flag.unwatch", "{}");
    before.push_back(std::move(client));
    client = watching(R"({"namespace":"bep","context":{"team":"staff"}})");
    become(role_);  // its token is of the role before
  };
  for (int round = 0; round < 300; ++round) {
    if (round % 30 == 29) watch_again();  // a client that answers no ping does not live long
    for (int changes = 1 + pick(3); changes > 0; --changes) {
      step();
      if (pick(2) == 0) rig_.settle();
    }
    pass();
    const bool ended = rig_.flag_watching.watchers() == 0;
    const auto expected = ended ? std::map<std::string, std::string>() : oracle(context);
    ASSERT_EQ(heard(*client).values, expected) << "round " << round;
    if (ended) watch_again();
  }
}

}  // namespace
}  // namespace corohub::gateway::test
