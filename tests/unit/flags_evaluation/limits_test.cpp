// Rules that are made to hurt: each ends within its budgets, and those after it are evaluated as ever.
#include "support.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::flags {
namespace {

using test::context_of;
using test::EnvironmentOf;
using test::now_seconds;
using test::result_of;

std::string list_of(std::size_t count, std::string_view element) {
  std::string text = "[";
  for (std::size_t i = 0; i < count; ++i) text.append(i == 0 ? "" : ",").append(element);
  return text + "]";
}

TEST(Limits, T51b_a_flag_has_so_many_steps) {
  // all, and for each element itself and its operator
  const auto all_of = [](std::size_t elements) {
    return result_of(R"({"all":[{"merge":[{"var":"l"}]},{"!":[false]}]})",
                     "{\"l\":" + list_of(elements, "1") + "}");
  };
  // all, merge and var; then one step to make an element, and two to judge it
  EXPECT_EQ(all_of((steps_per_flag_max - 3) / 3), "true");
  EXPECT_EQ(all_of((steps_per_flag_max - 3) / 3 + 1), "GENERAL");
  const auto in = [](std::size_t elements) {
    return result_of(R"({"in":[2,{"var":"l"}]})", "{\"l\":" + list_of(elements, "1") + "}");
  };
  EXPECT_EQ(in(steps_per_flag_max - 2), "false");
  EXPECT_EQ(in(steps_per_flag_max - 1), "GENERAL");
}

TEST(Limits, T51b_loops_in_loops_end) {
  const std::string context = "{\"l\":" + list_of(1000, "1") + "}";
  for (const char* op : {"map", "filter", "all", "none"}) {
    const std::string inner = R"({"!":{"reduce":[[1,1,1,1,1,1,1,1,1,1,1],{"!":[1]},0]}})";
    const std::string rule = "{\"" + std::string(op) + "\":[{\"var\":\"l\"}," +
                             (op == std::string("none") ? "{\"!\":" + inner + "}" : inner) + "]}";
    EXPECT_EQ(result_of(rule, context), "GENERAL") << op;
  }
}

TEST(Limits, T51b_a_flag_builds_so_much_text) {
  const std::string context = "{\"t\":\"" + std::string(1024, 'x') + "\"}";
  const auto cat = [&](std::size_t parts) {
    return result_of("{\"!!\":{\"cat\":" + list_of(parts, R"({"var":"t"})") + "}}", context);
  };
  EXPECT_EQ(cat(built_text_per_flag_max / 1024), "true");
  EXPECT_EQ(cat(built_text_per_flag_max / 1024 + 1), "GENERAL");
  // A text that doubles with each element.
  EXPECT_EQ(result_of(R"({"reduce":[)" + list_of(100, "1") +
                      R"(,{"cat":[{"var":"accumulator"},{"var":"accumulator"}]},"ab"]})"),
            "GENERAL");
}

TEST(Limits, T51b_lists_that_grow_end) {
  EXPECT_EQ(result_of(R"({"reduce":[)" + list_of(100, "1") +
                      R"(,{"merge":[{"var":"accumulator"},{"var":"accumulator"}]},[1]]})"),
            "GENERAL");
  // Each element makes a list of many constants, which are no steps.
  EXPECT_EQ(result_of(R"({"map":[{"var":"l"},[)" + list_of(1500, "1").substr(1, 2999) + R"(,{"var":""}]]})",
                      "{\"l\":" + list_of(2000, "1") + "}"),
            "GENERAL");
}

TEST(Limits, T51b_long_texts_are_not_searched_for_ever) {
  const std::string context = "{\"hay\":\"" + std::string(8000, 'a') + "\",\"needle\":\"" +
                              std::string(4000, 'a') + "b\",\"l\":" + list_of(100, "1") + "}";
  EXPECT_EQ(result_of(R"({"in":[{"var":"needle"},{"var":"hay"}]})", context), "false");
  const std::string text(16000, 'a');
  EXPECT_EQ(result_of(R"({"some":[{"var":"l"},{"in":["b",")" + text + "\"]}]}",
                      "{\"l\":" + list_of(2000, "1") + "}"),
            "GENERAL");
}

TEST(Limits, T51b_long_lists_and_texts_are_not_read_for_ever) {
  const auto read_again_and_again = [](const std::string& op, const std::string& data) {
    return result_of(R"({"reduce":[{"var":"l"},{"if":[)" + op +
                         R"(,{"var":"accumulator"},{"var":"accumulator"}]},{"var":"data"}]})",
                     "{\"l\":" + list_of(1400, "1") + ",\"data\":" + data + "}");
  };
  const std::string numbers = list_of(5000, "1");
  EXPECT_EQ(read_again_and_again(R"({"+":{"var":"accumulator"}})", numbers), "GENERAL");
  EXPECT_EQ(read_again_and_again(R"({"fractional":{"var":"accumulator"}})", list_of(2000, "[1]")), "GENERAL");
  EXPECT_EQ(read_again_and_again(R"({"cat":{"var":"accumulator"}})", list_of(5000, "null")), "GENERAL");
  const std::string text = '"' + std::string(15'000, 'a') + '"';
  EXPECT_EQ(read_again_and_again(R"({"==":[{"var":"accumulator"},{"var":"accumulator"}]})", text), "GENERAL");
  EXPECT_EQ(read_again_and_again(R"({"substr":[{"var":"accumulator"},1,2]})", text), "GENERAL");
  EXPECT_EQ(read_again_and_again(R"({"<":[{"var":"accumulator"},1]})", text), text);  // it is no number
}

// One rule for each element of a list of 2,000: what its operators read beside their steps adds up.
TEST(Limits, T51b_what_steps_do_not_tell_is_counted_too) {
  const std::string context = "{\"l\":" + list_of(2000, "1") + ",\"t\":\"" + std::string(12, '1') + "\"}";
  const auto for_each = [&](const std::string& rule) {
    return result_of(R"({"none":[{"var":"l"},{"and":[)" + rule + ",false]}]}", context);
  };
  EXPECT_EQ(for_each(R"({"==":[{"var":"t"},"b"]})"), "true");
  EXPECT_EQ(for_each(R"({"!":[{"+":[1,"2",3]}]})"), "true");
  const std::string digits = "\"9007199254740993." + std::string(100, '0') + "1\"";
  EXPECT_EQ(for_each(R"({"<":[)" + digits + ",1]}"), "GENERAL");
  EXPECT_EQ(for_each(R"({"!":[{"+":)" + list_of(30, digits) + "}]}"), "GENERAL");
  EXPECT_EQ(for_each(R"({"substr":["a",)" + digits + "]}"), "GENERAL");
  const std::string version = "\"1.2.3-" + std::string(250, 'a') + "\"";
  EXPECT_EQ(for_each(R"({"sem_ver":[)" + version + ",\"?\"," + version + "]}"), "GENERAL");
  EXPECT_EQ(for_each(R"({"starts_with":[")" + std::string(2000, 'a') + R"(",")" + std::string(1000, 'a') +
                     R"("]})"),
            "GENERAL");
  EXPECT_EQ(for_each(R"({"in":[")" + std::string(1000, 'a') + R"(",[")" + std::string(999, 'a') + R"(b"]]})"),
            "GENERAL");
  EXPECT_EQ(for_each(R"({"missing":[")" + std::string(30'000, '.') + "\"]}"), "GENERAL");
  EXPECT_EQ(for_each(R"({"var":")" + std::string(30'000, 'a') + "\"}"), "GENERAL");
  EXPECT_EQ(for_each(R"({"var":{"cat":[")" + std::string(1'000, 'a') + "\"]}}"), "GENERAL");
  EXPECT_EQ(for_each(R"({"!":[{"+":)" + list_of(1900, "1") + "}]}"), "GENERAL");
  EXPECT_EQ(for_each(R"({"cat":[1.25,0.5,2.75]})"), "GENERAL");
  EXPECT_EQ(for_each(R"({"and":)" + list_of(1900, "1") + "}"), "GENERAL");
  EXPECT_EQ(for_each(R"({"if":)" + list_of(1900, "0") + "}"), "GENERAL");
  EXPECT_EQ(for_each(R"({"fractional":["key",)" + list_of(900, "[1]").substr(1) + "}"), "GENERAL");
  EXPECT_EQ(result_of(R"({"!!":{"missing":{"map":[{"var":"l"},"abc"]}}})", context), "true");
  EXPECT_EQ(result_of(R"({"some":[[1,2,3,4],{"missing":)" + list_of(1900, "\"abc\"") + "}]}"), "true");
  EXPECT_EQ(result_of(R"({"none":[)" + list_of(20, "1") + R"(,{"!":{"missing":)" + list_of(1900, "\"abc\"") +
                      "}}]}"),
            "GENERAL");
}

TEST(Limits, T51b_a_bulk_reads_so_much) {
  std::vector<test::FlagParts> flags;
  for (int i = 0; i < 40; ++i)
    flags.push_back(
        {.key = "f" + std::to_string(1000 + i),
         .definition =
             R"({"state":"ENABLED","variants":{"false":1},"targeting":{"some":[[1,1,1,1,1],{"in":["b",")" +
             std::string(30'000, 'a') + R"("]}]}})"});
  flags.push_back(
      {.key = "g", .definition = R"({"state":"ENABLED","variants":{"a":1},"defaultVariant":"a"})"});
  const auto environment = EnvironmentOf{.flags = std::move(flags)}.make();
  const Context context = context_of("{}");
  Evaluator evaluator(*environment, context, now_seconds);
  std::size_t matched = 0;
  for (const Flag& flag : environment->flags())
    matched += evaluator.evaluate(flag).reason == Reason::targeting_match ? 1 : 0;
  EXPECT_EQ(matched, (std::size_t{16} << 20) / (5 * 4 * 30'000));
  EXPECT_EQ(evaluator.evaluate(*environment->find("g")).reason, Reason::static_value);
}

TEST(Limits, T51b_a_bulk_has_so_many_steps) {
  std::vector<test::FlagParts> flags;
  for (int i = 0; i < 120; ++i)
    flags.push_back(
        {.key = "f" + std::to_string(1000 + i),
         .definition = R"({"state":"ENABLED","variants":{"false":1},"targeting":{"in":[2,{"var":"l"}]}})"});
  const auto environment = EnvironmentOf{.flags = std::move(flags)}.make();
  const json::value list = parse_json("{\"l\":" + list_of(9000, "1") + "}").value();
  const Context context = Context::read(list.as_object(), 0).value();
  Evaluator evaluator(*environment, context, now_seconds);
  std::size_t matched = 0;
  std::size_t failed = 0;
  for (const Flag& flag : environment->flags()) {
    const Evaluation evaluation = evaluator.evaluate(flag);
    (evaluation.error == EvaluationError::general ? failed : matched) += 1;
  }
  EXPECT_EQ(matched, steps_per_bulk_max / 9002);
  EXPECT_EQ(matched + failed, 120u);
  EXPECT_EQ(evaluator.steps_left(), 0u);
}

TEST(Limits, T51b_a_trace_is_bounded) {
  const auto environment =
      EnvironmentOf{
          .flags =
              {{.key = "a",
                .definition =
                    R"({"state":"ENABLED","variants":{"a":1},"targeting":{"map":[{"var":"l"},{"cat":["x",{"var":""}]}]}})"}}}
          .make();
  const Context context = context_of("{\"l\":" + list_of(3000, "\"y\"") + "}");
  Evaluator evaluator(*environment, context, now_seconds);
  std::vector<TracedStep> steps;
  evaluator.trace(&steps);
  evaluator.evaluate(environment->flags().front());
  EXPECT_EQ(steps.size(), trace_steps_max);
  for (const TracedStep& one : steps) EXPECT_LT(one.args.size() + one.result.size(), 4 * traced_text_max);
}

// Rules of any shape, also those that flagd's schema refuses.
class Junk {
 public:
  explicit Junk(std::uint32_t seed) : random_(seed) {}

  json::value value(int depth) {
    static constexpr std::array<const char*, 12> paths = {
        "a",      "l", "o.x", "",      "accumulator", "current",
        "$flagd", "o", "l.0", "1.2.3", "^",           "\xf0\x9f\x98\x80"};
    switch (below(depth <= 0 ? 5 : 12)) {
      case 0:
        return nullptr;
      case 1:
        return below(2) == 0;
      case 2:
        return static_cast<double>(below(40)) / 4 - 3;
      case 3:
      case 4:
        return paths[below(paths.size())];
      case 5: {
        json::object object;
        for (std::size_t i = below(3); i > 0; --i) object[std::to_string(i)] = value(depth - 1);
        return object;
      }
      case 6:
      case 7:
        return list(depth);
      default:
        return rule(depth);
    }
  }

  json::value rule(int depth) {
    static constexpr std::array<const char*, 42> operators = {
        "var",     "missing",     "missing_some", "if",    "?:",   "and",     "or",
        "!",       "!!",          "==",           "!=",    "===",  "!==",     "<",
        "<=",      ">",           ">=",           "+",     "-",    "*",       "/",
        "%",       "min",         "max",          "merge", "cat",  "in",      "substr",
        "map",     "filter",      "all",          "none",  "some", "reduce",  "fractional",
        "sem_ver", "starts_with", "ends_with",    "log",   "$ref", "unknown", "fractional"};
    json::object object;
    object[operators[below(operators.size())]] = below(5) == 0 ? value(depth - 1) : list(depth);
    return object;
  }

 private:
  std::size_t below(std::size_t count) { return random_() % count; }
  json::value list(int depth) {
    json::array list;
    for (std::size_t i = below(5); i > 0; --i) list.push_back(value(depth - 1));
    return list;
  }

  std::minstd_rand random_;
};

// Whether the step's path leads to its operator, in the rule or from a reference on in the segment's.
bool leads_to_operator(const json::value& rule, const json::value& segment, const TracedStep& step) {
  const json::value* at = &rule;
  std::string_view path = step.path;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/', 1), path.size());
    const bool is_reference = path.substr(1, end - 1) == "$ref";
    boost::system::error_code error;
    at = is_reference ? &segment : at->find_pointer(path.substr(0, end), error);
    if (at == nullptr) return false;
    path.remove_prefix(end);
  }
  return at->is_object() && at->get_object().size() == 1 && at->get_object().begin()->key() == step.op;
}

TEST(Limits, T51b_any_rule_ends_within_its_budgets) {
  const json::value segment = *parse_json(R"({"map":[{"var":"l"},{"cat":[{"var":""}]}]})");
  const auto environment = EnvironmentOf{.segments = {test::segment_of("a", json_text(segment))}}.make();
  const json::value context =
      *parse_json(R"({"a":"ann","l":[1,"a",[2,3],{"x":1}],"o":{"x":"y"},"targetingKey":"k"})");
  Junk junk(12);
  std::array<std::size_t, 4> outcomes{};
  for (int i = 0; i < 20'000; ++i) {
    const json::value rule = junk.rule(6);
    const auto compiled = Rule::compile(rule);
    Interpreter interpreter(*environment, context.get_object(), now_seconds);
    std::vector<TracedStep> steps;
    const auto outcome = interpreter.run(*compiled, "flag", i % 2 == 0 ? &steps : nullptr);
    ++outcomes[static_cast<std::size_t>(outcome.error)];
    ASSERT_LE(steps_per_bulk_max - interpreter.steps_left(), steps_per_flag_max) << json_text(rule);
    for (const TracedStep& one : steps) {
      ASSERT_TRUE(leads_to_operator(rule, segment, one)) << json_text(rule) << one.path;
      ASSERT_TRUE(parse_json(one.args, {.depth = 64})) << json_text(rule) << one.args;
      ASSERT_TRUE(parse_json(one.result, {.depth = 64})) << json_text(rule) << one.result;
    }
  }
  EXPECT_GT(outcomes[static_cast<std::size_t>(EvaluationError::none)], 2'000u);
  EXPECT_GT(outcomes[static_cast<std::size_t>(EvaluationError::parse_error)], 2'000u);
}

}  // namespace
}  // namespace corohub::flags
