// What a rule computes with: a view of JSON, of the rule or of the caller's context, or something made on the
// way. 16 bytes, copied freely; whatever it refers to outlives the evaluation. For this room only.
#pragma once

#include "core/json.hpp"
#include "core/json_text.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::flags {

struct Pair;

class Value {
 public:
  enum class Kind : std::uint8_t {
    null,
    boolean,
    number,  // all are doubles, as in ECMAScript
    text,
    made_list,  // of values
    json_list,
    json_object,
    root,   // the context with `$flagd`
    flagd,  // `$flagd`
    pair,   // what `reduce` shows: accumulator and current
  };

  Value() noexcept : kind_(Kind::null), number_(0) {}
  explicit Value(bool value) noexcept : kind_(Kind::boolean), boolean_(value) {}
  explicit Value(double value) noexcept : kind_(Kind::number), number_(value) {}
  explicit Value(std::string_view value) noexcept
      : kind_(Kind::text), size_(static_cast<std::uint32_t>(value.size())), text_(value.data()) {}
  explicit Value(const char*) = delete;  // would be a boolean
  Value(const Value* values, std::size_t count) noexcept
      : kind_(Kind::made_list), size_(static_cast<std::uint32_t>(count)), values_(values) {}
  explicit Value(const Pair& pair) noexcept : kind_(Kind::pair), pair_(&pair) {}
  explicit Value(const json::value& value) noexcept;
  static Value root() noexcept { return Value(Kind::root); }
  static Value flagd() noexcept { return Value(Kind::flagd); }

  Kind kind() const noexcept { return kind_; }
  bool is_null() const noexcept { return kind_ == Kind::null; }
  bool is_text() const noexcept { return kind_ == Kind::text; }
  bool is_number() const noexcept { return kind_ == Kind::number; }
  bool is_list() const noexcept { return kind_ == Kind::made_list || kind_ == Kind::json_list; }

  // Each for its kind alone.
  bool boolean() const noexcept { return boolean_; }
  double number() const noexcept { return number_; }
  std::string_view text() const noexcept { return {text_, size_}; }
  const json::object& object() const noexcept { return *object_; }
  const Pair& pair() const noexcept { return *pair_; }
  std::size_t size() const noexcept { return size_; }            // of a list
  Value operator[](std::size_t index) const noexcept;            // of a list
  const Value* made_values() const noexcept { return values_; }  // of a made list

  // False, 0, null, "", the empty list and the empty object are false.
  bool truth() const noexcept;

 private:
  explicit Value(Kind kind) noexcept : kind_(kind), number_(0) {}

  Kind kind_;
  std::uint32_t size_ = 0;
  union {
    bool boolean_;
    double number_;
    const char* text_;
    const Value* values_;
    const json::array* list_;
    const json::object* object_;
    const Pair* pair_;
  };
};
static_assert(sizeof(Value) == 16);

struct Pair {
  Value accumulator;
  Value current;
};

// The number that a text is: decimal, with blanks around it. One beyond a double's range is infinite, or 0. A
// text that is much longer than a double's is none.
inline constexpr std::size_t read_number_bytes_max = 128;
std::optional<double> parse_number(std::string_view text) noexcept;
// Comparing so many bytes takes as long as reading what the value is as a number.
std::size_t reading_cost_bytes(const Value& value) noexcept;

// Of the same type and equal; lists and objects never are.
bool strictly_equal(const Value& a, const Value& b) noexcept;
// Null equals null alone, texts compare as they are, all else as numbers.
bool loosely_equal(const Value& a, const Value& b) noexcept;
// Texts by their bytes, all else as numbers; what is no number is neither less nor more.
bool less(const Value& a, const Value& b) noexcept;
bool less_or_equal(const Value& a, const Value& b) noexcept;

// The text of a boolean, a number or a text; nothing for the rest. `room` holds it if it is made.
using TextRoom = std::array<char, number_text_bytes_max>;
std::optional<std::string_view> text_of(const Value& value, TextRoom& room) noexcept;

// JSON, cut off where it gets deep or long: for people.
void append_text(std::string& out, const Value& value, std::size_t bytes_max);

}  // namespace corohub::flags
