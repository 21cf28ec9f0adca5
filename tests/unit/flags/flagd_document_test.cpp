#include "flags/flagd_document.hpp"

#include "core/json_text.hpp"
#include "unit/flags/namespaces.hpp"

#include <utility>

#include <gmock/gmock.h>

namespace corohub::flags {
namespace {

using test::complaints_of;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view boolean_flag =
    R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off"})";

std::string with_flags(std::string_view flags, std::string_view more = "") {
  return "{\"flags\":" + std::string(flags) + std::string(more) + "}";
}

std::vector<std::string> refusal(std::string_view text, bool strict = true) {
  Reading reading{.strict = strict};
  const Result<FlagdDocument> document = read_flagd_document(text, reading);
  if (document) return {};
  std::vector<std::string> complaints = complaints_of(document.error());
  if (complaints.empty()) complaints.emplace_back(name(document.error().code));
  return complaints;
}

FlagdDocument read(std::string_view text) {
  Reading reading;
  return test::Namespaces::check(read_flagd_document(text, reading));
}

TEST(FlagdDocument, takes_a_map_or_a_list_and_what_others_add) {
  const std::string flag(boolean_flag);
  const FlagdDocument map =
      read(with_flags("{\"b\":" + flag + ",\"a\":" + flag + "}",
                      R"(,"$schema":"x","$comment":1,"x-more":[],"$evaluators":{"s":{"==":[1,1]}},
                                               "metadata":{"flagSetId":"other/one","version":"7","team":"web","n":1.5})"));
  ASSERT_THAT(map.flags, SizeIs(2));
  EXPECT_EQ(map.flags[0].key, "a");
  EXPECT_EQ(map.flags[1].at, "/flags/b");
  ASSERT_THAT(map.segments, SizeIs(1));
  EXPECT_EQ(json_text(*map.metadata), R"({"team":"web","n":1.5})");

  const FlagdDocument list = read(
      R"({"flags":[{"key":"b","state":"DISABLED","variants":{"x":"1"}},{"key":"a:1@b","state":"DISABLED","variants":{"x":"1"}}]})");
  ASSERT_THAT(list.flags, SizeIs(2));
  EXPECT_EQ(list.flags[0].key, "a:1@b");
  EXPECT_EQ(list.flags[0].at, "/flags/1");
  EXPECT_FALSE(list.metadata);
}

TEST(FlagdDocument, reads_an_identity_member_by_member) {
  const FlagdDocument document = read(
      R"({"flags":{"a":{"state":"ENABLED","variants":{"on":true},"x-corohub":{"name":" A ","tags":["x"],"parent":null,
          "platform":"web","type":"boolean","package_gated":true}}}})");
  FlagIdentity existing;
  existing.key = existing.name = "a";
  existing.description = "stays";
  existing.parent = "goes";
  existing.client_visible = false;
  for (const FlagIdentity* before : {static_cast<const FlagIdentity*>(nullptr), &std::as_const(existing)}) {
    const FlagIdentity after = document.flags.at(0).identity.over(before);
    EXPECT_EQ(after.name, "A");
    EXPECT_THAT(after.tags, ElementsAre("x"));
    EXPECT_FALSE(after.parent);
    EXPECT_EQ(after.platform, "web");
    EXPECT_TRUE(after.package_gated);
    EXPECT_EQ(after.description, before != nullptr ? "stays" : "");
    EXPECT_EQ(after.client_visible, before == nullptr);
  }
}

TEST(FlagdDocument, every_complaint_points_at_its_place) {
  const std::string flag(boolean_flag);
  struct Case {
    std::string text;
    std::vector<std::string> complaints;
  };
  const std::vector<Case> cases = {
      {"", {"invalid_json"}},
      {"[]", {"invalid_json"}},
      {"{} {}", {"invalid_json"}},
      {R"({"flags":{},"flags":{}})", {"invalid_json"}},
      {"{}", {"/flags required"}},
      {R"({"flags":7})", {"/flags invalid_type"}},
      {R"({"flags":{},"more":1})", {"/more unknown_member"}},
      {R"({"flags":{},"$evaluators":[]})", {"/$evaluators invalid_type"}},
      {R"({"flags":{},"$evaluators":{"a b":{"==":[1,1]}}})", {"/$evaluators/a b invalid_format"}},
      {R"({"flags":{},"$evaluators":{"s":{"$ref":"t"}}})",
       {"/$evaluators/s/$ref nested_ref", "/$evaluators/s/$ref invalid_arguments"}},
      {R"({"flags":{},"metadata":1})", {"/metadata invalid_type"}},
      {R"({"flags":{},"metadata":{"a/b":{}}})", {"/metadata/a~1b invalid_type"}},
      {with_flags("{\"-a\":" + flag + "}"), {"/flags/-a invalid_format"}},
      {with_flags(R"({"a":1,"b":{}})"),
       {"/flags/a invalid_type", "/flags/b/state required", "/flags/b/variants required"}},
      {with_flags(R"([1,{},{"key":2},{"key":""}])"),
       {"/flags/0 invalid_type", "/flags/1/key required", "/flags/2/key invalid_type",
        "/flags/3/key invalid_format"}},
      {with_flags(
           R"([{"key":"a","state":"DISABLED","variants":{"x":"1"}},{"key":"a","state":"DISABLED","variants":{"x":"1"}}])"),
       {"/flags/1/key duplicate"}},
      {with_flags(R"({"a":{"state":"ENABLED","variants":{"on":true},"x-corohub":[]}})"),
       {"/flags/a/x-corohub invalid_type"}},
      {with_flags(
           R"({"a":{"state":"ENABLED","variants":{"on":true},"x-corohub":{"id":1,"name":"","tags":[1],"type":"string"}}})"),
       {"/flags/a/x-corohub/id field_not_allowed", "/flags/a/x-corohub/name too_short",
        "/flags/a/x-corohub/tags invalid_type", "/flags/a/x-corohub/type type_fixed"}},
      {with_flags(R"({"a":{"state":"ENABLED","variants":{"on":true},"targeting":{"nope":[]}}})"),
       {"/flags/a/targeting/nope unknown_operator"}},
  };
  for (const Case& one : cases) EXPECT_EQ(refusal(one.text), one.complaints) << one.text;
}

TEST(FlagdDocument, a_lenient_reading_warns_of_what_flagd_does_not_mind) {
  Reading reading{.strict = false};
  const Result<FlagdDocument> document = read_flagd_document(
      R"({"flags":{"a":{"state":"ENABLED","variants":{"on":true},"targeting":{"nope":[]},"more":1}},"more":1})",
      reading);
  ASSERT_TRUE(document);
  EXPECT_THAT(reading.warnings, SizeIs(3));
  EXPECT_THAT(refusal(R"({"flags":{"a":{"state":"ON","variants":{"on":true}}}})", false),
              ElementsAre("/flags/a/state unknown_value"));
}

TEST(FlagdDocument, more_than_a_namespace_holds_is_told_before_it_is_read) {
  std::string flags = "{";
  for (std::size_t i = 0; i <= 2'000; ++i) flags += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  EXPECT_THAT(refusal(with_flags(flags + "}")), ElementsAre("limit_reached"));
  std::string segments = "{";
  for (std::size_t i = 0; i <= 500; ++i) segments += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  EXPECT_THAT(refusal(with_flags("{}", ",\"$evaluators\":" + segments + "}")), ElementsAre("limit_reached"));
}

TEST(FlagdDocument, hostile_documents_end_in_a_bounded_answer) {
  std::string deep = with_flags(R"({"a":{"state":"ENABLED","variants":{"on":true},"targeting":)" + [] {
    std::string rule;
    for (int i = 0; i < 60; ++i) rule += "{\"!\":[";
    rule += '1';
    for (int i = 0; i < 60; ++i) rule += "]}";
    return rule;
  }() + "}}");
  EXPECT_THAT(refusal(deep), ElementsAre(HasSubstr("too_complex")));

  std::string wrong = "{";
  for (int i = 0; i < 100'000; ++i) wrong += "\"k" + std::to_string(i) + "\":1,";
  EXPECT_THAT(refusal(wrong + "\"flags\":{}}"), SizeIs(document_complaints_max));

  std::string large = with_flags("{}", ",\"x-blob\":[" + std::string(document_bytes_max / 2, '1') + "]");
  EXPECT_THAT(refusal(large), ElementsAre("invalid_json"));  // no double is that large
  large = R"({"flags":{},"x-blob":[0)";
  while (large.size() < document_bytes_max - 8) large += ",[]";
  EXPECT_THAT(refusal(large + "]}"), IsEmpty());
}

}  // namespace
}  // namespace corohub::flags
