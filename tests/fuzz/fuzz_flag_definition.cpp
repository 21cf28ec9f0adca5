// Whatever a stranger defines becomes a flag that can be evaluated, or is refused with places that are JSON
// pointers; what is taken is written as it was read, and read again it is the same.
#include "core/json.hpp"
#include "core/json_text.hpp"
#include "flags/evaluation/evaluate.hpp"
#include "flags/evaluation/findings.hpp"

#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace corohub;
using namespace corohub::flags;

void require(bool condition) {
  if (!condition) std::abort();
}

void check(const std::vector<FieldError>& complaints) {
  require(complaints.size() <= findings_max);
  for (const FieldError& one : complaints) {
    require(one.field.empty() || one.field.front() == '/');
    require(!one.code.empty() && !one.message.empty());
  }
}

SegmentRef segment(const json::value& rule) {
  Reading reading{.strict = false};
  Result<SegmentRule> read = parse_segment(rule, reading);
  if (!read) return nullptr;
  auto segment = std::make_shared<Segment>();
  segment->key = "a";
  segment->rule = std::move(*read);
  return segment;
}

void evaluate(const DefinitionRef& definition, const json::value& rule) {
  static const Context context =
      Context::read(
          parse_json(R"({"a":[1,"b",{"c":2.5}],"b":"text","v":"1.2.3","targetingKey":"k"})")->as_object())
          .value();
  EnvironmentParts parts;
  if (SegmentRef one = segment(rule)) parts.segments.push_back(std::move(one));
  auto identity = std::make_shared<FlagIdentity>();
  identity->key = "f";
  const Environment environment(std::move(parts),
                                {Flag{.identity = std::move(identity), .definition = definition}}, {});
  Evaluator evaluator(environment, context, 1'700'000'000);
  std::vector<TracedStep> steps;
  evaluator.trace(&steps);
  std::string item;
  append_evaluation(item, environment, evaluator.evaluate(environment.flags().front()));
  require(steps_per_bulk_max - evaluator.steps_left() <= steps_per_flag_max);
  require(parse_json(item, {.depth = 40}).has_value());
  for (const TracedStep& one : steps)
    require(parse_json(one.args, {.depth = 80, .members = 100'000}).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const Result<json::value> text = parse_json({reinterpret_cast<const char*>(data), size});
  if (!text || !text->is_object()) return 0;
  const json::object& document = text->get_object();
  for (const bool strict : {true, false}) {
    Reading reading{.strict = strict, .at = "/flags/f"};
    const Result<DefinitionRef> read = parse_definition(document, reading);
    check(read ? reading.warnings : read.error().fields);
    require(!strict || reading.warnings.empty());
    if (!read) continue;
    Reading again{.strict = strict};
    const Result<DefinitionRef> second = parse_definition((*read)->document, again);
    require(second && json_text((*second)->document) == json_text((*read)->document));
    const json::value* const rule = document.if_contains("targeting");
    evaluate(*read, rule != nullptr ? *rule : json::value(json::object()));
  }
  return 0;
}
