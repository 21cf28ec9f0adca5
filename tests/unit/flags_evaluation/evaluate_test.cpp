#include "flags/evaluation/evaluate.hpp"

#include "support.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::flags {
namespace {

using test::context_of;
using test::EnvironmentOf;
using test::FlagParts;
using test::item;
using test::now_seconds;
using test::segment_of;

std::string definition(std::string_view state, std::string_view more) {
  return R"({"state":")" + std::string(state) + R"(","variants":{"on":true,"off":false})" +
         std::string(more) + "}";
}
std::string enabled(std::string_view more) { return definition("ENABLED", more); }
std::string targeting(std::string_view rule) {
  return enabled(R"(,"defaultVariant":"off","targeting":)" + std::string(rule));
}

std::string item_of(const std::string& text, const std::string& context = "{}") {
  const auto environment = EnvironmentOf{.flags = {{.key = "a", .definition = text}}}.make();
  return item(*environment, "a", context);
}

TEST(Evaluation, without_targeting_is_the_default) {
  EXPECT_EQ(item_of(enabled(R"(,"defaultVariant":"on")")),
            R"({"key":"a","value":true,"reason":"STATIC","variant":"on","metadata":{}})");
  EXPECT_EQ(item_of(enabled(R"(,"defaultVariant":"on","targeting":{})")),
            R"({"key":"a","value":true,"reason":"STATIC","variant":"on","metadata":{}})");
  EXPECT_EQ(item_of(enabled("")), R"({"key":"a","reason":"DEFAULT","metadata":{}})");
}

TEST(Evaluation, disabled_has_neither_value_nor_variant) {
  EXPECT_EQ(item_of(definition("DISABLED", R"(,"defaultVariant":"on","targeting":{"foo":1})")),
            R"({"key":"a","reason":"DISABLED","metadata":{}})");
}

TEST(Evaluation, targeting_names_a_variant_or_gives_null) {
  const std::string text =
      R"({"state":"ENABLED","variants":{"true":1,"false":0,"10":10,"1.5":1.5,"1e+21":21,"x":"no"},"targeting":{"var":"v"}})";
  const std::string numbers =
      R"({"state":"ENABLED","variants":{"true":1,"false":0,"10":10,"1.5":-0.5,"1e+21":1e21},"targeting":{"var":"v"}})";
  const auto answer = [&](const std::string& value) { return item_of(numbers, "{\"v\":" + value + "}"); };
  EXPECT_EQ(answer("true"),
            R"({"key":"a","value":1,"reason":"TARGETING_MATCH","variant":"true","metadata":{}})");
  EXPECT_EQ(answer("false"),
            R"({"key":"a","value":0,"reason":"TARGETING_MATCH","variant":"false","metadata":{}})");
  EXPECT_EQ(answer("10.0"),
            R"({"key":"a","value":10,"reason":"TARGETING_MATCH","variant":"10","metadata":{}})");
  EXPECT_EQ(answer("1.5"),
            R"({"key":"a","value":-0.5,"reason":"TARGETING_MATCH","variant":"1.5","metadata":{}})");
  EXPECT_EQ(answer("1e21"),
            R"({"key":"a","value":1e+21,"reason":"TARGETING_MATCH","variant":"1e+21","metadata":{}})");
  EXPECT_EQ(answer("null"), R"({"key":"a","reason":"DEFAULT","metadata":{}})");
  for (const char* no_variant : {"\"True\"", "\"\"", "11", "[]", "{}", "[\"10\"]"})
    EXPECT_EQ(answer(no_variant),
              R"({"key":"a","errorCode":"GENERAL","errorDetails":"The rule gives what is no )"
              R"(variant of the flag."})")
        << no_variant;
  EXPECT_EQ(item_of(targeting("{\"var\":\"v\"}")),
            R"({"key":"a","value":false,"reason":"DEFAULT","variant":"off","metadata":{}})");
  Reading reading;
  EXPECT_FALSE(parse_definition(parse_json(text)->as_object(), reading));  // mixed types
}

TEST(Evaluation, values_stand_as_they_were_written) {
  EXPECT_EQ(
      item_of(
          R"({"state":"ENABLED","variants":{"v":{"z":[1,null,{"a":""}],"a":18446744073709551615,"e":{}}},"defaultVariant":"v"})"),
      R"({"key":"a","value":{"z":[1,null,{"a":""}],"a":18446744073709551615,"e":{}},"reason":"STATIC","variant":"v","metadata":{}})");
  EXPECT_EQ(item_of(R"({"state":"ENABLED","variants":{"\"":""},"defaultVariant":"\""})"),
            R"({"key":"a","value":"","reason":"STATIC","variant":"\"","metadata":{}})");
}

TEST(Evaluation, unknown_operators_and_segments_are_parse_errors) {
  EXPECT_EQ(
      item_of(targeting(R"({"foo":1})")),
      R"({"key":"a","errorCode":"PARSE_ERROR","errorDetails":"The rule has an operator that is not known."})");
  EXPECT_EQ(
      item_of(targeting(R"({"if":[{"$ref":"gone"},"on"]})")),
      R"({"key":"a","errorCode":"PARSE_ERROR","errorDetails":"The rule refers to a segment that does not )"
      R"(exist."})");
}

TEST(Evaluation, metadata_of_the_flag_stands_over_the_environments) {
  const auto environment =
      EnvironmentOf{.flags = {{.key = "a", .definition = enabled(R"(,"metadata":{"owner":"ann","n":1})")},
                              {.key = "b", .definition = enabled("")}},
                    .metadata = R"({"team":"x","owner":"bob"})"}
          .make();
  EXPECT_EQ(item(*environment, "a"),
            R"({"key":"a","reason":"DEFAULT","metadata":{"team":"x","owner":"ann","n":1}})");
  EXPECT_EQ(item(*environment, "b"),
            R"({"key":"b","reason":"DEFAULT","metadata":{"team":"x","owner":"bob"}})");
}

TEST(Evaluation, metadata_of_the_gate_stands_behind_or_over_all_others) {
  const auto closed = [](const std::string& environments, const std::string& flags) {
    const auto environment =
        EnvironmentOf{.flags = {{.key = "p", .definition = definition("DISABLED", "")},
                                {.key = "c", .definition = enabled(",\"metadata\":" + flags), .parent = "p"}},
                      .metadata = environments}
            .make();
    return item(*environment, "c");
  };
  const auto expected = [](const std::string& metadata) {
    return R"({"key":"c","reason":"DISABLED","metadata":)" + metadata + "}";
  };
  EXPECT_EQ(closed("{}", "{}"), expected(R"({"gate":"parent"})"));
  EXPECT_EQ(closed(R"({"a":1})", R"({"b":2,"c":3})"), expected(R"({"a":1,"b":2,"c":3,"gate":"parent"})"));
  EXPECT_EQ(closed(R"({"a":1})", R"({"a":2,"c":3})"), expected(R"({"a":2,"c":3,"gate":"parent"})"));
  EXPECT_EQ(closed(R"({"gate":1,"a":1})", "{}"), expected(R"({"gate":"parent","a":1})"));
  EXPECT_EQ(closed(R"({"a":1,"b":1})", R"({"gate":2})"), expected(R"({"a":1,"b":1,"gate":"parent"})"));
}

// A parent, and what it makes of its child.
TEST(Evaluation, a_parent_that_is_off_closes_its_children) {
  const std::string open = R"({"key":"child","value":true,"reason":"STATIC","variant":"on","metadata":{}})";
  const std::string closed =
      R"({"key":"child","value":false,"reason":"DISABLED","variant":"off","metadata":{"gate":"parent"}})";
  const std::string of_text = R"({"state":"ENABLED","variants":{"a":"x"})";
  const std::vector<std::pair<std::string, std::string>> table = {
      {enabled(R"(,"defaultVariant":"on")"), open},
      {enabled(R"(,"defaultVariant":"off")"), closed},
      {definition("DISABLED", R"(,"defaultVariant":"on")"), closed},
      {enabled(""), closed},                                     // boolean, without a value
      {targeting(R"({"==":[{"var":"plan"},"gold"]})"), closed},  // gives "true", which is no variant
      {targeting(R"({"if":[{"==":[{"var":"plan"},"gold"]},"on"]})"), open},
      {targeting(R"({"if":[{"==":[{"var":"plan"},"free"]},"on"]})"), closed},
      {of_text + R"(,"defaultVariant":"a"})", open},
      {of_text + "}", open},
      {of_text + R"(,"targeting":{"cat":["b"]}})", closed},
  };
  for (const auto& [parent, expected] : table) {
    const auto environment = EnvironmentOf{.flags = {{.key = "child",
                                                      .definition = enabled(R"(,"defaultVariant":"on")"),
                                                      .parent = "parent",
                                                      .off_variant = "off"},
                                                     {.key = "parent", .definition = parent}}}
                                 .make();
    EXPECT_EQ(item(*environment, "child", R"({"plan":"gold"})"), expected) << parent;
  }
}

TEST(Evaluation, gates_of_ancestors_and_platforms) {
  auto phones = std::make_shared<Platform>();
  phones->key = "phones";
  phones->enabled = false;
  const std::string on = enabled(R"(,"defaultVariant":"on","metadata":{"gate":"mine"})");
  const auto environment = EnvironmentOf{
      .flags = {{.key = "a", .definition = on, .platform = "phones", .off_variant = "off"},
                {.key = "b", .definition = on, .parent = "a", .off_variant = "gone"},
                {.key = "c", .definition = on, .parent = "b"},
                {.key = "d", .definition = definition("DISABLED", ""), .parent = "a"},
                {.key = "e", .definition = on, .parent = "gone", .platform = "gone"}},
      .platforms = {phones}}.make();
  EXPECT_EQ(
      item(*environment, "a"),
      R"({"key":"a","value":false,"reason":"DISABLED","variant":"off","metadata":{"gate":"platform"}})");
  EXPECT_EQ(item(*environment, "b"), R"({"key":"b","reason":"DISABLED","metadata":{"gate":"parent"}})");
  EXPECT_EQ(item(*environment, "c"), R"({"key":"c","reason":"DISABLED","metadata":{"gate":"parent"}})");
  EXPECT_EQ(item(*environment, "d"), R"({"key":"d","reason":"DISABLED","metadata":{}})");
  EXPECT_EQ(item(*environment, "e"),
            R"({"key":"e","value":true,"reason":"STATIC","variant":"on","metadata":{"gate":"mine"}})");
}

TEST(Evaluation, evaluates_a_parent_once_for_all_its_children) {
  std::vector<FlagParts> flags = {
      {.key = "parent", .definition = targeting(R"({"if":[{"in":[2,[1,1,1,1,1,1,1,1,2]]},"on"]})")}};
  for (char c = 'a'; c <= 'j'; ++c)
    flags.push_back(
        {.key = std::string(1, c), .definition = enabled(R"(,"defaultVariant":"on")"), .parent = "parent"});
  const auto environment = EnvironmentOf{.flags = std::move(flags)}.make();
  const Context context = context_of("{}");
  Evaluator evaluator(*environment, context, now_seconds);
  for (char c = 'a'; c <= 'j'; ++c)
    EXPECT_EQ(evaluator.evaluate(*environment->find(std::string(1, c))).reason, Reason::static_value);
  EXPECT_EQ(steps_per_bulk_max - evaluator.steps_left(), 11u);  // if, in, and nine elements
}

// Parents beyond any count, each asked for itself and by two children, of which one is a parent.
TEST(Evaluation, evaluates_every_flag_of_a_bulk_once) {
  const std::string rule = targeting(R"({"if":[{"in":[2,[1,2]]},"on"]})");
  std::vector<FlagParts> flags;
  for (int i = 0; i < 100; ++i) {
    const std::string key = "p" + std::to_string(1000 + i);
    flags.push_back({.key = key, .definition = rule});
    flags.push_back({.key = "a" + key, .definition = rule, .parent = key});
    flags.push_back({.key = "x" + key, .definition = rule, .parent = "a" + key});
  }
  const auto environment = EnvironmentOf{.flags = std::move(flags)}.make();
  const Context context = context_of("{}");
  Evaluator evaluator(*environment, context, now_seconds);
  for (const Flag& flag : environment->flags()) {
    const Evaluation evaluation = evaluator.evaluate(flag);
    EXPECT_EQ(evaluation.flag, &flag);
    EXPECT_EQ(evaluation.reason, Reason::targeting_match);
  }
  EXPECT_EQ(steps_per_bulk_max - evaluator.steps_left(), 300u * 4);  // if, in, and two elements
}

TEST(Environment, cuts_parents_in_a_circle) {
  const std::string on = enabled(R"(,"defaultVariant":"on")");
  const auto environment = EnvironmentOf{.flags = {{.key = "a", .definition = on, .parent = "b"},
                                                   {.key = "b", .definition = on, .parent = "a"},
                                                   {.key = "c", .definition = on, .parent = "a"},
                                                   {.key = "d", .definition = on, .parent = "d"},
                                                   {.key = "e", .definition = on}}}
                               .make();
  for (const char* key : {"a", "b", "c", "d"}) {
    const Flag& flag = *environment->find(key);
    EXPECT_EQ(flag.parent, nullptr) << key;
    EXPECT_FALSE(flag.enabled) << key;
    EXPECT_EQ(item(*environment, key),
              R"({"key":")" + std::string(key) + R"(","reason":"DISABLED","metadata":{"gate":"platform"}})");
  }
  EXPECT_TRUE(environment->find("e")->enabled);
}

TEST(Evaluation, traces_the_operators_that_were_applied) {
  const auto environment =
      EnvironmentOf{
          .flags = {{.key = "a",
                     .definition = targeting(
                         R"({"if":[{"and":[{"$ref":"grown"},{"==":[{"var":["plan","free"]},"gold"]}]},)"
                         R"({"fractional":[{"var":"~"},["on",1]]},{"foo":1}]})")}},
          .segments = {segment_of("grown", R"({">=":[{"var":"age"},18]})")}}
          .make();
  const Context context = context_of(R"({"plan":"gold","age":20,"targetingKey":"k"})");
  Evaluator evaluator(*environment, context, now_seconds);
  std::vector<TracedStep> steps;
  evaluator.trace(&steps);
  evaluator.evaluate(*environment->find("a"));
  std::string shown;
  for (const TracedStep& one : steps)
    shown += one.path + " " + one.op + " " + one.args + " " + one.result + "\n";
  EXPECT_EQ(shown,
            "/if/0/and/0/$ref/>=/0 var [\"age\"] 20\n"
            "/if/0/and/0/$ref >= [20,18] true\n"
            "/if/0/and/0 $ref [] true\n"
            "/if/0/and/1/==/0 var [\"plan\"] \"gold\"\n"
            "/if/0/and/1 == [\"gold\",\"gold\"] true\n"
            "/if/0 and [true,true] true\n"
            "/if/1/fractional/0 var [\"~\"] null\n"
            "/if/1 fractional [null] \"on\"\n"
            " if [true,\"on\"] \"on\"\n");
}

std::string trace_of(const std::string& rule) {
  const auto environment = EnvironmentOf{.flags = {{.key = "a", .definition = targeting(rule)}}}.make();
  const Context context = context_of("{}");
  Evaluator evaluator(*environment, context, now_seconds);
  std::vector<TracedStep> steps;
  evaluator.trace(&steps);
  evaluator.evaluate(*environment->find("a"));
  std::string shown;
  for (const TracedStep& one : steps)
    shown += one.path + " " + one.op + " " + one.args + " " + one.result + "; ";
  return shown;
}

TEST(Evaluation, traces_with_pointers_into_the_rule_as_it_is_written) {
  EXPECT_EQ(trace_of(R"({"?:":[true,{"/":[{"-":[6]},2]}]})"),
            "/?:/1/~1/0 - [6] -6; /?:/1 / [-6,2] -3;  ?: [true,-3] -3; ");
}

TEST(Evaluation, traces_the_operator_that_fails) {
  EXPECT_EQ(trace_of(R"({"if":[{"!":[0]},{"cat":["a",{"+":[1,null]},{"!":[1]}]}]})"),
            "/if/0 ! [0] true; /if/1/cat/1 + [1,null] null; ");
  EXPECT_EQ(trace_of(R"({"or":[false,{"foo":1}]})"), "/or/1 foo [] null; ");
}

TEST(Evaluation, takes_another_definition_for_a_dry_run) {
  const auto environment = EnvironmentOf{.flags = {{.key = "a", .definition = enabled("")}}}.make();
  const DefinitionRef draft =
      test::definition_of(enabled(R"(,"defaultVariant":"on","metadata":{"draft":true})"));
  const Context context = context_of("{}");
  Evaluator evaluator(*environment, context, now_seconds);
  std::string out;
  append_evaluation(out, *environment, evaluator.evaluate(environment->flags().front(), draft.get()),
                    draft.get());
  EXPECT_EQ(out, R"({"key":"a","value":true,"reason":"STATIC","variant":"on","metadata":{"draft":true}})");
}

TEST(Evaluation, of_a_flag_that_is_not_there) {
  std::string out;
  append_flag_not_found(out, "a\"");
  EXPECT_EQ(out, R"({"key":"a\"","errorCode":"FLAG_NOT_FOUND","errorDetails":"There is no such flag."})");
}

TEST(Environment, knows_whether_any_of_its_rules_reads_the_time) {
  const std::string timed = R"({"<":[{"var":"$flagd.timestamp"},5]})";
  const auto reads_time = [](EnvironmentOf environment) { return environment.make()->reads_time(); };
  const bool plain = reads_time({.flags = {{.key = "a", .definition = enabled("")}}});
  const bool by_flag = reads_time({.flags = {{.key = "a", .definition = targeting(timed)}}});
  const bool by_segment = reads_time({.segments = {segment_of("s", timed)}});
  EXPECT_FALSE(plain);
  EXPECT_TRUE(by_flag);
  EXPECT_TRUE(by_segment);
}

}  // namespace
}  // namespace corohub::flags
