#include "flags/evaluation/definition.hpp"

#include "core/json_text.hpp"
#include "flags/evaluation/findings.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::flags {
namespace {

using namespace std::string_literals;

// "code at place" of each complaint, or "" if there is none.
std::string complaints(const std::vector<FieldError>& fields) {
  std::string text;
  for (const FieldError& one : fields) text += (text.empty() ? "" : ", ") + one.code + " at " + one.field;
  return text;
}

std::string complaints_of(const std::string& definition, Reading reading = {}) {
  const Result<DefinitionRef> read = parse_definition(parse_json(definition)->as_object(), reading);
  return read ? "" : complaints(read.error().fields);
}

std::string with_targeting(const std::string& rule) {
  return R"({"state":"ENABLED","variants":{"on":true,"off":false},"targeting":)" + rule + "}";
}

TEST(Definition, is_read_into_what_an_evaluation_needs) {
  const std::string text =
      R"({"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off",)"
      R"("targeting":{"if":[{"$ref":"b"},{"$ref":"a"},{"$ref":"b"}]},"metadata":{"owner":"ann"}})";
  Reading reading;
  const DefinitionRef read = *parse_definition(parse_json(text)->as_object(), reading);
  EXPECT_EQ(read->state, State::enabled);
  EXPECT_EQ(read->type, ValueType::boolean);
  EXPECT_EQ(read->default_variant, 1u);
  EXPECT_EQ(read->variant("on")->text, "true");
  EXPECT_EQ(read->variant("On"), nullptr);
  EXPECT_EQ(std::vector<std::string>(read->segments().begin(), read->segments().end()),
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(json_text(read->document), text);
}

TEST(Definition, has_nothing_for_what_is_null_or_empty) {
  Reading reading;
  const DefinitionRef read = *parse_definition(
      parse_json(
          R"({"$comment":1,"x-mine":{},"defaultVariant":null,"targeting":{},"variants":{"a":1},"state":"DISABLED"})")
          ->as_object(),
      reading);
  EXPECT_FALSE(read->default_variant);
  EXPECT_EQ(read->targeting, nullptr);
  EXPECT_EQ(json_text(read->document), R"({"state":"DISABLED","variants":{"a":1},"targeting":{}})");
}

TEST(Definition, is_refused_with_the_place_of_each_error) {
  const std::string many = [] {
    std::string text = R"({"state":"ENABLED","variants":{)";
    for (std::size_t i = 0; i <= variants_max; ++i)
      text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":1";
    return text + "}}";
  }();
  const std::string long_text(definition_bytes_max, 'a');
  const std::vector<std::pair<std::string, std::string>> table = {
      {"{}", "required at /state, required at /variants"},
      {R"({"state":1,"variants":[]})", "invalid_type at /state, invalid_type at /variants"},
      {R"({"state":"enabled","variants":{}})", "unknown_value at /state, out_of_range at /variants"},
      {many, "out_of_range at /variants"},
      {R"({"state":"ENABLED","variants":{"":1,"a\nb":1}})",
       "out_of_range at /variants/, out_of_range at /variants/a\nb"},
      {R"({"state":"ENABLED","variants":{"a":1,"b/c":"x","d":null,"e":[]}})",
       "mixed_types at /variants/b~1c, invalid_type at /variants/d, invalid_type at /variants/e"},
      {R"({"state":"ENABLED","variants":{"a":1},"defaultVariant":"b"})",
       "unknown_variant at /defaultVariant"},
      {R"({"state":"ENABLED","variants":{"a":1},"defaultVariant":""})", "unknown_variant at /defaultVariant"},
      {R"({"state":"ENABLED","variants":{"a":1},"defaultVariant":1})", "invalid_type at /defaultVariant"},
      {R"({"state":"ENABLED","variants":{"a":1},"targeting":null})", "invalid_type at /targeting"},
      {R"({"state":"ENABLED","variants":{"a":1},"metadata":[]})", "invalid_type at /metadata"},
      {R"({"state":"ENABLED","variants":{"a":1},"metadata":{"a":null,"b":1,"c":{}}})",
       "invalid_type at /metadata/a, invalid_type at /metadata/c"},
      {R"({"state":"ENABLED","variants":{"a":1},"default":"a"})", "unknown_member at /default"},
      {R"({"state":"ENABLED","variants":{"a":")" + long_text + "\"}}", "out_of_range at "},
  };
  for (const auto& [definition, expected] : table)
    EXPECT_EQ(complaints_of(definition), expected) << definition;
}

TEST(Definition, leads_complaints_with_the_place_of_the_document) {
  EXPECT_EQ(complaints_of("{\"state\":\"ENABLED\"}", {.at = "/flags/a"}), "required at /flags/a/variants");
}

TEST(Definition, refuses_rules_that_the_schema_refuses) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {R"({"foo":[1]})", "unknown_operator at /targeting/foo"},
      {R"({"if":[{"?:":[1]},{"log":"a"}]})",
       "unknown_operator at /targeting/if/0/?:, unknown_operator at /targeting/if/1/log"},
      {R"({"==":[1,2],"!=":[1,2]})", "invalid_arguments at /targeting"},
      {R"({"$ref":"a"})", "invalid_arguments at /targeting/$ref"},
      {R"({"if":[{"$ref":1}]})", "invalid_arguments at /targeting/if/0/$ref"},
      {R"({"if":[{}]})", "invalid_arguments at /targeting/if/0"},
      {R"({"if":[]})", "invalid_arguments at /targeting/if"},
      {R"({"if":true})", "invalid_arguments at /targeting/if"},
      {R"({"==":[1]})", "invalid_arguments at /targeting/=="},
      {R"({"==":[1,2,3]})", "invalid_arguments at /targeting/=="},
      {R"({"<":[1,2,3,4]})", "invalid_arguments at /targeting/<"},
      {R"({">":[1,2,3]})", "invalid_arguments at /targeting/>"},
      {R"({"*":[1]})", "invalid_arguments at /targeting/*"},
      {R"({"reduce":[[],1]})", "invalid_arguments at /targeting/reduce"},
      {R"({"var":"$flagd.time"})", "invalid_arguments at /targeting/var"},
      {R"({"missing":"a"})", "invalid_arguments at /targeting/missing"},
      {R"({"missing":["a",1]})", "invalid_arguments at /targeting/missing/1"},
      {R"({"missing_some":["1",["a",{"var":"b"}]]})",
       "invalid_arguments at /targeting/missing_some/0, invalid_arguments at /targeting/missing_some/1/1"},
      {R"({"starts_with":["a",1]})", "invalid_arguments at /targeting/starts_with/1"},
      {R"({"ends_with":[{"$ref":"a"},"b"]})", "invalid_arguments at /targeting/ends_with/0/$ref"},
      {R"({"sem_ver":["1.2","=>",{"cat":["1"]}]})",
       "invalid_arguments at /targeting/sem_ver/0, invalid_arguments at /targeting/sem_ver/2, "
       "invalid_arguments at /targeting/sem_ver/1"},
      {R"({"fractional":["key",["a",1]]})", "invalid_arguments at /targeting/fractional/0"},
      {R"({"fractional":[["a",-1],["b",1.5],["c",1,2],[],["d","1"]]})",
       "invalid_arguments at /targeting/fractional/0/1, invalid_arguments at /targeting/fractional/1/1, "
       "invalid_arguments at /targeting/fractional/2, invalid_arguments at /targeting/fractional/3, "
       "invalid_arguments at /targeting/fractional/4/1"},
  };
  for (const auto& [rule, expected] : table) {
    EXPECT_EQ(complaints_of(with_targeting(rule)), expected) << rule;
    Reading lenient{.strict = false};
    EXPECT_TRUE(parse_definition(parse_json(with_targeting(rule))->as_object(), lenient)) << rule;
    EXPECT_EQ(complaints(lenient.warnings), expected) << rule;
  }
}

TEST(Definition, takes_rules_that_the_schema_lets_pass) {
  for (const char* rule :
       {R"({"if":[{"==":[{"var":["plan","free"]},"gold"]},"on",{"var":"$flagd.flagKey"}]})",
        R"({"!":[{"in":["a",[1,{"anything":1}]]}]})", R"({"!!":{"var":""}})", R"({"<":[1,{"var":1},3]})",
        R"({"missing":[]})", R"({"missing_some":[1,["a","b"]]})", R"({"merge":[1,[2],{"$ref":"a"}]})",
        R"({"reduce":[{"var":"l"},{"+":[{"var":"current"},{"var":"accumulator"}]},0]})",
        R"({"sem_ver":[{"var":"v"},"^","1.2.3-rc.1+build"]})", R"({"starts_with":[{"var":"email"},"ann@"]})",
        R"({"fractional":[{"var":"email"},["on",50],["off",{"var":"w"}],[{"$ref":"a"}]]})",
        R"({"fractional":[["on"],["off",50.0]]})"})
    EXPECT_EQ(complaints_of(with_targeting(rule)), "") << rule;
}

TEST(Definition, T51b_refuses_rules_that_are_too_complex) {
  const auto nested = [](std::size_t levels) {  // "!" and its list are two
    std::string rule = "1";
    for (std::size_t i = 0; i < levels / 2; ++i) rule = "{\"!\":[" + rule + "]}";
    return rule;
  };
  const auto wide = [](std::size_t nodes) {  // the rule, its list, and its elements
    std::string rule = "{\"merge\":[1";
    for (std::size_t i = 3; i < nodes; ++i) rule += ",1";
    return rule + "]}";
  };
  const auto long_rule = [](std::size_t bytes) {
    const std::string frame = R"({"cat":[""]})";
    return R"({"cat":[")" + std::string(bytes - frame.size(), 'a') + "\"]}";
  };
  EXPECT_EQ(complaints_of(with_targeting(nested(rule_levels_max))), "");
  EXPECT_EQ(complaints_of(with_targeting(nested(rule_levels_max + 2))), "too_complex at /targeting");
  EXPECT_EQ(complaints_of(with_targeting(wide(rule_nodes_max))), "");
  EXPECT_EQ(complaints_of(with_targeting(wide(rule_nodes_max + 1))), "too_complex at /targeting");
  EXPECT_EQ(complaints_of(with_targeting(long_rule(rule_bytes_max))), "");
  EXPECT_EQ(complaints_of(with_targeting(long_rule(rule_bytes_max + 1))), "too_complex at /targeting");
  EXPECT_EQ(complaints_of(with_targeting(wide(rule_nodes_max + 1)), {.strict = false}),
            "too_complex at /targeting");
}

TEST(Definition, shows_only_so_many_complaints) {
  std::string rule = "{\"+\":[{\"a\":1}";
  for (int i = 0; i < 500; ++i) rule += ",{\"a\":1}";
  Reading reading;
  const auto read = parse_definition(parse_json(with_targeting(rule + "]}"))->as_object(), reading);
  EXPECT_EQ(read.error().fields.size(), 100u);
}

// However long the names are that lead there.
TEST(Definition, T51b_shows_places_only_so_far) {
  const auto bytes_of = [](const std::vector<FieldError>& fields) {
    std::size_t bytes = 0;
    for (const FieldError& one : fields) bytes += one.field.size();
    return bytes;
  };
  std::string list = R"([{"$ref":"a"})";
  for (int i = 0; i < 120; ++i) list += R"(,{"$ref":"a"})";
  list += "]";
  const std::string long_name(20'000, 'x');
  Reading reading;
  const auto segment = parse_segment(*parse_json("{\"" + long_name + "\":" + list + "}"), reading);
  EXPECT_EQ(segment.error().fields.size(), findings_max);
  EXPECT_EQ(segment.error().fields.front().field,
            "/" + long_name.substr(0, shown_name_bytes_max) + ".../0/$ref");
  std::string deep = list;
  for (int i = 0; i < 20; ++i)
    deep = "{\"" + std::string(shown_name_bytes_max - 1, 'x') + "\xc3\xa4\":" + deep + "}";
  const auto deeper = parse_segment(*parse_json(deep), reading);
  EXPECT_LE(bytes_of(deeper.error().fields), finding_places_bytes_max);
  EXPECT_GT(deeper.error().fields.size(), 10u);
  EXPECT_TRUE(deeper.error().fields.front().field.starts_with(
      "/" + std::string(shown_name_bytes_max - 1, 'x') + ".../"));
}

TEST(Definition, knows_whether_its_rule_reads_the_time) {
  const auto reads_time = [](const std::string& rule) {
    Reading reading{.strict = false};
    return (*parse_definition(parse_json(with_targeting(rule))->as_object(), reading))->reads_time();
  };
  EXPECT_TRUE(reads_time(R"({"<":[{"var":"$flagd.timestamp"},5]})"));
  EXPECT_TRUE(reads_time(R"({"!!":{"var":"$flagd"}})"));
  EXPECT_TRUE(reads_time(R"({"!!":{"var":{"var":"which"}}})"));
  EXPECT_FALSE(reads_time(R"({"==":[{"var":"$flagd.flagKey"},"a"]})"));
  EXPECT_FALSE(reads_time(R"({"some":[{"var":"roles"},{"==":[{"var":""},"a"]}]})"));
}

TEST(Segment, is_a_rule_that_refers_to_no_other) {
  const auto complaints_of_segment = [](const std::string& rule, Reading reading) {
    const Result<SegmentRule> read = parse_segment(*parse_json(rule), reading);
    return read ? "" : complaints(read.error().fields);
  };
  EXPECT_EQ(complaints_of_segment(R"({"in":["@a.b",{"var":"email"}]})", {}), "");
  EXPECT_EQ(complaints_of_segment("[]", {}), "invalid_type at ");
  EXPECT_EQ(complaints_of_segment(R"({"foo":1})", {.at = "/rule"}), "unknown_operator at /rule/foo");
  EXPECT_EQ(complaints_of_segment(R"({"or":[1,[{"$ref":"b"}]]})", {.strict = false, .at = "/rule"}),
            "nested_ref at /rule/or/1/0/$ref");
}

}  // namespace
}  // namespace corohub::flags
