#include "flags/evaluation/evaluate.hpp"

#include "core/json_text.hpp"
#include "flags/evaluation/interpreter.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace corohub::flags {
namespace {

constexpr std::array<std::string_view, 5> reason_words = {"STATIC", "DEFAULT", "TARGETING_MATCH", "DISABLED",
                                                          "ERROR"};
constexpr std::array<std::string_view, 4> error_words = {"", "FLAG_NOT_FOUND", "PARSE_ERROR", "GENERAL"};
constexpr std::array<std::string_view, 3> gate_words = {"", "parent", "platform"};

Evaluation failure(const Flag& flag, EvaluationError error, std::string_view details) {
  return {.flag = &flag, .reason = Reason::error, .error = error, .details = details};
}

Evaluation closed(const Flag& flag, const Definition& definition, Gate gate) {
  const std::optional<std::string>& off = flag.identity->off_variant;
  return {.flag = &flag,
          .variant = off ? definition.variant(*off) : nullptr,
          .reason = Reason::disabled,
          .gate = gate};
}

Evaluation by_default(const Flag& flag, const Definition& definition, Reason reason) {
  if (!definition.default_variant) return {.flag = &flag, .reason = Reason::default_value};
  return {.flag = &flag, .variant = &definition.variants[*definition.default_variant], .reason = reason};
}

}  // namespace

std::string_view name(Reason reason) noexcept { return reason_words[static_cast<std::size_t>(reason)]; }
std::string_view name(EvaluationError error) noexcept { return error_words[static_cast<std::size_t>(error)]; }
std::string_view name(Gate gate) noexcept { return gate_words[static_cast<std::size_t>(gate)]; }

struct Evaluator::State {
  State(const Environment& environment, const Context& context, std::int64_t now_seconds)
      : environment(environment), interpreter(environment, context.object(), now_seconds) {}

  Evaluation evaluate(const Flag& flag, const Definition& definition, std::vector<TracedStep>* trace) {
    if (definition.state == flags::State::disabled) return {.flag = &flag, .reason = Reason::disabled};
    if (flag.parent != nullptr && is_off(*flag.parent)) return closed(flag, definition, Gate::parent);
    if (!flag.platform_enabled) return closed(flag, definition, Gate::platform);
    if (!definition.targeting) return by_default(flag, definition, Reason::static_value);
    return target(flag, definition, trace);
  }

  Evaluation target(const Flag& flag, const Definition& definition, std::vector<TracedStep>* trace) {
    const auto [value, error, details] = interpreter.run(*definition.targeting, flag.key(), trace);
    if (error != EvaluationError::none) return failure(flag, error, details);
    if (value.is_null()) return by_default(flag, definition, Reason::default_value);
    TextRoom room;
    const std::optional<std::string_view> name = text_of(value, room);
    const Variant* const variant = name ? definition.variant(*name) : nullptr;
    if (variant == nullptr)
      return failure(flag, EvaluationError::general, "The rule gives what is no variant of the flag.");
    return {.flag = &flag, .variant = variant, .reason = Reason::targeting_match};
  }

  // As a gate in front of its children.
  bool is_off(const Flag& parent) {
    const Evaluation& evaluation = of_parent(parent);
    if (evaluation.reason == Reason::disabled || evaluation.error != EvaluationError::none) return true;
    if (parent.definition->type != ValueType::boolean) return false;
    return evaluation.variant == nullptr || !evaluation.variant->value.get_bool();
  }

  // Flags share their parents, and a bulk asks for these as well: each is evaluated once. The reference holds
  // until the next is asked for.
  const Evaluation& of_parent(const Flag& parent) {
    if (many_parents.empty()) {
      const auto known = std::ranges::find(few_parents, &parent, &Evaluation::flag);
      if (known != few_parents.end()) return *known;
    } else if (many_parents[parent.number_among_parents].flag != nullptr) {
      return many_parents[parent.number_among_parents];
    }
    return keep(evaluate(parent, *parent.definition, nullptr));
  }

  const Evaluation& keep(const Evaluation& evaluation) {
    if (many_parents.empty()) {
      const auto free = std::ranges::find(few_parents, nullptr, &Evaluation::flag);
      if (free != few_parents.end()) return *free = evaluation;
      many_parents.resize(environment.parents());
      for (const Evaluation& one : few_parents) many_parents[one.flag->number_among_parents] = one;
    }
    return many_parents[evaluation.flag->number_among_parents] = evaluation;
  }

  const Environment& environment;
  Interpreter interpreter;
  std::array<Evaluation, 3> few_parents;  // enough for a single flag
  std::vector<Evaluation> many_parents;   // by their numbers; empty until there are more than a few
  std::vector<TracedStep>* steps = nullptr;
};

Evaluator::Evaluator(const Environment& environment, const Context& context, std::int64_t now_seconds)
    : state_(std::make_unique<State>(environment, context, now_seconds)) {}
Evaluator::~Evaluator() = default;

Evaluation Evaluator::evaluate(const Flag& flag, const Definition* definition) {
  const bool is_plain = definition == nullptr && state_->steps == nullptr;
  if (is_plain && flag.number_among_parents != Flag::none) return state_->of_parent(flag);
  return state_->evaluate(flag, definition != nullptr ? *definition : *flag.definition, state_->steps);
}

void Evaluator::trace(std::vector<TracedStep>* steps) noexcept { state_->steps = steps; }
std::size_t Evaluator::steps_left() const noexcept { return state_->interpreter.steps_left(); }

namespace {

constexpr std::string_view limit_prefix = "limits.";

bool has_limits(const json::object& metadata) noexcept {
  return std::ranges::any_of(metadata,
                             [](const auto& member) { return member.key().starts_with(limit_prefix); });
}

// Whether no name occurs twice, so that the texts can stand one behind the other.
bool are_apart(const json::object& environments, const json::object& flags, bool limited,
               bool plain) noexcept {
  const auto& [few, many] =
      environments.size() < flags.size() ? std::tie(environments, flags) : std::tie(flags, environments);
  if (!plain && (few.contains("gate") || many.contains("gate"))) return false;
  if (limited && (has_limits(few) || has_limits(many))) return false;
  return std::ranges::none_of(few, [&](const auto& member) { return many.contains(member.key()); });
}

// To an object of which the last member, or no more than its brace, stands there.
void append_members(std::string& out, const json::object& members, std::string_view prefix = {}) {
  for (const auto& member : members) {
    if (out.back() != '{') out += ',';
    const std::size_t quote = out.size();
    append_json(out, member.key());
    out.insert(quote + 1, prefix);
    out += ':';
    append_json_text(out, member.value());
  }
}

void append_metadata(std::string& out, const Environment& environment, const Evaluation& evaluation,
                     const Definition& definition, const json::object* limits) {
  const bool plain = evaluation.gate == Gate::open;
  const bool limited = limits != nullptr && !limits->empty();
  if (!limited && plain && definition.metadata.empty()) {
    out += environment.metadata_text();
  } else if (are_apart(environment.metadata, definition.metadata, limited, plain)) {
    out.append(environment.metadata_text(), 0, environment.metadata_text().size() - 1);
    append_members(out, definition.metadata);
    if (limited) append_members(out, *limits, limit_prefix);
    if (!plain)
      out.append(out.back() == '{' ? "" : ",")
          .append(R"("gate":")")
          .append(name(evaluation.gate))
          .append("\"");
    out += '}';
  } else {
    json::object metadata = environment.metadata;
    for (const auto& member : definition.metadata) metadata[member.key()] = member.value();
    if (limited)
      for (const auto& member : *limits)
        metadata[std::string(limit_prefix).append(member.key())] = member.value();
    if (!plain) metadata["gate"] = name(evaluation.gate);
    append_json_text(out, metadata);
  }
}

void append_key(std::string& out, std::string_view key) {
  out += "{\"key\":";
  append_json(out, key);
}

void append_failure(std::string& out, std::string_view key, EvaluationError error, std::string_view details) {
  append_key(out, key);
  out.append(",\"errorCode\":\"").append(name(error)).append("\",\"errorDetails\":");
  append_json(out, details);
  out += '}';
}

}  // namespace

void append_evaluation(std::string& out, const Environment& environment, const Evaluation& evaluation,
                       const Definition* definition, const json::object* limits) {
  const Flag& flag = *evaluation.flag;
  if (evaluation.error != EvaluationError::none)
    return append_failure(out, flag.key(), evaluation.error, evaluation.details);
  append_key(out, flag.key());
  if (evaluation.variant != nullptr) out.append(",\"value\":").append(evaluation.variant->text);
  out.append(",\"reason\":\"").append(name(evaluation.reason)).append("\"");
  if (evaluation.variant != nullptr) {
    out += ",\"variant\":";
    append_json(out, evaluation.variant->name);
  }
  out += ",\"metadata\":";
  append_metadata(out, environment, evaluation, definition != nullptr ? *definition : *flag.definition,
                  limits);
  out += '}';
}

void append_flag_not_found(std::string& out, std::string_view key) {
  append_failure(out, key, EvaluationError::flag_not_found, "There is no such flag.");
}

void append_set_metadata(std::string& out, std::string_view name_space, const Environment& environment) {
  out += '{';
  for (const auto& [name, value] : environment.metadata) {
    if (name == "flagSetId" || name == "version") continue;  // these two are ours
    append_json(out, name);
    out += ':';
    append_json_text(out, value);
    out += ',';
  }
  out += R"("flagSetId":)";
  append_json(out, std::string(name_space) + "/" + environment.key);
  out.append(R"(,"version":")").append(std::to_string(environment.revision)).append("\"}");
}

}  // namespace corohub::flags
