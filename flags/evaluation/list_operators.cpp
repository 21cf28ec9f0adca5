// What the operators do that make lists and visit their elements.
#include "flags/evaluation/interpreter.hpp"

#include <cstddef>
#include <new>

namespace corohub::flags {

// Lists open one level; anything else stands for itself.
Value Interpreter::merge(const Node& node, const Value& scope) {
  const Value parts = all_of_them(node, scope);
  if (failed()) return {};
  std::size_t count = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) count += parts[i].is_list() ? parts[i].size() : 1;
  if (count > steps_left_) return fail(EvaluationError::general, "The rule takes too many steps.");
  Value* const merged = make_list(count);
  if (merged == nullptr) return {};
  Value* end = merged;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Value part = parts[i];
    const std::size_t size = part.is_list() ? part.size() : 1;
    for (std::size_t j = 0; j < size; ++j) {
      if (!step()) return {};
      *end++ = part.is_list() ? part[j] : part;
    }
  }
  return {merged, count};
}

// What is written as no list, and false, 0, "" and null, have no elements. Anything else that turns out to be
// no list is an error, but for `all`, which is false of it.
Value Interpreter::visit_elements(const Node& node, const Value& scope) {
  if (!node.takes_list || node.count < 2)
    return fail(EvaluationError::parse_error, "The rule visits the elements of nothing.");
  Value subject = argument(node, 0, scope);
  if (failed()) return {};
  if (!subject.is_list()) {
    const bool is_computed = arguments(node)[0].op != Op::constant;
    if (is_computed && node.op != Op::all && subject.truth())
      return fail(EvaluationError::parse_error, "The rule visits the elements of no list.");
    subject = Value(static_cast<const Value*>(nullptr), 0);
  }
  if (node.op == Op::reduce) return reduce(node, subject, scope);
  if (node.op == Op::map || node.op == Op::filter) return map_or_filter(node, subject);
  return all_none_some(node, subject);
}

Value Interpreter::map_or_filter(const Node& node, const Value& subject) {
  Value* const made = make_list(subject.size());
  if (made == nullptr) return {};
  std::size_t count = 0;
  for (std::size_t i = 0; i < subject.size(); ++i) {
    if (!step()) return {};
    const Value element = subject[i];
    const Value result = evaluate(arguments(node)[1], element);
    if (failed()) return {};
    if (node.op == Op::map)
      made[count++] = result;
    else if (result.truth())
      made[count++] = element;
  }
  return {made, count};
}

// Of no elements: not all, none, not some.
Value Interpreter::all_none_some(const Node& node, const Value& subject) {
  if (subject.size() == 0) return Value(node.op == Op::none);
  for (std::size_t i = 0; i < subject.size(); ++i) {
    if (!step()) return {};
    const bool is_so = evaluate(arguments(node)[1], subject[i]).truth();
    if (failed()) return {};
    if (is_so != (node.op == Op::all)) return Value(node.op == Op::some);
  }
  return Value(node.op != Op::some);
}

Value Interpreter::reduce(const Node& node, const Value& subject, const Value& scope) {
  Value accumulator = argument(node, 2, scope);
  for (std::size_t i = 0; i < subject.size(); ++i) {
    if (!step()) return {};
    Value* const values = make_list(sizeof(Pair) / sizeof(Value));
    if (values == nullptr) return {};
    const Pair* const pair = new (values) Pair{accumulator, subject[i]};
    accumulator = evaluate(arguments(node)[1], Value(*pair));
    if (failed()) return {};
  }
  return accumulator;
}

}  // namespace corohub::flags
