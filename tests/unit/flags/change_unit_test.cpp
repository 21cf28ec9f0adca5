// What a change leaves in the audit trail, and what a unit counts for that writes it.
#include "flags/change_unit.hpp"

#include "room.hpp"

#include <chrono>
#include <string>
#include <thread>

#include <gtest/gtest.h>

namespace corohub::flags::test {
namespace {

// bep: environments default and staging; flags a and d, on in default.
struct Trail : testing::Test {
  Trail() {
    EXPECT_TRUE(room.make("bep"));
    EXPECT_TRUE(room.change("bep", [](NamespaceEdit& of) {
      EnvironmentParts staging;
      staging.key = staging.name = "staging";
      of.put_environment(staging);
      for (const char* key : {"a", "d"}) {
        of.put_identity(identity_of(key));
        of.put_definition("default", key, boolean_flag(true));
      }
    }));
  }

  Result<NamespaceRef> put(std::string_view key, DefinitionRef definition) {
    return room.change("bep", [&](NamespaceEdit& of) { of.put_definition("default", key, definition); });
  }
  Seq revision(std::string_view environment) {
    return (*room.stored("bep")->environment(environment))->revision;
  }
  // Of the rows of this action, oldest first.
  std::vector<std::string> details(const std::string& action) {
    const auto read = [&](storage::Snapshot& snapshot) -> Result<std::vector<std::string>> {
      storage::Query query = snapshot.query("SELECT detail FROM audit WHERE action = ? ORDER BY id");
      query.bind(action);
      std::vector<std::string> rows;
      while (query.next()) rows.push_back(query.text(0));
      return rows;
    };
    return room.database.read(read).value();
  }

  Room room;
};

TEST_F(Trail, the_trail_names_what_was_changed_and_how_it_was) {
  room.author.comment = "why";
  ASSERT_TRUE(put("d", boolean_flag(false)));
  EXPECT_EQ(room.audit().back(), "flag.update bep/flags/d");
  const json::object detail = object_of(details("flag.update").back());
  EXPECT_EQ(detail.at("environment"), "default");
  EXPECT_EQ(detail.at("before").at("state"), "ENABLED");
  EXPECT_EQ(detail.at("after").at("state"), "DISABLED");
  EXPECT_EQ(detail.at("comment"), "why");
}

TEST_F(Trail, the_trail_shows_what_was_made_where_and_what_is_gone) {
  const auto detail = [&](const std::string& action) { return object_of(details(action).back()); };
  const std::string rule = R"({"if":[true,"on","off"]})";
  ASSERT_TRUE(room.change("bep", [&](NamespaceEdit& of) {
    of.put_identity(identity_of("e"));
    of.put_definition("staging", "e", boolean_flag(true, rule));
  }));
  EXPECT_EQ(detail("flag.create").at("after").at("state"), "ENABLED");
  EXPECT_EQ(json_text(detail("flag.create").at("after").at("environments")),
            R"({"default":"DISABLED","staging":"ENABLED"})");
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) { of.remove_flag("e"); }));
  EXPECT_EQ(json_text(detail("flag.delete").at("before").at("targeting")), rule);
  EXPECT_EQ(json_text(detail("flag.delete").at("before").at("environments")),
            R"({"default":"DISABLED","staging":"ENABLED"})");
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    EnvironmentParts parts;
    parts.key = parts.name = "third";
    of.put_environment(parts);
  }));
  EXPECT_EQ(detail("environment.create").at("after").at("revision"), revision("third"));
}

// Some 30 KiB.
DefinitionRef large_flag(const std::string& owner) {
  json::object document = boolean_flag(true)->document;
  document["metadata"] = {{"owner", owner}, {"text", std::string(30'000, 'x')}};
  Reading reading;
  return parse_definition(document, reading).value();
}

TEST_F(Trail, the_trail_has_as_many_definitions_of_what_is_gone_as_there_is_room_for) {
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    EnvironmentParts third;
    third.key = third.name = "third";
    of.put_environment(third);
    of.put_identity(identity_of("large"));
    for (const char* environment : {"default", "staging", "third"})
      of.put_definition(environment, "large", large_flag(environment));
  }));
  const std::size_t weight = weight_of_removal(*room.stored("bep"), "large");
  EXPECT_GT(weight, weight_of_removal(*room.stored("bep"), "a") + 60'000);
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) { of.remove_flag("large"); }));
  const std::string row = details("flag.delete").back();
  EXPECT_LT(row.size(), weight);
  const json::value before = object_of(row).at("before");
  EXPECT_EQ(before.at("metadata").at("owner"), "default");
  EXPECT_EQ(before.at("environments").at("staging").at("metadata").at("owner"), "staging");
  EXPECT_EQ(json_text(before.at("environments").at("third")),
            R"({"state":"ENABLED","version":1,"revision":)" +
                std::to_string(before.at("environments").at("third").at("revision").as_int64()) + "}");
}

TEST_F(Trail, many_flags_that_go_together_leave_no_more_in_the_trail_than_fits_one_unit) {
  constexpr int count = 300;  // of 30 KiB
  ASSERT_TRUE(room.change("bep", [definition = large_flag("ann")](NamespaceEdit& of) {
    for (int i = 0; i < count; ++i) {
      const std::string key = "large-" + std::to_string(i);
      of.put_identity(identity_of(key));
      of.put_definition("default", key, definition);
    }
  }));
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) {
    for (int i = 0; i < count; ++i) of.remove_flag("large-" + std::to_string(i));
  }));
  std::size_t bytes = 0;
  for (const std::string& row : details("flag.delete")) bytes += row.size();
  EXPECT_EQ(details("flag.delete").size(), std::size_t{count});
  EXPECT_LT(bytes, bytes_of_gone_flags_max + count * 1'000);
}

TEST_F(Trail, has_times_that_never_go_back_whatever_the_clock_says) {
  ASSERT_TRUE(room.change("bep", [](NamespaceEdit& of) { of.put_identity(identity_of("a", "d")); }));
  NamespaceRef now = room.stored("bep");
  const auto child = [&]() -> const Flag& { return *now->default_environment().find("a"); };
  for (const bool restarted : {false, true}) {
    SCOPED_TRACE(restarted);
    now = put("a", boolean_flag(true, R"({"if":[true,"on","off"]})")).value();
    const UnixMs changed = child().updated_at;
    room.database.clock.step_wall(std::chrono::seconds(-2));
    if (restarted) room.restart();
    now = put("d", boolean_flag(false)).value();
    EXPECT_FALSE(child().enabled);
    EXPECT_FALSE(shows_what_it_was(*now, child())) << "as its parent is off";
    EXPECT_GT(now->default_environment().find("d")->updated_at, changed);
    EXPECT_EQ(text_of(*room.stored("bep")), text_of(*now));
    EXPECT_FALSE(shows_what_it_was(*room.stored("bep"), *child().identity)) << "which tables do not tell";
    ASSERT_TRUE(put("d", boolean_flag(true)));
    ASSERT_TRUE(put("a", boolean_flag(true)));
  }
}

// On which thread a body is read is all that a shard notices of it.
TEST(BodyOfAChange, is_read_in_the_turn_only_if_it_is_small_with_what_it_is_applied_to) {
  corohub::test::TestDatabase database;
  storage::ReaderPool patient(database.directory.database(), 1, 16, storage::Pace::patient);
  FlagServices services({database.writer, database.readers, patient, database.clock, "e", {}}, {});
  const auto is_read_in_the_turn = [&](std::string body, std::size_t base_bytes) {
    http::Request request;
    request.body = std::move(body);
    auto read = [turn = std::this_thread::get_id()](const json::object&) -> Result<bool> {
      return turn == std::this_thread::get_id();
    };
    return corohub::test::run_task([&] { return read_body(services, request, read, base_bytes); }).value();
  };
  const std::string large = R"({"a":")" + std::string(small_body_bytes_max, 'x') + "\"}";
  EXPECT_TRUE(is_read_in_the_turn("{}", 0));
  EXPECT_TRUE(is_read_in_the_turn("{}", 2'000));
  EXPECT_FALSE(is_read_in_the_turn("{}", small_body_bytes_max));
  EXPECT_FALSE(is_read_in_the_turn(large, 0));
}

}  // namespace
}  // namespace corohub::flags::test
