#include "flags/evaluation/interpreter.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace corohub::flags {

Interpreter::Interpreter(const Environment& environment, const json::object& context,
                         std::int64_t now_seconds)
    : environment_(environment), context_(context), now_seconds_(now_seconds) {
  const json::value* const key = context.if_contains("targetingKey");
  if (key != nullptr && key->is_string()) targeting_key_ = key->get_string();
}

Interpreter::Outcome Interpreter::run(const Rule& rule, std::string_view flag_key,
                                      std::vector<TracedStep>* trace) {
  if (std::exchange(room_is_used_, false)) room_.release();
  rule_ = &rule;
  flag_key_ = flag_key;
  in_segment_ = false;
  steps_left_ = steps_per_flag_max;
  text_left_ = built_text_per_flag_max;
  scans_left_ = scanned_bytes_per_flag_max;
  error_ = EvaluationError::none;
  details_ = {};
  trace_ = trace;
  traced_arguments_.clear();
  traced_place_.clear();
  failure_is_traced_ = false;
  const Value value = evaluate(rule.root(), Value::root());
  if (failed()) return {{}, error_, details_};
  return {value, EvaluationError::none, {}};
}

Value Interpreter::apply(const Node& node, const Value& scope) {
  if (node.op == Op::list) return all_of_them(node, scope);
  if (!step()) return {};
  return trace_ == nullptr ? operate(node, scope) : apply_traced(node, scope);
}

// Arguments are noted by argument(), as they are evaluated: an operator that does not look at all of them
// shows those at which it has looked. The operator that fails is the last that is noted.
Value Interpreter::apply_traced(const Node& node, const Value& scope) {
  traced_arguments_.emplace_back();
  const Value result = operate(node, scope);
  std::string shown = std::move(traced_arguments_.back());
  traced_arguments_.pop_back();
  if (node.op == Op::var) append_json(shown, rule_->path_text(node));
  if (failed() && std::exchange(failure_is_traced_, true)) return result;  // what is around it gives nothing
  if (trace_->size() == trace_steps_max) return result;
  const std::string_view op = node.op == Op::unknown ? node.value.text() : name(node.op);
  TracedStep traced{traced_place_ + rule_->pointer(node), std::string(op), "[" + shown + "]", {}};
  append_text(traced.result, failed() ? Value() : result, traced_text_max);
  trace_->push_back(std::move(traced));
  return result;
}

Value Interpreter::operate(const Node& node, const Value& scope) {
  switch (node.op) {
    case Op::constant:
    case Op::list:
      return {};  // are no operators
    case Op::var:
      return variable(node, scope);
    case Op::var_of:
      return variable_of(node, scope);
    case Op::missing:
      return missing(node, scope);
    case Op::missing_some:
      return missing_some(node, scope);
    case Op::if_:
    case Op::conditional:
      return choose(node, scope);
    case Op::and_:
    case Op::or_:
      return and_or(node, scope);
    case Op::not_:
      return Value(!argument(node, 0, scope).truth());
    case Op::truth:
      return Value(argument(node, 0, scope).truth());
    case Op::equal:
    case Op::not_equal:
    case Op::same:
    case Op::not_same:
    case Op::less:
    case Op::less_or_equal:
    case Op::greater:
    case Op::greater_or_equal:
      return compare(node, scope);
    case Op::add:
    case Op::subtract:
    case Op::multiply:
    case Op::divide:
    case Op::modulo:
    case Op::min:
    case Op::max:
      return calculate(node, scope);
    case Op::merge:
      return merge(node, scope);
    case Op::cat:
      return concatenate(node, scope);
    case Op::substr:
      return substring(node, scope);
    case Op::in:
      return contains(node, scope);
    case Op::map:
    case Op::filter:
    case Op::reduce:
    case Op::all:
    case Op::none:
    case Op::some:
      return visit_elements(node, scope);
    case Op::fractional:
      return fractional(node, scope);
    case Op::sem_ver:
      return compare_versions(node, scope);
    case Op::starts_with:
    case Op::ends_with:
      return begins_or_ends(node, scope);
    case Op::log:
      return argument(node, 0, scope);
    case Op::ref:
      return refer(node, scope);
    case Op::unknown:
      return fail(EvaluationError::parse_error, "The rule has an operator that is not known.");
  }
  return {};
}

// Null if there are not so many.
Value Interpreter::argument(const Node& node, std::size_t index, const Value& scope) {
  if (index >= node.count) return {};
  const Value value = evaluate(arguments(node)[index], scope);
  if (trace_ != nullptr && !traced_arguments_.empty()) {
    std::string& shown = traced_arguments_.back();
    if (shown.size() < traced_text_max) {
      if (!shown.empty()) shown += ',';
      append_text(shown, value, traced_text_max);
    }
  }
  return value;
}

Interpreter::Few Interpreter::few(const Node& node, const Value& scope) {
  Few few;
  if (node.takes_list) {
    few.count = std::min<std::size_t>(node.count, few.values.size());
    for (std::size_t i = 0; i < few.count && !failed(); ++i) few.values[i] = argument(node, i, scope);
    return few;
  }
  const Value value = argument(node, 0, scope);
  if (!value.is_list()) {
    few.count = 1;
    few.values[0] = value;
    return few;
  }
  few.count = std::min(value.size(), few.values.size());
  for (std::size_t i = 0; i < few.count; ++i) few.values[i] = value[i];
  return few;
}

Value Interpreter::all_of_them(const Node& node, const Value& scope) {
  if (!node.takes_list) {
    const Value value = argument(node, 0, scope);
    if (failed() || (value.is_list() && !scan(value.size() * sizeof(Value)))) return {};
    if (value.is_list()) return value;
    Value* const one = make_list(1);
    if (one == nullptr) return {};
    *one = value;
    return {one, 1};
  }
  Value* const values = make_list(node.count);
  if (values == nullptr) return {};
  for (std::size_t i = 0; i < node.count; ++i) {
    // A list is no operator, so what it holds is not noted as an argument.
    values[i] = node.op == Op::list ? evaluate(arguments(node)[i], scope) : argument(node, i, scope);
    if (failed()) return {};
  }
  return {values, node.count};
}

Value Interpreter::member(const Value& of, std::string_view name) const noexcept {
  switch (of.kind()) {
    case Value::Kind::json_object: {
      const json::value* const found = of.object().if_contains(name);
      return found == nullptr ? Value() : Value(*found);
    }
    case Value::Kind::root: {
      if (name == "$flagd") return Value::flagd();
      const json::value* const found = context_.if_contains(name);
      return found == nullptr ? Value() : Value(*found);
    }
    case Value::Kind::flagd:
      if (name == "flagKey") return Value(flag_key_);
      if (name == "timestamp") return Value(static_cast<double>(now_seconds_));
      return {};
    case Value::Kind::pair:
      if (name == "accumulator") return of.pair().accumulator;
      if (name == "current") return of.pair().current;
      return {};
    case Value::Kind::made_list:
    case Value::Kind::json_list: {
      std::size_t index = 0;
      const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), index);
      const bool is_index = code == std::errc() && end == name.data() + name.size();
      return is_index && index < of.size() ? of[index] : Value();
    }
    default:
      return {};
  }
}

Value Interpreter::find(const Value& scope, std::string_view path) noexcept {
  if (!scan(path.size() + scanned_bytes_per_name)) return {};
  Value found = scope;
  while (!found.is_null()) {
    path.remove_prefix(std::min(path.find_first_not_of('.'), path.size()));
    if (path.empty()) break;
    const std::size_t end = std::min(path.find('.'), path.size());
    found = member(found, path.substr(0, end));
    path.remove_prefix(end);
  }
  return found;
}

bool Interpreter::step() noexcept {
  if (failed()) return false;
  if (steps_left_ == 0 || bulk_steps_left_ == 0) {
    fail(EvaluationError::general, "The rule takes too many steps.");
    return false;
  }
  --steps_left_;
  --bulk_steps_left_;
  return true;
}

bool Interpreter::scan(std::size_t bytes) noexcept {
  if (bytes > scans_left_ || bytes > bulk_scans_left_) {
    fail(EvaluationError::general, "The rule reads too much.");
    return false;
  }
  scans_left_ -= bytes;
  bulk_scans_left_ -= bytes;
  return true;
}

bool Interpreter::scan_compared(const Value& a, const Value& b) noexcept {
  if (a.is_text() && b.is_text()) return scan(std::min(a.text().size(), b.text().size()));
  return scan(reading_cost_bytes(a) + reading_cost_bytes(b));
}

Value* Interpreter::make_list(std::size_t count) {
  const std::size_t bytes = count * sizeof(Value);
  if (!scan(bytes)) return nullptr;
  room_is_used_ = true;
  Value* const values = static_cast<Value*>(room_.allocate(std::max<std::size_t>(bytes, 1), alignof(Value)));
  std::uninitialized_fill_n(values, count, Value());
  return values;
}

char* Interpreter::make_text(std::size_t bytes) {
  if (bytes > text_left_) {
    fail(EvaluationError::general, "The rule builds too much text.");
    return nullptr;
  }
  if (!scan(bytes)) return nullptr;
  text_left_ -= bytes;
  room_is_used_ = true;
  return static_cast<char*>(room_.allocate(std::max<std::size_t>(bytes, 1), 1));
}

Value Interpreter::fail(EvaluationError error, std::string_view details) noexcept {
  if (failed()) return {};
  error_ = error;
  details_ = details;
  return {};
}

}  // namespace corohub::flags
