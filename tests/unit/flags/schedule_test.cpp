#include "flags/schedule.hpp"

#include "unit/flags/namespaces.hpp"
#include "users/audit.hpp"

#include <chrono>

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::flags {
namespace {

using namespace std::chrono_literals;
using test::Namespaces;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view document = R"({"flags":{
  "a":{"state":"DISABLED","variants":{"on":true,"off":false},"defaultVariant":"off"},
  "b":{"state":"DISABLED","variants":{"on":true,"off":false}}}})";

class Scheduled : public testing::Test {
 protected:
  Scheduled() { Namespaces::check(house_.import("bep", document)); }

  ScheduleId add(std::string flag, std::string change, std::chrono::milliseconds in,
                 std::optional<std::int64_t> if_version = {}, bool strict = true) {
    const std::int64_t environment_id = environment().id;
    const Flag* const there = environment().find(flag);
    auto unit = [&](storage::UnitOfWork& work) {
      ScheduledChange entry;
      entry.environment_id = environment_id;
      entry.flag = flag;
      entry.flag_id = there == nullptr ? 0 : there->identity->id;
      entry.change = change;
      entry.strict = strict;
      entry.at = house_.clock.unix_ms() + in.count();
      entry.if_version = if_version;
      entry.author_user = author_;
      Result<ScheduledChange> added = add_scheduled(work, std::move(entry));
      if (added) schedule_.expect(added->at);
      return added;
    };
    const auto added = house_.commit(std::move(unit));
    if (!added) throw std::runtime_error(std::string(name(added.error().code)));
    return added->value.id;
  }

  // "a done", "b failed not_found", in the order of their making.
  std::vector<std::string> states() {
    auto read = [id = environment().id](storage::Snapshot& snapshot) -> Result<std::vector<ScheduledChange>> {
      return list_scheduled(snapshot, id, {}, 0, 2000);
    };
    std::vector<std::string> list;
    for (const ScheduledChange& one : Namespaces::check(house_.read(std::move(read))))
      list.push_back(one.flag + " " + std::string(name(one.state)) + (one.error ? " " + *one.error : ""));
    return list;
  }

  std::size_t run() {
    return test::run_task([this] { return schedule_.run(); });
  }

  std::vector<std::string> events(std::string_view type) {
    auto read = [type = std::string(type)](storage::Snapshot& snapshot) -> Result<std::vector<std::string>> {
      storage::Query query = snapshot.query("SELECT data FROM events WHERE type = ? ORDER BY seq");
      query.bind(type);
      std::vector<std::string> data;
      while (query.next()) data.push_back(query.text(0));
      return data;
    };
    return Namespaces::check(house_.read(std::move(read)));
  }

  void make_user(std::string_view role) {
    auto unit = [&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
      work.query(
              "INSERT INTO users (name, email, email_key, password_hash, role, status, created_at, "
              "updated_at) "
              "VALUES ('A', 'a@example.com', 'a@example.com', 'x', ?, 'active', 0, 0)")
          .bind(role)
          .run();
      author_ = work.last_insert_id();
      return storage::Nothing{};
    };
    Namespaces::check(house_.commit(std::move(unit)));
  }
  void set_role(std::string_view role) {
    auto unit = [&](storage::UnitOfWork& work) -> Result<storage::Nothing> {
      work.query("UPDATE users SET role = ? WHERE id = ?").bind(role, author_).run();
      return storage::Nothing{};
    };
    Namespaces::check(house_.commit(std::move(unit)));
  }

  const Environment& environment() {
    there_ = house_.find("bep");
    return there_->default_environment();
  }
  const Flag& flag(std::string_view key) { return *environment().find(key); }

  Namespaces house_{"bep"};
  NamespaceRef there_;
  std::optional<UserId> author_;  // nothing: the owner of the data directory
  Schedule schedule_{house_.writer, house_.copies, house_.flags_directories, house_.clock};
};

TEST_F(Scheduled, is_made_when_its_time_has_come_and_not_before) {
  add("a", R"({"state":"ENABLED"})", 10s);
  EXPECT_FALSE(schedule_.due());
  EXPECT_EQ(run(), 0U);
  house_.clock.advance(9'999ms);
  EXPECT_FALSE(schedule_.due());
  house_.clock.advance(1ms);
  ASSERT_TRUE(schedule_.due());
  EXPECT_EQ(run(), 1U);
  EXPECT_FALSE(schedule_.due());
  EXPECT_THAT(states(), ElementsAre("a done"));
  EXPECT_EQ(flag("a").definition->state, State::enabled);
  const std::vector<std::string> told = events("flag.updated");
  ASSERT_EQ(told.size(), 1U);
  EXPECT_THAT(told[0], testing::HasSubstr(R"("source":"schedule")"));
}

TEST_F(Scheduled, a_step_of_the_clock_makes_them_due_or_puts_them_off) {
  add("a", R"({"state":"ENABLED"})", 10s);
  house_.clock.step_wall(-1h);
  EXPECT_FALSE(schedule_.due());
  house_.clock.step_wall(2h);
  EXPECT_TRUE(schedule_.due());
  EXPECT_EQ(run(), 1U);
}

TEST_F(Scheduled, are_made_in_the_order_of_their_times_however_many) {
  for (int i = 40; i > 0; --i)
    add("a", R"({"metadata":{"n":)" + std::to_string(i) + "}}", std::chrono::seconds(i));
  add("a", R"({"metadata":{"n":1000}})", 40s);  // the later one of the same time
  house_.clock.advance(41s);
  EXPECT_EQ(run(), 41U);
  EXPECT_EQ(json_text(flag("a").definition->metadata), R"({"n":1000})");
  EXPECT_EQ(flag("a").version, 42);
}

TEST_F(Scheduled, one_that_fails_tells_administrators_why_and_stops_no_other) {
  const ScheduleId first = add("nobody", R"({"state":"ENABLED"})", 1s);
  add("a", R"({"defaultVariant":"none"})", 1s);
  add("a", R"({"state":"ENABLED"})", 1s, 7);
  add("b", R"({"state":"ENABLED"})", 1s, 1);
  house_.clock.advance(1s);
  EXPECT_EQ(run(), 4U);
  EXPECT_THAT(states(), ElementsAre("nobody failed not_found", "a failed validation_failed",
                                    "a failed version_mismatch", "b done"));
  const std::vector<std::string> told = events("schedule.failed");
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0], R"({"namespace":"bep","environment":"default","id":)" + std::to_string(first) +
                         R"(,"flag_key":"nobody","error":"not_found","changed_by":null})");
}

TEST_F(Scheduled, T31_is_made_by_the_rights_that_its_author_has_then) {
  make_user("admin");
  add("a", R"({"state":"ENABLED"})", 1s);
  set_role("user");
  house_.clock.advance(1s);
  run();
  add("b", R"({"state":"ENABLED"})", 1s);
  set_role("admin");
  house_.clock.advance(1s);
  run();
  EXPECT_THAT(states(), ElementsAre("a failed forbidden", "b done"));
}

TEST_F(Scheduled, survive_a_restart) {
  add("a", R"({"state":"ENABLED"})", 10s);
  house_.clock.advance(1h);
  Schedule next(house_.writer, house_.copies, house_.flags_directories, house_.clock);
  auto read = [](storage::Snapshot& snapshot) -> Result<UnixMs> { return *next_due(snapshot); };
  next.expect(Namespaces::check(house_.read(std::move(read))));
  ASSERT_TRUE(next.due());
  EXPECT_EQ(test::run_task([&] { return next.run(); }), 1U);
  EXPECT_THAT(states(), ElementsAre("a done"));
}

TEST_F(Scheduled, a_thousand_may_wait_and_those_that_ended_are_forgotten_in_time) {
  for (std::size_t i = 0; i < pending_changes_max; ++i) add("a", "{}", 1s);
  EXPECT_THROW(add("a", "{}", 1s), std::runtime_error);
  house_.clock.advance(1s);
  EXPECT_EQ(run(), pending_changes_max);
  for (int i = 0; i < 3; ++i) add("b", "{}", 0s);
  EXPECT_EQ(run(), 3U);
  const std::vector<std::string> kept = states();
  EXPECT_EQ(kept.size(), finished_changes_kept);
  EXPECT_EQ(kept.back(), "b done");
}

TEST_F(Scheduled, what_the_storage_refuses_is_tried_again_a_second_later) {
  add("a", R"({"state":"ENABLED"})", 1s);
  house_.clock.advance(1s);
  house_.writer.stop();
  EXPECT_EQ(run(), 0U);
  EXPECT_FALSE(schedule_.due());
  house_.clock.advance(1s);
  EXPECT_TRUE(schedule_.due());
}

TEST_F(Scheduled, an_entry_that_makes_its_unit_throw_is_given_up_and_no_other) {
  add("b", R"({"metadata":{"n":1}})", 1s);
  add("a", R"({"state":"ENABLED"})", 1s);
  add("b", R"({"state":"ENABLED"})", 2s);
  auto damage = [](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    work.query(
            "CREATE TRIGGER bomb BEFORE UPDATE OF state ON flag_schedule WHEN new.flag = 'a' AND new.state = "
            "'done' BEGIN SELECT abs(-9223372036854775807 - 1); END")
        .run();
    return storage::Nothing{};
  };
  Namespaces::check(house_.commit(std::move(damage)));
  house_.clock.advance(2s);
  EXPECT_EQ(run(), 3U);
  EXPECT_THAT(states(), ElementsAre("b done", "a failed internal_error", "b done"));
  EXPECT_EQ(flag("a").definition->state, State::disabled);
}

TEST_F(Scheduled, whatever_a_body_may_hold_is_read_again) {
  std::string deep = R"({"$x":)" + std::string(120, '[') + std::string(120, ']');
  for (int i = 0; i < 2'500; ++i) deep += ",\"$" + std::to_string(i) + "\":1";
  deep += "}";
  add("a", deep, 1s);
  house_.clock.advance(1s);
  EXPECT_EQ(run(), 1U);
  EXPECT_THAT(states(), ElementsAre("a done"));
  ScheduledChange shown;
  shown.change = deep;
  EXPECT_EQ(json_text(to_json(shown).at("change")), deep);
}

TEST_F(Scheduled, what_was_taken_with_a_warning_can_be_switched) {
  constexpr std::string_view lenient =
      R"({"flags":{"c":{"state":"DISABLED","variants":{"on":true,"off":false},
    "targeting":{"if":[{"strange":[1]},"on",{"if":[{"$ref":"nobody"},"on","off"]}]}}}})";
  Namespaces::check(house_.import("bep", lenient, {.environment = "default", .dangling = Dangling::warned}));
  add("c", R"({"state":"ENABLED"})", 1s);
  add("c", R"({"targeting":{"other":[]}})", 2s);
  add("c", R"({"targeting":{"other":[]}})", 3s, {}, false);
  house_.clock.advance(3s);
  EXPECT_EQ(run(), 3U);
  EXPECT_THAT(states(), ElementsAre("c done", "c failed validation_failed", "c done"));
}

TEST_F(Scheduled, is_not_for_another_flag_of_the_same_key) {
  add("a", R"({"state":"ENABLED"})", 1s);
  Namespaces::check(house_.edit("bep", [](NamespaceEdit& edit) { edit.remove_flag("a"); }));
  Namespaces::check(house_.import("bep", document));
  house_.clock.advance(1s);
  run();
  EXPECT_THAT(states(), ElementsAre("a failed not_found"));
  EXPECT_EQ(flag("a").definition->state, State::disabled);
}

TEST_F(Scheduled, the_trail_tells_of_one_that_failed) {
  const ScheduleId id = add("a", R"({"defaultVariant":"none"})", 1s);
  house_.clock.advance(1s);
  run();
  auto read = [](storage::Snapshot& snapshot) -> Result<users::AuditPage> {
    users::AuditQuery query;
    query.action = "schedule.fail";
    return users::read_audit(snapshot, query);
  };
  const users::AuditPage page = Namespaces::check(house_.read(std::move(read)));
  ASSERT_EQ(page.rows.size(), 1U);
  EXPECT_EQ(page.rows[0].at("entity").as_string(), "bep/environments/default/schedule/" + std::to_string(id));
  EXPECT_EQ(page.rows[0].at("detail").at("after").at("error").as_string(), "validation_failed");
}

}  // namespace
}  // namespace corohub::flags
