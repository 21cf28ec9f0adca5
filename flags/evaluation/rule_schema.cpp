#include "flags/evaluation/rule_schema.hpp"

#include "core/json_text.hpp"
#include "flags/evaluation/sem_ver.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <string_view>

namespace corohub::flags {
namespace {

using Inside = Findings::Inside;

constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();

// What an operator takes.
enum class Form : std::uint8_t { any_list, unary, path, paths, some_paths, texts, versions, buckets };

struct OperatorForm {
  std::string_view name;
  Form form;
  std::size_t min = 0;  // arguments
  std::size_t max = unbounded;
};

constexpr std::array<OperatorForm, 37> operators = {{
    {"!", Form::unary},
    {"!!", Form::unary},
    {"!=", Form::any_list, 2, 2},
    {"!==", Form::any_list, 2, 2},
    {"%", Form::any_list, 2, 2},
    {"*", Form::any_list, 2},
    {"+", Form::any_list, 1},
    {"-", Form::any_list, 1},
    {"/", Form::any_list, 2, 2},
    {"<", Form::any_list, 2, 3},
    {"<=", Form::any_list, 2, 3},
    {"==", Form::any_list, 2, 2},
    {"===", Form::any_list, 2, 2},
    {">", Form::any_list, 2, 2},
    {">=", Form::any_list, 2, 2},
    {"all", Form::any_list, 2, 2},
    {"and", Form::any_list, 1},
    {"cat", Form::any_list, 1},
    {"ends_with", Form::texts, 2, 2},
    {"filter", Form::any_list, 2, 2},
    {"fractional", Form::buckets, 1},
    {"if", Form::any_list, 1},
    {"in", Form::any_list, 2, 2},
    {"map", Form::any_list, 2, 2},
    {"max", Form::any_list, 1},
    {"merge", Form::any_list, 1},
    {"min", Form::any_list, 1},
    {"missing", Form::paths},
    {"missing_some", Form::some_paths, 2, 2},
    {"none", Form::any_list, 2, 2},
    {"or", Form::any_list, 1},
    {"reduce", Form::any_list, 3, 3},
    {"sem_ver", Form::versions, 3, 3},
    {"some", Form::any_list, 2, 2},
    {"starts_with", Form::texts, 2, 2},
    {"substr", Form::any_list, 2, 3},
    {"var", Form::path},
}};

const OperatorForm* find_operator(std::string_view name) noexcept {
  const auto found = std::ranges::find(operators, name, &OperatorForm::name);
  return found != operators.end() ? &*found : nullptr;
}

// Counts levels and values, and goes no deeper than it has to.
class Measure {
 public:
  bool fits(const json::value& value, std::size_t levels = 0) noexcept {
    if (++nodes_ > rule_nodes_max) return false;
    if (!value.is_structured()) return true;
    if (++levels > rule_levels_max) return false;
    if (const json::array* list = value.if_array())
      return std::ranges::all_of(*list, [&](const json::value& one) { return fits(one, levels); });
    return std::ranges::all_of(value.get_object(),
                               [&](const auto& member) { return fits(member.value(), levels); });
  }

 private:
  std::size_t nodes_ = 0;
};

const json::value* reference(const json::value& value) noexcept {
  const json::object* const object = value.if_object();
  return object != nullptr && object->size() == 1 ? object->if_contains("$ref") : nullptr;
}

class Checker {
 public:
  explicit Checker(Findings& findings) : findings_(findings) {}

  // A rule that is not a reference: {} is one that gives nothing.
  void check_rule_object(const json::object& rule) {
    if (rule.empty()) return;
    if (rule.size() > 1) return refuse("Must have one operator, and nothing beside it.");
    const std::string_view name = rule.begin()->key();
    const Inside inside(findings_, name);
    const OperatorForm* const op = find_operator(name);
    if (op == nullptr) {
      if (name == "$ref") return refuse("A reference can't stand here.");
      return findings_.doubt("unknown_operator", "Is not an operator.");
    }
    check_arguments(*op, rule.begin()->value());
  }

 private:
  void refuse(std::string message) { findings_.doubt("invalid_arguments", std::move(message)); }

  void check_arguments(const OperatorForm& op, const json::value& arguments) {
    if (op.form == Form::path) return check_path(arguments);
    if (op.form == Form::unary) return check_argument(arguments);
    const json::array* const list = arguments.if_array();
    if (list == nullptr) return refuse("Must be a list of arguments.");
    if (list->size() < op.min || list->size() > op.max) return refuse(wanted_count(op));
    switch (op.form) {
      case Form::any_list:
        return each(*list, [this](const json::value& one) { check_argument(one); });
      case Form::paths:
        return each(*list, [this](const json::value& one) { check_text(one); });
      case Form::texts:
        return each(*list, [this](const json::value& one) { check_text_or_rule(one); });
      case Form::some_paths:
        return check_some_paths(*list);
      case Form::versions:
        return check_versions(*list);
      case Form::buckets:
        return check_buckets(*list);
      case Form::path:
      case Form::unary:
        return;
    }
  }

  static std::string wanted_count(const OperatorForm& op) {
    std::string text = "Takes " + std::to_string(op.min);
    if (op.max == unbounded)
      text += " or more";
    else if (op.max != op.min)
      text += " to " + std::to_string(op.max);
    return text + (op.max == 1 ? " argument." : " arguments.");
  }

  template <class Check>
  void each(const json::array& list, Check check, std::size_t from = 0) {
    for (std::size_t i = from; i < list.size(); ++i) {
      const Inside inside(findings_, i);
      check(list[i]);
    }
  }

  // A scalar, any list, a reference, or a rule.
  void check_argument(const json::value& value) {
    const json::object* const object = value.if_object();
    if (object == nullptr) return;
    if (object->empty()) return refuse("Must have an operator.");
    const json::value* const name = reference(value);
    if (name == nullptr) return check_rule_object(*object);
    const Inside inside(findings_, "$ref");
    if (!name->is_string()) refuse("Must be the key of a segment.");
  }

  // Anything but one of flagd's properties that flagd does not have.
  void check_path(const json::value& path) {
    if (!path.is_string()) return;
    const std::string_view text = path.get_string();
    if (text.starts_with("$flagd.") && text != "$flagd.timestamp" && text != "$flagd.flagKey")
      refuse("Of $flagd there are timestamp and flagKey.");
  }

  void check_text(const json::value& value) {
    if (!value.is_string()) refuse("Must be a text.");
  }

  void check_text_or_rule(const json::value& value) {
    if (value.is_object()) return check_rule_object(value.get_object());
    if (!value.is_string()) refuse("Must be a text or a rule.");
  }

  void check_some_paths(const json::array& list) {
    {
      const Inside inside(findings_, std::size_t{0});
      if (!list[0].is_number()) refuse("Must be a number.");
    }
    const Inside inside(findings_, std::size_t{1});
    if (!list[1].is_array()) return refuse("Must be a list of texts.");
    each(list[1].get_array(), [this](const json::value& one) { check_text(one); });
  }

  void check_version(const json::value& value) {
    if (const json::object* const object = value.if_object();
        object != nullptr && (object->empty() || (object->size() == 1 && object->contains("var"))))
      return check_rule_object(*object);
    if (!value.is_string() || !is_complete_version(value.get_string()))
      refuse("Must be a semantic version (1.2.3), or var.");
  }

  void check_versions(const json::array& list) {
    for (const std::size_t i : {std::size_t{0}, std::size_t{2}}) {
      const Inside inside(findings_, i);
      check_version(list[i]);
    }
    const Inside inside(findings_, std::size_t{1});
    if (!list[1].is_string() || !parse_version_relation(list[1].get_string()))
      refuse("Must be one of: = != > < >= <= ~ ^.");
  }

  void check_buckets(const json::array& list) {
    const bool has_key = list[0].is_object();
    if (has_key) {
      const Inside inside(findings_, std::size_t{0});
      check_rule_object(list[0].get_object());
    }
    each(list, [this](const json::value& one) { check_bucket(one); }, has_key ? 1 : 0);
  }

  void check_bucket(const json::value& bucket) {
    const json::array* const list = bucket.if_array();
    if (list == nullptr || list->empty() || list->size() > 2)
      return refuse("Must be a list of a variant and, if need be, its weight.");
    {
      const Inside inside(findings_, std::size_t{0});
      check_argument((*list)[0]);
    }
    if (list->size() == 1) return;
    const Inside inside(findings_, std::size_t{1});
    check_weight((*list)[1]);
  }

  void check_weight(const json::value& weight) {
    if (weight.is_object()) return check_rule_object(weight.get_object());
    const bool whole = weight.is_uint64() || (weight.is_int64() && weight.get_int64() >= 0) ||
                       (weight.is_double() && weight.get_double() >= 0 &&
                        std::trunc(weight.get_double()) == weight.get_double());
    if (!whole) refuse("Must be an integer from 0 on, or a rule.");
  }

  Findings& findings_;
};

void refuse_references(const json::value& value, Findings& findings) {
  if (const json::array* const list = value.if_array()) {
    for (std::size_t i = 0; i < list->size(); ++i) {
      const Inside inside(findings, i);
      refuse_references((*list)[i], findings);
    }
  } else if (const json::object* const object = value.if_object()) {
    const bool refers = reference(value) != nullptr;
    for (const auto& member : *object) {
      const Inside inside(findings, member.key());
      if (refers) findings.refuse("nested_ref", "A segment refers to no other segment.");
      refuse_references(member.value(), findings);
    }
  }
}

}  // namespace

bool check_rule(const json::value& rule, RuleOf whose, Findings& findings) {
  if (!Measure().fits(rule) || json_text(rule).size() > rule_bytes_max) {
    findings.refuse("too_complex", "A rule has at most 32 KiB, 24 levels and 2000 values.");
    return false;
  }
  if (whose == RuleOf::segment) refuse_references(rule, findings);
  Checker(findings).check_rule_object(rule.get_object());
  return true;
}

}  // namespace corohub::flags
