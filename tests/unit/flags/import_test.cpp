#include "flags/import.hpp"

#include "unit/flags/namespaces.hpp"

#include <algorithm>
#include <random>

#include <gmock/gmock.h>

namespace corohub::flags {
namespace {

using test::complaints_of;
using test::Namespaces;
using test::object_of;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view two_flags = R"({
  "flags": {
    "b": {"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"$ref":"staff"},"on"]}},
    "a": {"state":"ENABLED","variants":{"x":"1","y":"2"},"defaultVariant":"x","metadata":{"n":1}}
  },
  "$evaluators": {"staff": {"ends_with":[{"var":"email"},"@example.com"]}},
  "metadata": {"team":"web"}
})";

TEST(Import, tells_what_it_made_and_does_nothing_the_second_time) {
  Namespaces house{"bep"};
  const ImportReport first = Namespaces::check(house.import("bep", two_flags));
  EXPECT_THAT(first.flags.created, ElementsAre("a", "b"));
  EXPECT_THAT(first.segments.created, ElementsAre("staff"));
  EXPECT_EQ(first.flags.unchanged, 0U);

  const std::string text = house.export_of("bep");
  const Seq revision = house.find("bep")->default_environment().revision;
  EXPECT_EQ(
      text,
      R"({"$schema":"https://flagd.dev/schema/v0/flags.json","flags":{"a":{"state":"ENABLED","variants":{"x":"1","y":"2"},)"
      R"("defaultVariant":"x","metadata":{"n":1},"x-corohub":{"name":"a","description":"","tags":[],"type":"string",)"
      R"("parent":null,"platform":null,"package_gated":false,"off_variant":null,"client_visible":true}},)"
      R"("b":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off","targeting":{"if":[{"$ref":"staff"},"on"]},)"
      R"("x-corohub":{"name":"b","description":"","tags":[],"type":"boolean","parent":null,"platform":null,)"
      R"("package_gated":false,"off_variant":"off","client_visible":true}}},"$evaluators":{"staff":{"ends_with":[{"var":"email"},"@example.com"]}},)"
      R"("metadata":{"team":"web","flagSetId":"bep/default","version":")" +
          std::to_string(revision) + R"("}})");

  for (const ImportMode mode : {ImportMode::merge, ImportMode::replace}) {
    const ImportReport again =
        Namespaces::check(house.import("bep", text, {.environment = "default", .mode = mode}));
    EXPECT_EQ(
        json_text(to_json(again)),
        R"({"created":[],"updated":[],"deleted":[],"unchanged":2,"segments":{"created":[],"updated":[],"deleted":[],"unchanged":1},"warnings":[]})");
  }
  EXPECT_EQ(house.export_of("bep"), text);
  EXPECT_EQ(house.find("bep")->default_environment().revision, revision);
  const json::object plain = object_of(house.export_of("bep", ExportStyle::plain));
  EXPECT_FALSE(plain.at("flags").as_object().at("a").as_object().contains("x-corohub"));
}

TEST(Import, merges_or_replaces_and_a_dry_run_only_tells) {
  Namespaces house{"bep"};
  Namespaces::check(house.import("bep", two_flags));
  const std::string before = house.export_of("bep");
  constexpr std::string_view other =
      R"({"flags":{"a":{"state":"DISABLED","variants":{"x":"1"}},"c":{"state":"ENABLED","variants":{"n":1}}},"metadata":{"n":1}})";

  const ImportReport told = Namespaces::check(house.import("bep", other, {.environment = "default"}, true));
  EXPECT_EQ(house.export_of("bep"), before);
  const ImportReport merged = Namespaces::check(house.import("bep", other));
  for (const ImportReport* report : {&told, &merged}) {
    EXPECT_THAT(report->flags.created, ElementsAre("c"));
    EXPECT_THAT(report->flags.updated, ElementsAre("a"));
    EXPECT_THAT(report->flags.deleted, IsEmpty());
    EXPECT_EQ(report->segments.unchanged, 0U);
  }
  EXPECT_EQ(json_text(house.find("bep")->default_environment().metadata), R"({"team":"web","n":1})");

  const ImportReport replaced =
      Namespaces::check(house.import("bep", other, {.environment = "default", .mode = ImportMode::replace}));
  EXPECT_THAT(replaced.flags.deleted, ElementsAre("b"));
  EXPECT_THAT(replaced.segments.deleted, ElementsAre("staff"));
  EXPECT_EQ(replaced.flags.unchanged, 2U);
  EXPECT_EQ(json_text(house.find("bep")->default_environment().metadata), R"({"n":1})");
}

TEST(Import, is_all_or_nothing_and_says_where) {
  Namespaces house{"bep"};
  Namespaces::check(house.import("bep", two_flags));
  const std::string before = house.export_of("bep");
  struct Case {
    std::string_view text;
    std::vector<std::string> complaints;
  };
  const std::vector<Case> cases = {
      {R"({"flags":{"new":{"state":"ENABLED","variants":{"on":true}},"a":{"state":"ENABLED","variants":{"x":1}}}})",
       {"/flags/a/variants type_fixed"}},
      {R"({"flags":{"new":{"state":"ENABLED","variants":{"on":true},"targeting":{"if":[{"$ref":"nobody"},"on"]}}}})",
       {"/flags/new/targeting/if/0/$ref unknown_segment"}},
      {R"({"flags":{"new":{"state":"ENABLED","variants":{"on":true},"x-corohub":{"parent":"nobody","platform":"none","off_variant":"none"}}}})",
       {"/flags/new/x-corohub/platform unknown_flag", "/flags/new/x-corohub/off_variant unknown_variant",
        "/flags/new/x-corohub/parent unknown_flag"}},
      {R"({"flags":{"a":{"state":"ENABLED","variants":{"x":"1"},"x-corohub":{"parent":"b"}},
                    "b":{"state":"ENABLED","variants":{"on":true,"off":false},"x-corohub":{"parent":"a"}}}})",
       {"/flags/a/x-corohub/parent cycle", "/flags/b/x-corohub/parent cycle"}},
  };
  for (const ImportMode mode : {ImportMode::merge, ImportMode::replace})
    for (const Case& one : cases) {
      const Result<ImportReport> report =
          house.import("bep", one.text, {.environment = "default", .mode = mode});
      ASSERT_FALSE(report) << one.text;
      EXPECT_THAT(complaints_of(report.error()), testing::ElementsAreArray(one.complaints)) << one.text;
      EXPECT_EQ(house.export_of("bep"), before);
    }
}

TEST(Import, leaves_the_names_that_an_export_sets_as_they_are) {
  Namespaces house{"bep"};
  const auto named = [](NamespaceEdit& of) {
    EnvironmentParts parts = of.before().default_environment();
    parts.metadata = {{"flagSetId", "mine"}, {"team", "web"}, {"version", "1"}};
    of.put_environment(std::move(parts));
  };
  ASSERT_TRUE(house.edit("bep", named));
  const Seq revision = house.find("bep")->default_environment().revision;
  const std::string document = R"({"flags":{},"metadata":{"team":"web","flagSetId":"x","version":"7"}})";
  ASSERT_TRUE(house.import("bep", document, {.environment = "default", .mode = ImportMode::replace}));
  EXPECT_EQ(house.find("bep")->default_environment().revision, revision);
}

TEST(Import, metadata_cannot_grow_without_end) {
  Namespaces house{"bep"};
  const auto more = [](std::string_view key) {
    return "{\"flags\":{},\"metadata\":{\"" + std::string(key) + "\":\"" + std::string(5'000, 'x') + "\"}}";
  };
  Namespaces::check(house.import("bep", more("a")));
  const Result<ImportReport> second = house.import("bep", more("b"));
  ASSERT_FALSE(second);
  EXPECT_THAT(complaints_of(second.error()), ElementsAre("/metadata out_of_range"));
  Namespaces::check(house.import("bep", more("b"), {.environment = "default", .mode = ImportMode::replace}));
}

TEST(Import, a_lenient_one_takes_a_dangling_reference_with_a_warning) {
  Namespaces house{"bep"};
  const ImportReport report = Namespaces::check(house.import(
      "bep",
      R"({"flags":{"a":{"state":"ENABLED","variants":{"on":true},"targeting":{"if":[{"$ref":"nobody"},"on"]}}}})",
      {.environment = "default", .dangling = Dangling::warned}));
  ASSERT_EQ(report.warnings.size(), 1U);
  EXPECT_EQ(report.warnings[0].field + " " + report.warnings[0].code,
            "/flags/a/targeting/if/0/$ref unknown_segment");
}

TEST(Import, new_flags_are_disabled_in_the_other_environments) {
  Namespaces house{"bep"};
  Namespaces::check(house.edit("bep", [](NamespaceEdit& edit) {
    EnvironmentParts parts;
    parts.key = parts.name = "staging";
    edit.put_environment(std::move(parts));
  }));
  const ImportReport told = Namespaces::check(house.import(
      "bep",
      R"({"flags":{"s":{"state":"ENABLED","variants":{"on":true},"targeting":{"if":[{"$ref":"beta"},"on"]}}},"$evaluators":{"beta":{"var":"b"}}})"));
  EXPECT_THAT(told.warnings, IsEmpty()) << "the segment is there, and elsewhere the flag is off";
  Namespaces::check(house.import("bep", two_flags));
  const NamespaceRef there = house.find("bep");
  const Environment& staging = **there->environment("staging");
  ASSERT_NE(staging.find("b"), nullptr);
  EXPECT_EQ(staging.find("b")->definition->state, State::disabled);
  EXPECT_EQ(there->default_environment().find("b")->definition->state, State::enabled);
}

TEST(Copying, brings_the_segments_that_it_needs_and_can_disable) {
  Namespaces house{"bep", "other"};
  Namespaces::check(house.import("bep", two_flags));
  const NamespaceRef from = house.find("bep");
  const FlagdDocument one =
      Namespaces::check(document_of(from->default_environment(), {.keys = {{"a", "a"}}, .disable = true}));
  ASSERT_EQ(one.flags.size(), 1U);
  EXPECT_THAT(one.segments, IsEmpty());
  EXPECT_EQ(one.flags[0].definition->state, State::disabled);

  const FlagdDocument all =
      Namespaces::check(document_of(from->default_environment(), {.keys = {}, .disable = false}));
  Namespaces::check(house.edit("other", [&](NamespaceEdit& edit) {
    EXPECT_TRUE(put_document(edit, {.environment = "default"}, all));
  }));
  EXPECT_NE(house.find("other")->default_environment().segment("staff"), nullptr);
  EXPECT_EQ(house.find("other")->default_environment().find("b")->definition->state, State::enabled);

  const Result<FlagdDocument> wrong =
      document_of(from->default_environment(), {.keys = {{"a", "nobody"}}, .disable = false});
  ASSERT_FALSE(wrong);
  EXPECT_THAT(complaints_of(wrong.error()), ElementsAre("/keys/1 unknown_flag"));
}

// ---- whatever is exported can be imported, and is the same then ----

class Documents {
 public:
  explicit Documents(unsigned seed) : random_(seed) {}

  std::string make() {
    const int flags = number(12);
    std::vector<std::string> parts;
    for (int i = 0; i < flags; ++i)
      parts.push_back("\"f" + std::to_string(i) + pick({"", ":x", "@y", ".z"}) + "\":" + flag(i));
    std::ranges::shuffle(parts, random_);
    return "{\"flags\":{" + joined(parts) + "},\"$evaluators\":{" + segments() +
           "},\"metadata\":" + metadata() + "}";
  }

 private:
  int number(int below) { return std::uniform_int_distribution<int>(0, below - 1)(random_); }
  std::string pick(std::vector<std::string> of) {
    return of[static_cast<std::size_t>(number(static_cast<int>(of.size())))];
  }

  static std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
    return text;
  }

  std::string segments() {
    return joined({R"("s1":{"==":[{"var":"a"},1]})", R"("s0":{"in":[{"var":"b"},["x","y\u00e9"]]})"});
  }
  std::string metadata() {
    return pick(
        {"{}", R"({"a/b":1.50,"z":"\u2028","n":-0.0})", R"({"big":1e21,"int":9007199254740991,"t":true})"});
  }
  std::string value(int type) {
    if (type == 0) return pick({"true", "false"});
    if (type == 1) return pick({"\"\"", R"("\ud83d\ude00 \"x\"")", R"("\n\u0000")"});
    if (type == 2) return pick({"0", "1.0", "1e-7", "123456789012", "-3.25"});
    return pick({"{}", R"({"z":1,"a":{"b":[null,1,{}]}})"});
  }
  std::string targeting() {
    return pick({"{}", R"({"if":[{"$ref":"s1"},"v0",null]})", R"({"fractional":[["v0",1],["v1",2]]})",
                 R"({"if":[{"sem_ver":[{"var":"v"},">=","1.2.0"]},"v1",{"$ref":"s0"},"v0"]})"});
  }
  std::string flag(int index) {
    const int type = number(4);
    const int variants = 1 + number(3);
    std::vector<std::string> list;
    for (int i = variants; i-- > 0;) list.push_back("\"v" + std::to_string(i) + "\":" + value(type));
    std::string text = "{" + std::string(number(2) == 0 ? "\"metadata\":" + metadata() + "," : "") +
                       "\"variants\":{" + joined(list) +
                       "},\"state\":" + pick({"\"ENABLED\"", "\"DISABLED\""});
    if (number(2) == 0) text += ",\"defaultVariant\":\"v0\"";
    if (number(2) == 0) text += ",\"targeting\":" + targeting();
    if (number(3) != 0) text += ",\"x-corohub\":" + identity(index, type);
    return text + "}";
  }
  std::string identity(int /*index*/, int type) {
    std::vector<std::string> members{R"("name":"Na\u00efve \/ name")",
                                     R"("description":"one\ntwo")",
                                     R"("tags":["b","a"])",
                                     R"("package_gated":true)",
                                     R"("client_visible":false)",
                                     pick({R"("off_variant":null)", R"("off_variant":"v0")"})};
    if (type == 0) members.push_back(R"("type":"boolean")");
    std::ranges::shuffle(members, random_);
    members.resize(static_cast<std::size_t>(1 + number(static_cast<int>(members.size()))));
    return "{" + joined(members) + "}";
  }

  std::mt19937 random_;
};

// Without what names the environment and its revision.
std::string anonymous(const std::string& text) {
  json::object document = object_of(text);
  document["metadata"].as_object().erase("flagSetId");
  document["metadata"].as_object().erase("version");
  return json_text(document);
}

TEST(ExportThenImport, is_the_same_in_an_empty_namespace_and_no_change_where_it_was) {
  Namespaces house;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    const std::string made = Documents(seed).make();
    SCOPED_TRACE(std::to_string(seed) + ": " + made);
    const std::string from = "from" + std::to_string(seed);
    const std::string to = "to" + std::to_string(seed);
    house.make(from);
    house.make(to);
    Namespaces::check(house.import(from, made));
    const std::string text = house.export_of(from);
    Namespaces::check(house.import(to, text));
    EXPECT_EQ(anonymous(house.export_of(to)), anonymous(text));
    Namespaces::check(house.import(from, text, {.environment = "default", .mode = ImportMode::replace}));
    EXPECT_EQ(house.export_of(from), text);
    house.copies.forget(from);  // what the tables say is the same, too
    EXPECT_EQ(house.export_of(from), text);
  }
}

}  // namespace
}  // namespace corohub::flags
