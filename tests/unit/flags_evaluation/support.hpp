// What the tests of evaluations share: environments made of JSON, and what comes out as text.
#pragma once

#include "core/json.hpp"
#include "core/json_text.hpp"
#include "flags/evaluation/environment.hpp"
#include "flags/evaluation/evaluate.hpp"
#include "flags/evaluation/interpreter.hpp"
#include "flags/evaluation/rule.hpp"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::flags::test {

inline constexpr std::int64_t now_seconds = 1'700'000'000;

inline DefinitionRef definition_of(const std::string& text) {
  Reading reading{.strict = false};
  return parse_definition(parse_json(text).value().as_object(), reading).value();
}

inline SegmentRef segment_of(std::string key, const std::string& rule) {
  Reading reading;
  auto segment = std::make_shared<Segment>();
  segment->key = std::move(key);
  segment->rule = parse_segment(parse_json(rule).value(), reading).value();
  return segment;
}

struct FlagParts {
  std::string key;
  std::string definition;
  std::optional<std::string> parent{};
  std::optional<std::string> platform{};
  std::optional<std::string> off_variant{};
  bool package_gated = false;
  bool client_visible = true;
};

inline Flag flag_of(FlagParts parts) {
  Flag flag;
  flag.definition = definition_of(parts.definition);
  auto identity = std::make_shared<FlagIdentity>();
  identity->key = std::move(parts.key);
  identity->type = flag.definition->type;
  identity->parent = std::move(parts.parent);
  identity->platform = std::move(parts.platform);
  identity->off_variant = std::move(parts.off_variant);
  identity->package_gated = parts.package_gated;
  identity->client_visible = parts.client_visible;
  flag.identity = std::move(identity);
  return flag;
}

struct EnvironmentOf {
  std::vector<FlagParts> flags{};
  std::vector<SegmentRef> segments{};
  std::vector<PlatformRef> platforms{};
  std::string metadata = "{}";

  std::unique_ptr<const Environment> make() {
    EnvironmentParts parts;
    parts.segments = std::move(segments);
    parts.metadata = parse_json(metadata).value().as_object();
    std::vector<Flag> made;
    for (FlagParts& one : flags) made.push_back(flag_of(std::move(one)));
    return std::make_unique<Environment>(std::move(parts), std::move(made), platforms);
  }
};

inline Context context_of(const std::string& text) {
  return Context::read(parse_json(text).value().as_object()).value();
}

// What the flag's item is for the context.
inline std::string item(const Environment& environment, std::string_view key,
                        const std::string& context = "{}") {
  const Context read = context_of(context);
  Evaluator evaluator(environment, read, now_seconds);
  std::string out;
  append_evaluation(out, environment, evaluator.evaluate(*environment.find(key)));
  return out;
}

// What the rule gives: JSON, or the error's word.
inline std::string result_of(const std::string& rule, const std::string& context = "{}",
                             std::vector<SegmentRef> segments = {}) {
  const auto environment = EnvironmentOf{.segments = std::move(segments)}.make();
  const json::value data = parse_json(context).value();
  Interpreter interpreter(*environment, data.get_object(), now_seconds);
  const auto compiled = Rule::compile(parse_json(rule).value());
  const auto outcome = interpreter.run(*compiled, "the-flag", nullptr);
  if (outcome.error != EvaluationError::none) return std::string(name(outcome.error));
  std::string text;
  append_text(text, outcome.value, 1 << 20);
  return text;
}

}  // namespace corohub::flags::test
