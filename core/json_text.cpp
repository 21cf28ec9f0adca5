#include "core/json_text.hpp"

#include "core/integer.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace corohub {
namespace {

template <class Integer>
void append_integer(std::string& out, Integer value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

// The least digits that bring the number back, and where its point is: 0.digits times ten to the power of
// `point`.
struct Decimal {
  std::array<char, 20> digits;
  std::size_t size = 0;
  int point = 0;
};

Decimal decimal(double positive) {
  std::array<char, 32> text;  // d.ddde±xx
  const char* const end =
      std::to_chars(text.data(), text.data() + text.size(), positive, std::chars_format::scientific).ptr;
  Decimal result;
  const char* at = text.data();
  for (; at != end && *at != 'e'; ++at)
    if (*at != '.') result.digits[result.size++] = *at;
  int exponent = 0;
  const char* const number = at + (at[1] == '+' ? 2 : 1);
  std::from_chars(number, end, exponent);
  result.point = exponent + 1;
  return result;
}

// Writes into room that is known to be enough.
class Pen {
 public:
  explicit Pen(std::span<char> room)
      : begin_(room.data()), end_(room.data()), room_end_(room.data() + room.size()) {}
  void put(char c) { *end_++ = c; }
  void put(std::string_view text) { end_ = std::ranges::copy(text, end_).out; }
  void put_zeros(int count) { end_ = std::fill_n(end_, count, '0'); }
  void put(std::int64_t number) { end_ = std::to_chars(end_, room_end_, number).ptr; }
  std::string_view written() const { return {begin_, static_cast<std::size_t>(end_ - begin_)}; }

 private:
  char* begin_;
  char* end_;
  char* room_end_;
};

void write(Pen& pen, const Decimal& number) {
  const std::string_view digits(number.digits.data(), number.size);
  const int size = static_cast<int>(number.size);
  const int point = number.point;
  if (size <= point && point <= 21) {
    pen.put(digits);
    pen.put_zeros(point - size);
  } else if (0 < point && point <= 21) {
    pen.put(digits.substr(0, static_cast<std::size_t>(point)));
    pen.put('.');
    pen.put(digits.substr(static_cast<std::size_t>(point)));
  } else if (-6 < point && point <= 0) {
    pen.put("0.");
    pen.put_zeros(-point);
    pen.put(digits);
  } else {
    pen.put(digits.front());
    if (size > 1) {
      pen.put('.');
      pen.put(digits.substr(1));
    }
    pen.put(point > 0 ? "e+" : "e");
    pen.put(std::int64_t{point - 1});
  }
}

// UTF-8 orders texts by code points; UTF-16 puts the characters beyond U+FFFF, which begin with a surrogate,
// before those from U+E000 on. Only the first byte in which they differ matters: f0 to f4 begin the former,
// ee and ef the latter.
bool is_before_in_utf16(std::string_view a, std::string_view b) noexcept {
  const auto [in_a, in_b] = std::ranges::mismatch(a, b);
  if (in_a == a.end() || in_b == b.end()) return in_a == a.end() && in_b != b.end();
  const auto rank = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0xee || byte == 0xef ? byte + 0x10 : int{byte};
  };
  return rank(*in_a) < rank(*in_b);
}

template <class Append>
void append_scalar_or(std::string& out, const json::value& value, Append append) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      return;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      return;
    case json::kind::int64:
      append_integer(out, value.get_int64());
      return;
    case json::kind::uint64:
      append_integer(out, value.get_uint64());
      return;
    case json::kind::double_:
      append_number(out, value.get_double());
      return;
    case json::kind::string:
      append_json(out, value.get_string());
      return;
    case json::kind::array: {
      out += '[';
      bool first = true;
      for (const json::value& element : value.get_array()) {
        if (!std::exchange(first, false)) out += ',';
        append(element);
      }
      out += ']';
      return;
    }
    case json::kind::object:
      return;
  }
}

void append_name(std::string& out, bool& first, std::string_view name) {
  if (!std::exchange(first, false)) out += ',';
  append_json(out, name);
  out += ':';
}

}  // namespace

std::string_view number_text(double value, std::span<char, number_text_bytes_max> room) {
  Pen pen(room);
  if (std::abs(value) < static_cast<double>(exact_integer_max) && std::trunc(value) == value) {
    pen.put(static_cast<std::int64_t>(value));
  } else {
    if (value < 0) pen.put('-');
    write(pen, decimal(std::abs(value)));
  }
  return pen.written();
}

void append_number(std::string& out, double value) {
  std::array<char, number_text_bytes_max> room;
  out += number_text(value, room);
}

std::string number_text(double value) {
  std::string out;
  append_number(out, value);
  return out;
}

void append_json_text(std::string& out, const json::object& value) {
  out += '{';
  bool first = true;
  for (const auto& member : value) {
    append_name(out, first, member.key());
    append_json_text(out, member.value());
  }
  out += '}';
}

void append_json_text(std::string& out, const json::value& value) {
  if (value.is_object()) return append_json_text(out, value.get_object());
  append_scalar_or(out, value, [&out](const json::value& element) { append_json_text(out, element); });
}

std::string json_text(const json::value& value) {
  std::string out;
  append_json_text(out, value);
  return out;
}

std::string json_text(const json::object& value) {
  std::string out;
  append_json_text(out, value);
  return out;
}

void append_canonical_json(std::string& out, const json::object& value) {
  std::vector<const json::key_value_pair*> members;
  members.reserve(value.size());
  for (const auto& member : value) members.push_back(&member);
  std::ranges::sort(members, is_before_in_utf16,
                    [](const json::key_value_pair* member) -> std::string_view { return member->key(); });
  out += '{';
  bool first = true;
  for (const json::key_value_pair* member : members) {
    append_name(out, first, member->key());
    append_canonical_json(out, member->value());
  }
  out += '}';
}

void append_canonical_json(std::string& out, const json::value& value) {
  if (value.is_object()) return append_canonical_json(out, value.get_object());
  append_scalar_or(out, value, [&out](const json::value& element) { append_canonical_json(out, element); });
}

}  // namespace corohub
