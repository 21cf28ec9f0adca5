// A flag's definition, and a segment, in flagd's language (schema v0): read once, checked, and compiled into
// an immutable form that any number of threads evaluate. Pure: no clock, no input or output, no SQL.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

class Rule;  // flags/evaluation/rule.hpp: compiled JsonLogic
using RuleRef = std::shared_ptr<const Rule>;

enum class ValueType : std::uint8_t { boolean, string, number, object };
std::string_view name(ValueType type) noexcept;

enum class State : std::uint8_t { disabled, enabled };
std::string_view name(State state) noexcept;  // "ENABLED", "DISABLED"

inline constexpr std::size_t definition_bytes_max = 48 << 10;
inline constexpr std::size_t variants_max = 100;
inline constexpr std::size_t variant_levels_max = 24;  // of a value: one object or list inside another
inline constexpr std::size_t rule_bytes_max = 32 << 10;
inline constexpr std::size_t rule_levels_max = 24;    // one object or list inside another
inline constexpr std::size_t rule_nodes_max = 2'000;  // JSON values

struct Variant {
  std::string name;
  json::value value;
  std::string text;  // of the value, as JSON
};

// How a document of a stranger is read.
struct Reading {
  bool strict = true;                  // false: what flagd runs all the same is taken, with warnings
  std::string at{};                    // JSON pointer of the document, which leads all complaints
  std::vector<FieldError> warnings{};  // filled when not strict
};

// What other programs may add to any document for themselves.
inline bool is_foreign_member(std::string_view key) noexcept {
  return key.starts_with('$') || key.starts_with("x-");
}

struct Definition {
  State state = State::disabled;
  ValueType type = ValueType::boolean;
  std::vector<Variant> variants;  // in the order of the document
  std::optional<std::size_t> default_variant;
  RuleRef targeting;      // null: none, or `{}`
  json::object metadata;  // of the flag
  json::object document;  // `state variants defaultVariant targeting metadata`: what is absent is absent
  std::size_t bytes = 0;  // of the document as JSON text

  const Variant* variant(std::string_view name) const noexcept;  // null: none
  // The names of segments that the rule asks for, sorted, each once.
  std::span<const std::string> segments() const noexcept;
  bool reads_time() const noexcept;  // $flagd.timestamp
};
using DefinitionRef = std::shared_ptr<const Definition>;

// Reads `state variants defaultVariant targeting metadata`. validation_failed with every complaint, each of
// which points at its place: invalid_type, required, out_of_range, unknown_member, mixed_types,
// unknown_variant, unknown_operator, invalid_arguments, too_complex, nested_ref. Whether the segments exist
// is for the caller to ask (segments()).
Result<DefinitionRef> parse_definition(const json::object& document, Reading& reading);

// The rule of a segment, which names no other segment (nested_ref).
struct SegmentRule {
  RuleRef rule;
  json::value document;
};
Result<SegmentRule> parse_segment(const json::value& rule, Reading& reading);

}  // namespace corohub::flags
