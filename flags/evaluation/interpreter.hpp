// Runs rules against one caller's context, within budgets. Belongs to one thread and one request. For this
// room only.
#pragma once

#include "core/json.hpp"
#include "flags/evaluation/environment.hpp"
#include "flags/evaluation/evaluate.hpp"
#include "flags/evaluation/fractional.hpp"
#include "flags/evaluation/rule.hpp"
#include "flags/evaluation/value.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

// Beside the budgets that evaluate.hpp names, what bounds time and memory for texts and lists that steps do
// not count: a step may compare two long texts, add up a long list or make one. What takes longer for a byte
// than comparing it is charged with more.
inline constexpr std::size_t scanned_bytes_per_flag_max = 1 << 20;
inline constexpr std::size_t scanned_bytes_per_bulk_max = 16 << 20;
inline constexpr std::size_t scanned_bytes_per_name = 64;  // looking a name up, beside reading it
inline constexpr std::size_t scanned_bytes_per_written_number = 256;
inline constexpr std::size_t scans_per_searched_byte = 4;  // of a text in which another is looked for
inline constexpr std::size_t trace_steps_max = 1'000;
inline constexpr std::size_t traced_text_max = 2 << 10;  // of the arguments, and of the result

class Interpreter {
 public:
  // All of it outlives the interpreter.
  Interpreter(const Environment& environment, const json::object& context, std::int64_t now_seconds);

  struct Outcome {
    Value value{};  // valid until the next run
    EvaluationError error = EvaluationError::none;
    std::string_view details{};
  };
  // `trace`: null, or where to note the operators that were applied.
  Outcome run(const Rule& rule, std::string_view flag_key, std::vector<TracedStep>* trace);

  std::size_t steps_left() const noexcept { return bulk_steps_left_; }

 private:
  // Up to three arguments; more are not looked at.
  struct Few {
    std::array<Value, 3> values{};
    std::size_t count = 0;
  };

  Value evaluate(const Node& node, const Value& scope) {
    return node.op == Op::constant ? node.value : apply(node, scope);
  }
  Value apply(const Node& node, const Value& scope);
  Value apply_traced(const Node& node, const Value& scope);
  Value operate(const Node& node, const Value& scope);

  // ---- arguments ----
  std::span<const Node> arguments(const Node& node) const noexcept { return rule_->arguments(node); }
  Value argument(const Node& node, std::size_t index, const Value& scope);
  Few few(const Node& node, const Value& scope);
  Value all_of_them(const Node& node, const Value& scope);  // a list
  template <class Visit>
  void each(const Node& node, const Value& scope, Visit visit);

  // ---- operators, in operators.cpp and list_operators.cpp ----
  Value variable(const Node& node, const Value& scope);
  Value variable_of(const Node& node, const Value& scope);
  Value missing(const Node& node, const Value& scope);
  Value missing_some(const Node& node, const Value& scope);
  Value missing_of(const Value& names, const Value& scope);
  Value choose(const Node& node, const Value& scope);
  Value and_or(const Node& node, const Value& scope);
  Value compare(const Node& node, const Value& scope);
  Value calculate(const Node& node, const Value& scope);
  Value merge(const Node& node, const Value& scope);
  Value concatenate(const Node& node, const Value& scope);
  Value substring(const Node& node, const Value& scope);
  Value contains(const Node& node, const Value& scope);
  Value visit_elements(const Node& node, const Value& scope);
  Value map_or_filter(const Node& node, const Value& subject);
  Value all_none_some(const Node& node, const Value& subject);
  Value reduce(const Node& node, const Value& subject, const Value& scope);
  Value fractional(const Node& node, const Value& scope);
  Value distribute(const Value& key, const std::optional<Bucket>& leading, const Buckets& buckets);
  Value compare_versions(const Node& node, const Value& scope);
  Value begins_or_ends(const Node& node, const Value& scope);
  Value refer(const Node& node, const Value& scope);

  // ---- data ----
  Value member(const Value& of, std::string_view name) const noexcept;
  Value find(const Value& scope, std::string_view path) noexcept;

  // ---- budgets ----
  bool step() noexcept;
  bool scan(std::size_t bytes) noexcept;
  bool scan_compared(const Value& a, const Value& b) noexcept;
  std::optional<double> operand(const Value& value) noexcept;
  std::optional<double> position(const Value& value) noexcept;
  Value* make_list(std::size_t count);
  char* make_text(std::size_t bytes);
  bool failed() const noexcept { return error_ != EvaluationError::none; }
  Value fail(EvaluationError error, std::string_view details) noexcept;
  Value no_number() noexcept;

  const Environment& environment_;
  const json::object& context_;
  const std::int64_t now_seconds_;
  std::string_view targeting_key_;
  std::size_t bulk_steps_left_ = steps_per_bulk_max;
  std::size_t bulk_scans_left_ = scanned_bytes_per_bulk_max;

  // ---- of the run ----
  const Rule* rule_ = nullptr;
  std::string_view flag_key_;
  bool in_segment_ = false;
  std::size_t steps_left_ = 0;
  std::size_t text_left_ = 0;
  std::size_t scans_left_ = 0;
  EvaluationError error_ = EvaluationError::none;
  std::string_view details_;
  std::vector<TracedStep>* trace_ = nullptr;
  std::vector<std::string> traced_arguments_;  // of the operators that are being applied
  std::string traced_place_;                   // of the segment in the rule
  bool failure_is_traced_ = false;

  std::array<std::byte, 2048> first_room_;
  std::pmr::monotonic_buffer_resource room_{first_room_.data(), first_room_.size()};
  bool room_is_used_ = false;
};

}  // namespace corohub::flags
