#include "flags/dry_run.hpp"

#include "core/json.hpp"

#include <utility>
#include <vector>

namespace corohub::flags {
namespace {

using Steps = std::vector<std::pair<std::string_view, std::string>>;

std::string variant_or(const Evaluation& evaluation, std::string_view otherwise) {
  return evaluation.variant != nullptr ? evaluation.variant->name : std::string(otherwise);
}

// The steps that the evaluation must have taken to come to its end.
Steps steps_of(const Definition& definition, const Evaluation& evaluation) {
  Steps steps{{"visible", "yes"}, {"state", std::string(name(definition.state))}};
  if (definition.state == State::disabled) return steps;
  steps.emplace_back("gates", evaluation.gate == Gate::open ? "open" : name(evaluation.gate));
  if (evaluation.gate != Gate::open) return steps;
  if (definition.targeting == nullptr) {
    steps.emplace_back("targeting", "none");
  } else if (evaluation.reason == Reason::error) {
    steps.emplace_back("targeting", name(evaluation.error));
    return steps;
  } else if (evaluation.reason == Reason::targeting_match) {
    steps.emplace_back("targeting", variant_or(evaluation, "none"));
    return steps;
  } else {
    steps.emplace_back("targeting", "null");
  }
  steps.emplace_back("default", variant_or(evaluation, "none"));
  return steps;
}

void append_member(std::string& out, std::string_view key) {
  if (out.back() != '{') out += ',';
  append_json(out, key);
  out += ':';
}

void append_steps(std::string& out, const Steps& steps) {
  append_member(out, "steps");
  out += '[';
  for (const auto& [step, outcome] : steps) {
    if (out.back() != '[') out += ',';
    out += '{';
    append_member(out, "step");
    append_json(out, step);
    append_member(out, "outcome");
    append_json(out, outcome);
    out += '}';
  }
  out += ']';
}

void append_rule(std::string& out, const std::vector<TracedStep>& rule) {
  append_member(out, "rule");
  out += '[';
  for (const TracedStep& applied : rule) {
    if (out.back() != '[') out += ',';
    out += '{';
    append_member(out, "path");
    append_json(out, applied.path);
    append_member(out, "op");
    append_json(out, applied.op);
    append_member(out, "args");
    out += applied.args;
    append_member(out, "result");
    out += applied.result;
    out += '}';
  }
  out += ']';
}

}  // namespace

std::string explain(const DryRun& run) {
  std::string out = "{";
  append_member(out, "result");
  std::vector<TracedStep> rule;
  Steps steps;
  const bool visible = run.flag != nullptr && run.who.may_evaluate() && run.who.sees(*run.flag);
  if (!visible) {
    append_flag_not_found(out, run.key);
    steps = {{"visible", "no"}};
  } else {
    Evaluator evaluator(run.environment, run.context, run.now_seconds);
    evaluator.trace(&rule);
    const Evaluation evaluation = evaluator.evaluate(*run.flag, run.definition);
    append_evaluation(out, run.environment, evaluation, run.definition,
                      run.who.limits_of(*run.flag->identity));
    steps = steps_of(run.definition != nullptr ? *run.definition : *run.flag->definition, evaluation);
  }
  append_steps(out, steps);
  append_rule(out, rule);
  out += '}';
  return out;
}

}  // namespace corohub::flags
