// What each operator does. Where implementations of JsonLogic differ, the comment says what holds here.
#include "flags/evaluation/interpreter.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace corohub::flags {
namespace {

std::optional<double> combine(Op op, double a, double b) noexcept {
  switch (op) {
    case Op::add:
      return a + b;
    case Op::subtract:
      return a - b;
    case Op::multiply:
      return a * b;
    case Op::divide:
      return b == 0 ? std::nullopt : std::optional(a / b);
    case Op::modulo:
      return b == 0 ? std::nullopt : std::optional(std::fmod(a, b));
    case Op::min:
      return b < a ? b : a;
    case Op::max:
      return b > a ? b : a;
    default:
      return std::nullopt;
  }
}

// Linear in the sum of both, whatever they hold; std::string_view::find is not.
bool has(std::string_view text, std::string_view part) noexcept {
  return part.empty() || ::memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

bool continues_character(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::int64_t count_characters(std::string_view text) noexcept {
  return std::ranges::count_if(text, [](char c) { return !continues_character(c); });
}

// Where the character of that number begins.
std::size_t offset_of(std::string_view text, std::int64_t character) noexcept {
  std::size_t at = 0;
  for (; at < text.size(); ++at)
    if (!continues_character(text[at]) && character-- == 0) break;
  return at;
}

std::int64_t whole(double number) noexcept {
  constexpr double most = 1e9;  // more characters than any text has
  return static_cast<std::int64_t>(std::clamp(std::trunc(number), -most, most));
}

}  // namespace

// Null, a boolean, a list, an object and a text that is no number are none: arithmetic does not guess.
std::optional<double> Interpreter::operand(const Value& value) noexcept {
  if (value.is_number()) return value.number();
  if (!value.is_text() || !scan(reading_cost_bytes(value))) return std::nullopt;
  return parse_number(value.text());
}

// Where a text is to be cut: one that is no number is 0.
std::optional<double> Interpreter::position(const Value& value) noexcept {
  return value.is_text() ? operand(value).value_or(0) : operand(value);
}

template <class Visit>
void Interpreter::each(const Node& node, const Value& scope, Visit visit) {
  if (node.takes_list) {
    if (!scan(node.count * sizeof(Value))) return;
    for (std::size_t i = 0; i < node.count; ++i) {
      const Value value = argument(node, i, scope);
      if (failed() || !visit(value)) return;
    }
    return;
  }
  const Value value = argument(node, 0, scope);
  if (failed()) return;
  if (!value.is_list()) {
    visit(value);
    return;
  }
  if (!scan(value.size() * sizeof(Value))) return;
  for (std::size_t i = 0; i < value.size(); ++i)
    if (!visit(value[i])) return;
}

// A path leads through objects by their members' names and through lists by positions from 0 on; the empty
// one is everything. What is missing or null is the default, which is null if there is none.
Value Interpreter::variable(const Node& node, const Value& scope) {
  Value found = scope;
  for (const std::string_view part : rule_->path(node)) {
    if (!scan(part.size())) return {};
    found = member(found, part);
    if (found.is_null()) break;
  }
  return found.is_null() && node.count > 0 ? evaluate(arguments(node)[0], scope) : found;
}

Value Interpreter::variable_of(const Node& node, const Value& scope) {
  const Few few = this->few(node, scope);
  if (failed()) return {};
  if (few.count == 0 || few.values[0].is_null()) return scope;
  if (!few.values[0].is_text() && !few.values[0].is_number())
    return fail(EvaluationError::parse_error, "The path of a variable is no text.");
  TextRoom room;
  const Value found = find(scope, *text_of(few.values[0], room));
  return found.is_null() ? few.values[1] : found;
}

// A member that is null counts as missing, one that is "" does not.
Value Interpreter::missing_of(const Value& names, const Value& scope) {
  Value* const missing = make_list(names.size());
  if (missing == nullptr) return {};
  std::size_t count = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Value name = names[i];
    TextRoom room;
    if (!name.is_null() && !name.is_text() && !name.is_number())
      return fail(EvaluationError::parse_error, "The path of a variable is no text.");
    if (name.is_null() || find(scope, *text_of(name, room)).is_null()) missing[count++] = name;
  }
  return {missing, count};
}

Value Interpreter::missing(const Node& node, const Value& scope) {
  const Value names = all_of_them(node, scope);
  if (failed()) return {};
  return missing_of(names.size() > 0 && names[0].is_list() ? names[0] : names, scope);
}

Value Interpreter::missing_some(const Node& node, const Value& scope) {
  const Few few = this->few(node, scope);
  if (failed()) return {};
  const std::optional<double> wanted = operand(few.values[0]);
  const Value& names = few.values[1];
  if (few.count < 2 || !wanted || !names.is_list())
    return fail(EvaluationError::parse_error, "missing_some takes a number and a list.");
  const Value missing = missing_of(names, scope);
  if (failed()) return {};
  const auto found = static_cast<double>(names.size() - missing.size());
  return found >= *wanted ? Value(missing.made_values(), 0) : missing;
}

Value Interpreter::choose(const Node& node, const Value& scope) {
  if (!node.takes_list) return fail(EvaluationError::parse_error, "if takes a list.");
  std::size_t i = 0;
  for (; i + 1 < node.count; i += 2) {
    if (!scan(2 * sizeof(Value))) return {};
    const bool is_so = argument(node, i, scope).truth();
    if (failed()) return {};
    if (is_so) return argument(node, i + 1, scope);
  }
  return argument(node, i, scope);
}

Value Interpreter::and_or(const Node& node, const Value& scope) {
  if (!node.takes_list) return fail(EvaluationError::parse_error, "and and or take lists.");
  Value last;
  for (std::size_t i = 0; i < node.count; ++i) {
    if (!scan(sizeof(Value))) return {};
    last = argument(node, i, scope);
    if (failed() || last.truth() == (node.op == Op::or_)) break;
  }
  return last;
}

Value Interpreter::compare(const Node& node, const Value& scope) {
  const auto [values, count] = few(node, scope);
  if (failed() || count < 2) return Value(false);
  const auto& [a, b, c] = values;
  if (!scan_compared(a, b) || (count > 2 && !scan_compared(b, c))) return {};
  switch (node.op) {
    case Op::equal:
      return Value(loosely_equal(a, b));
    case Op::not_equal:
      return Value(!loosely_equal(a, b));
    case Op::same:
      return Value(strictly_equal(a, b));
    case Op::not_same:
      return Value(!strictly_equal(a, b));
    case Op::less:
      return Value(flags::less(a, b) && (count < 3 || flags::less(b, c)));
    case Op::less_or_equal:
      return Value(less_or_equal(a, b) && (count < 3 || less_or_equal(b, c)));
    case Op::greater:
      return Value(flags::less(b, a) && (count < 3 || flags::less(c, b)));
    case Op::greater_or_equal:
      return Value(less_or_equal(b, a) && (count < 3 || less_or_equal(c, b)));
    default:
      return {};
  }
}

Value Interpreter::no_number() noexcept {
  return fail(EvaluationError::parse_error, "The rule calculates with what is no number.");
}

// From left to right. One number alone is itself, or its negative; none is 0, a product 1, the least and the
// greatest null. What is not finite is an error.
Value Interpreter::calculate(const Node& node, const Value& scope) {
  std::size_t count = 0;
  double result = 0;
  each(node, scope, [&](const Value& value) {
    const std::optional<double> number = operand(value);
    const std::optional<double> next = !number        ? std::nullopt
                                       : count++ == 0 ? number
                                                      : combine(node.op, result, *number);
    if (!next || !std::isfinite(*next)) {
      no_number();
      return false;
    }
    result = *next;
    return true;
  });
  if (failed()) return {};
  if (count == 0 && (node.op == Op::min || node.op == Op::max)) return {};
  if (count == 0 && node.op == Op::multiply) return Value(1.0);
  if (count < 2 && node.op == Op::modulo) return no_number();
  return Value(count == 1 && node.op == Op::subtract ? -result : result);
}

// Null is nothing, booleans are words, numbers as ECMAScript writes them, blanks stay.
Value Interpreter::concatenate(const Node& node, const Value& scope) {
  const Value parts = all_of_them(node, scope);
  if (failed()) return {};
  if (parts.size() == 1 && parts[0].is_text()) return parts[0];
  std::size_t size = 0;
  TextRoom room;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].is_null()) continue;
    if (parts[i].is_number() && !scan(scanned_bytes_per_written_number)) return {};
    const std::optional<std::string_view> text = text_of(parts[i], room);
    if (!text) return fail(EvaluationError::parse_error, "cat takes no lists and objects.");
    size += text->size();
  }
  char* const made = make_text(size);
  if (made == nullptr) return {};
  char* end = made;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (!parts[i].is_null()) end = std::ranges::copy(*text_of(parts[i], room), end).out;
  return Value(std::string_view(made, size));
}

// By characters of Unicode. A negative start counts from the end; a negative length says how many to leave
// out there.
Value Interpreter::substring(const Node& node, const Value& scope) {
  const auto [values, count] = few(node, scope);
  if (failed()) return {};
  TextRoom room;
  const std::optional<std::string_view> whole_text =
      values[0].is_null() ? std::string_view() : text_of(values[0], room);
  const std::optional<double> from = position(values[1]);
  const std::optional<double> length = position(values[2]);
  const bool is_boolean = values[0].kind() == Value::Kind::boolean;
  if (!whole_text || is_boolean || !from || (count > 2 && !length))
    return fail(EvaluationError::parse_error, "substr takes a text and one or two numbers.");
  std::string_view text = *whole_text;
  if (!values[0].is_text()) {  // the text of a number: it has to outlive this function
    char* const made = make_text(text.size());
    if (made == nullptr) return {};
    std::ranges::copy(text, made);
    text = {made, text.size()};
  }
  if (!scan(text.size())) return {};
  const std::int64_t size = count_characters(text);
  const std::int64_t start = whole(*from);
  const std::int64_t begin = start < 0 ? std::max<std::int64_t>(size + start, 0) : start;
  std::int64_t end = size;
  if (length) {
    const std::int64_t wanted = whole(*length);
    end = wanted < 0 ? size + wanted : std::min(size, begin + wanted);
  }
  if (begin >= end) return Value(std::string_view());
  text = text.substr(offset_of(text, begin));
  return Value(text.substr(0, offset_of(text, end - begin)));
}

// A part of a text, or an element of a list of the same type. Nothing is in the empty text, and in anything
// else.
Value Interpreter::contains(const Node& node, const Value& scope) {
  const auto [values, count] = few(node, scope);
  if (failed()) return {};
  const Value& wanted = values[0];
  const Value& where = values[1];
  if (where.is_text()) {
    TextRoom room;
    const std::optional<std::string_view> part = text_of(wanted, room);
    if (!scan(where.text().size() * scans_per_searched_byte)) return {};
    return Value(part && !where.text().empty() && has(where.text(), *part));
  }
  if (!where.is_list()) return Value(false);
  for (std::size_t i = 0; i < where.size(); ++i) {
    if (!step()) return {};
    const Value element = where[i];
    const bool is_as_long =
        element.is_text() && wanted.is_text() && element.text().size() == wanted.text().size();
    if (is_as_long && !scan(wanted.text().size())) return {};
    if (strictly_equal(element, wanted)) return Value(true);
  }
  return Value(false);
}

// The first argument is a bucketing text, or one that is null and not there; or it is a bucket like the
// others.
Value Interpreter::fractional(const Node& node, const Value& scope) {
  if (node.extra != Node::none) {
    const Value key = argument(node, 0, scope);
    if (failed()) return {};
    if (key.is_null() || key.is_text()) return distribute(key, std::nullopt, rule_->buckets(node));
    const std::optional<Bucket> leading = read_bucket(key);
    return leading ? distribute({}, leading, rule_->buckets(node)) : Value();
  }
  const Value values = all_of_them(node, scope);
  if (failed() || values.size() == 0) return {};
  const Value key = values[0].is_text() ? values[0] : Value();
  Buckets buckets;
  for (std::size_t i = values[0].is_text() || values[0].is_null() ? 1 : 0; i < values.size(); ++i) {
    const std::optional<Bucket> bucket = read_bucket(values[i]);
    if (!bucket) return {};
    buckets.total += bucket->weight;
    buckets.each.push_back(*bucket);
  }
  return distribute(key, std::nullopt, buckets);
}

Value Interpreter::distribute(const Value& key, const std::optional<Bucket>& leading,
                              const Buckets& buckets) {
  if (!key.is_text() && targeting_key_.empty()) return {};
  const std::uint64_t total = buckets.total + (leading ? leading->weight : 0);
  if (total == 0 || total > total_weight_max) return {};
  const std::size_t key_bytes = key.is_text() ? key.text().size() : targeting_key_.size();
  if (!scan(key_bytes + buckets.each.size() * sizeof(Bucket))) return {};
  const std::uint32_t hash = key.is_text() ? murmur3(key.text()) : murmur3(flag_key_, targeting_key_);
  const std::uint64_t place = place_of(hash, total);
  std::uint64_t end = leading ? leading->weight : 0;
  if (place < end) return leading->variant;
  for (const Bucket& bucket : buckets.each) {
    end += bucket.weight;
    if (place < end) return bucket.variant;
  }
  return {};
}

Value Interpreter::compare_versions(const Node& node, const Value& scope) {
  const auto [values, count] = few(node, scope);
  if (failed()) return {};
  std::array<TextRoom, 2> rooms;
  const auto read = [this](const Value& value, TextRoom& room) -> std::optional<Version> {
    const std::optional<std::string_view> text = text_of(value, room);
    if (!text || text->size() > version_bytes_max || !scan(text->size())) return std::nullopt;
    return parse_version(*text);
  };
  const std::optional<Version> version = read(values[0], rooms[0]);
  if (!version) return {};
  if (node.extra != Node::none) {
    const KnownVersion& known = rule_->version(node);
    return Value(holds(*version, known.relation, known.version));
  }
  const std::optional<VersionRelation> relation =
      values[1].is_text() ? parse_version_relation(values[1].text()) : std::nullopt;
  const std::optional<Version> other = read(values[2], rooms[1]);
  const bool is_complete = count == 3 && (!node.takes_list || node.count == 3);
  if (!is_complete || !relation || !other) return {};
  return Value(holds(*version, *relation, *other));
}

Value Interpreter::begins_or_ends(const Node& node, const Value& scope) {
  const auto [values, count] = few(node, scope);
  if (failed() || count != 2 || !values[0].is_text() || !values[1].is_text()) return {};
  const std::string_view text = values[0].text();
  const std::string_view part = values[1].text();
  if (!scan(std::min(text.size(), part.size()))) return {};
  return Value(node.op == Op::starts_with ? text.starts_with(part) : text.ends_with(part));
}

// A segment's rule stands where the reference stands: it sees what is to be seen there.
Value Interpreter::refer(const Node& node, const Value& scope) {
  const Segment* const segment = environment_.segment(rule_->segment(node));
  if (segment == nullptr || in_segment_)
    return fail(EvaluationError::parse_error, "The rule refers to a segment that does not exist.");
  in_segment_ = true;
  const std::string place =
      trace_ == nullptr ? std::string() : std::exchange(traced_place_, rule_->pointer(node) + "/$ref");
  const Rule* const outer = std::exchange(rule_, segment->rule.rule.get());
  const Value value = evaluate(rule_->root(), scope);
  rule_ = outer;
  traced_place_ = place;
  in_segment_ = false;
  return value;
}

}  // namespace corohub::flags
