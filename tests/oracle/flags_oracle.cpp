// What this program's evaluation makes of flags that others evaluate, too: reads one JSON object a line from
// the standard input, {"key","definition","segments":{},"context":{}}, and answers each with one line: the
// flag's item as clients get it, or {"refused":[{"field","code"}]}.
#include "core/json.hpp"
#include "core/json_text.hpp"
#include "flags/evaluation/evaluate.hpp"

#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace corohub;
using namespace corohub::flags;

std::string refused(const Error& error) {
  json::array fields;
  for (const FieldError& one : error.fields) fields.push_back({{"field", one.field}, {"code", one.code}});
  return json_text(json::object{{"refused", std::move(fields)}});
}

std::string evaluate(const json::object& asked) {
  Reading reading;
  const Result<DefinitionRef> definition = parse_definition(asked.at("definition").as_object(), reading);
  if (!definition) return refused(definition.error());
  EnvironmentParts parts;
  for (const auto& member : asked.at("segments").as_object()) {
    Result<SegmentRule> rule = parse_segment(member.value(), reading);
    if (!rule) return refused(rule.error());
    auto segment = std::make_shared<Segment>();
    segment->key = member.key();
    segment->rule = std::move(*rule);
    parts.segments.push_back(std::move(segment));
  }
  std::ranges::sort(parts.segments, {}, [](const SegmentRef& one) { return one->key; });
  auto identity = std::make_shared<FlagIdentity>();
  identity->key = asked.at("key").as_string();
  const Environment environment(std::move(parts),
                                {Flag{.identity = std::move(identity), .definition = *definition}}, {});
  const Result<Context> context = Context::read(asked.at("context").as_object());
  if (!context) return refused(context.error());
  std::string answer;
  Evaluator evaluator(environment, *context, 1'700'000'000);
  append_evaluation(answer, environment, evaluator.evaluate(environment.flags().front()));
  return answer;
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);)
    std::cout << evaluate(parse_json(line).value().as_object()) << '\n';
}
