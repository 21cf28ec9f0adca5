#include "flags/evaluation/definition.hpp"

#include "core/json_text.hpp"
#include "flags/evaluation/findings.hpp"
#include "flags/evaluation/rule.hpp"
#include "flags/evaluation/rule_schema.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace corohub::flags {
namespace {

using Inside = Findings::Inside;

constexpr std::array<std::string_view, 4> type_words = {"boolean", "string", "number", "object"};
constexpr std::array<std::string_view, 2> state_words = {"DISABLED", "ENABLED"};
constexpr std::array<std::string_view, 5> known_members = {"state", "variants", "defaultVariant", "targeting",
                                                           "metadata"};

std::optional<ValueType> type_of(const json::value& value) noexcept {
  if (value.is_bool()) return ValueType::boolean;
  if (value.is_string()) return ValueType::string;
  if (value.is_number()) return ValueType::number;
  if (value.is_object()) return ValueType::object;
  return std::nullopt;
}

// As the schema has it: one character at least, and all in one line.
bool is_variant_name(std::string_view name) noexcept {
  return !name.empty() && name.find_first_of("\n\r") == std::string_view::npos &&
         name.find("\xe2\x80\xa8") == std::string_view::npos &&
         name.find("\xe2\x80\xa9") == std::string_view::npos;
}

// Reads one definition, member by member, in the order in which it is kept.
class DefinitionReader {
 public:
  DefinitionReader(const json::object& document, Reading& reading)
      : document_(document), findings_(reading) {}

  Result<DefinitionRef> read() {
    read_state();
    read_variants();
    read_default_variant();
    read_targeting();
    read_metadata();
    look_for_unknown_members();
    if (findings_.ok()) read_->bytes = json_text(read_->document).size();
    if (read_->bytes > definition_bytes_max)
      findings_.refuse("out_of_range", "Must be at most 48 KiB of JSON.");
    if (!findings_.ok()) return findings_.error();
    return DefinitionRef(std::move(read_));
  }

 private:
  const json::value* find(std::string_view member) const noexcept { return document_.if_contains(member); }
  void keep(std::string_view member, const json::value& value) { read_->document.emplace(member, value); }

  void read_state() {
    const Inside inside(findings_, "state");
    const json::value* const state = find("state");
    if (state == nullptr) return findings_.refuse("required", "Is required.");
    if (!state->is_string()) return findings_.refuse("invalid_type", "Must be a text.");
    const auto word = std::ranges::find(state_words, std::string_view(state->get_string()));
    if (word == state_words.end())
      return findings_.refuse("unknown_value", "Must be one of: ENABLED, DISABLED.");
    read_->state = static_cast<State>(word - state_words.begin());
    keep("state", *state);
  }

  void read_variants() {
    const Inside inside(findings_, "variants");
    const json::value* const variants = find("variants");
    if (variants == nullptr) return findings_.refuse("required", "Is required.");
    if (!variants->is_object()) return findings_.refuse("invalid_type", "Must be an object.");
    const json::object& object = variants->get_object();
    if (object.empty() || object.size() > variants_max)
      return findings_.refuse("out_of_range", "Must have 1 to 100 variants.");
    read_->variants.reserve(object.size());
    for (const auto& member : object) read_variant(member.key(), member.value());
    keep("variants", *variants);
  }

  void read_variant(std::string_view name, const json::value& value) {
    const Inside inside(findings_, name);
    if (!is_variant_name(name))
      return findings_.refuse("out_of_range", "A variant's name has at least one character, in one line.");
    const std::optional<ValueType> type = type_of(value);
    if (!type) return findings_.refuse("invalid_type", "Must be a boolean, a string, a number or an object.");
    if (read_->variants.empty()) read_->type = *type;
    if (*type != read_->type)
      return findings_.refuse("mixed_types", "Must be a " + std::string(flags::name(read_->type)) +
                                                 " like the variants before it.");
    if (depth(value) > variant_levels_max + 1)  // the innermost is a scalar
      return findings_.refuse("too_complex", "May be nested 24 levels deep.");
    read_->variants.push_back({std::string(name), value, json_text(value)});
  }

  void read_default_variant() {
    const Inside inside(findings_, "defaultVariant");
    const json::value* const name = find("defaultVariant");
    if (name == nullptr || name->is_null()) return;
    if (!name->is_string()) return findings_.refuse("invalid_type", "Must be a text or null.");
    const json::value* const variants = find("variants");
    if (variants != nullptr && variants->is_object() && !variants->get_object().contains(name->get_string()))
      return findings_.refuse("unknown_variant", "Must be the name of a variant.");
    const Variant* const variant = read_->variant(name->get_string());
    if (variant == nullptr) return;  // it is complained of
    read_->default_variant = static_cast<std::size_t>(variant - read_->variants.data());
    keep("defaultVariant", *name);
  }

  void read_targeting() {
    const Inside inside(findings_, "targeting");
    const json::value* const targeting = find("targeting");
    if (targeting == nullptr) return;
    if (!targeting->is_object()) return findings_.refuse("invalid_type", "Must be an object.");
    if (!check_rule(*targeting, RuleOf::flag, findings_)) return;
    if (!targeting->get_object().empty()) read_->targeting = Rule::compile(*targeting);
    keep("targeting", *targeting);
  }

  void read_metadata() {
    const Inside inside(findings_, "metadata");
    const json::value* const metadata = find("metadata");
    if (metadata == nullptr) return;
    if (!metadata->is_object()) return findings_.refuse("invalid_type", "Must be an object.");
    for (const auto& member : metadata->get_object()) {
      const Inside deeper(findings_, member.key());
      if (!member.value().is_bool() && !member.value().is_string() && !member.value().is_number())
        findings_.refuse("invalid_type", "Must be a boolean, a string or a number.");
    }
    read_->metadata = metadata->get_object();
    keep("metadata", *metadata);
  }

  void look_for_unknown_members() {
    for (const auto& member : document_) {
      const std::string_view name = member.key();
      if (is_foreign_member(name) || std::ranges::find(known_members, name) != known_members.end()) continue;
      const Inside inside(findings_, name);
      findings_.doubt("unknown_member", "Is not a member of a definition.");
    }
  }

  const json::object& document_;
  Findings findings_;
  std::shared_ptr<Definition> read_ = std::make_shared<Definition>();
};

}  // namespace

std::string_view name(ValueType type) noexcept { return type_words[static_cast<std::size_t>(type)]; }
std::string_view name(State state) noexcept { return state_words[static_cast<std::size_t>(state)]; }

const Variant* Definition::variant(std::string_view wanted) const noexcept {
  const auto found = std::ranges::find(variants, wanted, &Variant::name);
  return found != variants.end() ? &*found : nullptr;
}

std::span<const std::string> Definition::segments() const noexcept {
  return targeting ? targeting->segments() : std::span<const std::string>();
}

bool Definition::reads_time() const noexcept { return targeting && targeting->reads_time(); }

Result<DefinitionRef> parse_definition(const json::object& document, Reading& reading) {
  return DefinitionReader(document, reading).read();
}

Result<SegmentRule> parse_segment(const json::value& rule, Reading& reading) {
  Findings findings(reading);
  if (!rule.is_object()) {
    findings.refuse("invalid_type", "Must be an object.");
    return findings.error();
  }
  if (!check_rule(rule, RuleOf::segment, findings) || !findings.ok()) return findings.error();
  return SegmentRule{Rule::compile(rule), rule};
}

}  // namespace corohub::flags
