#include "flags/evaluation/value.hpp"

#include "core/json_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

namespace corohub::flags {
namespace {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t shown_levels_max = 32;

std::string_view trim(std::string_view text) noexcept {
  const auto is_blank = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// As a comparison has it.
double as_number(const Value& value) noexcept {
  switch (value.kind()) {
    case Value::Kind::null:
      return 0;
    case Value::Kind::boolean:
      return value.boolean() ? 1 : 0;
    case Value::Kind::number:
      return value.number();
    case Value::Kind::text:
      if (value.text().size() <= read_number_bytes_max && trim(value.text()).empty()) return 0;
      return parse_number(value.text()).value_or(not_a_number);
    default:
      return not_a_number;
  }
}

// Appends JSON until it is too long or too deep.
class Writer {
 public:
  Writer(std::string& out, std::size_t bytes_max) : out_(out), end_(out.size() + bytes_max) {}

  void write(const Value& value, std::size_t levels = 0) {
    if (out_.size() > end_ || levels > shown_levels_max) {
      out_ += "\"...\"";
      return;
    }
    switch (value.kind()) {
      case Value::Kind::null:
        out_ += "null";
        return;
      case Value::Kind::boolean:
        out_ += value.boolean() ? "true" : "false";
        return;
      case Value::Kind::number:
        append_number(out_, value.number());
        return;
      case Value::Kind::text:
        append_json(out_, shown(value.text()));
        return;
      case Value::Kind::made_list:
      case Value::Kind::json_list:
        return write_list(value, levels);
      case Value::Kind::json_object:
        return write_object(value.object(), levels);
      case Value::Kind::root:
      case Value::Kind::flagd:
        out_ += "{}";
        return;
      case Value::Kind::pair:
        out_ += "{\"accumulator\":";
        write(value.pair().accumulator, levels + 1);
        out_ += ",\"current\":";
        write(value.pair().current, levels + 1);
        out_ += '}';
        return;
    }
  }

 private:
  // Cut between characters.
  std::string_view shown(std::string_view text) const noexcept {
    const std::size_t room = end_ > out_.size() ? end_ - out_.size() : 0;
    if (text.size() <= room) return text;
    std::size_t cut = room;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80) --cut;
    return text.substr(0, cut);
  }

  void write_list(const Value& list, std::size_t levels) {
    out_ += '[';
    for (std::size_t i = 0; i < list.size() && out_.size() <= end_; ++i) {
      if (i > 0) out_ += ',';
      write(list[i], levels + 1);
    }
    out_ += ']';
  }

  void write_object(const json::object& object, std::size_t levels) {
    out_ += '{';
    bool first = true;
    for (const auto& member : object) {
      if (out_.size() > end_) break;
      if (!std::exchange(first, false)) out_ += ',';
      append_json(out_, shown(member.key()));
      out_ += ':';
      write(Value(member.value()), levels + 1);
    }
    out_ += '}';
  }

  std::string& out_;
  std::size_t end_;
};

}  // namespace

Value::Value(const json::value& value) noexcept : Value() {
  switch (value.kind()) {
    case json::kind::null:
      return;
    case json::kind::bool_:
      *this = Value(value.get_bool());
      return;
    case json::kind::int64:
      *this = Value(static_cast<double>(value.get_int64()));
      return;
    case json::kind::uint64:
      *this = Value(static_cast<double>(value.get_uint64()));
      return;
    case json::kind::double_:
      *this = Value(value.get_double());
      return;
    case json::kind::string:
      *this = Value(std::string_view(value.get_string()));
      return;
    case json::kind::array:
      kind_ = Kind::json_list;
      size_ = static_cast<std::uint32_t>(value.get_array().size());
      list_ = &value.get_array();
      return;
    case json::kind::object:
      kind_ = Kind::json_object;
      object_ = &value.get_object();
      return;
  }
}

Value Value::operator[](std::size_t index) const noexcept {
  return kind_ == Kind::made_list ? values_[index] : Value((*list_)[index]);
}

bool Value::truth() const noexcept {
  switch (kind_) {
    case Kind::null:
      return false;
    case Kind::boolean:
      return boolean_;
    case Kind::number:
      return number_ != 0;
    case Kind::text:
    case Kind::made_list:
    case Kind::json_list:
      return size_ != 0;
    case Kind::json_object:
      return !object_->empty();
    case Kind::root:
    case Kind::flagd:
    case Kind::pair:
      return true;
  }
  return false;
}

std::optional<double> parse_number(std::string_view text) noexcept {
  if (text.size() > read_number_bytes_max) return std::nullopt;
  text = trim(text);
  const std::size_t digit = text.starts_with('+') || text.starts_with('-') ? 1 : 0;
  if (digit == text.size()) return std::nullopt;
  if (const char first = text[digit]; first != '.' && (first < '0' || first > '9')) return std::nullopt;
  if (text.front() == '+') text.remove_prefix(1);
  double number = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end != text.data() + text.size()) return std::nullopt;
  // So short a text is beyond the range by its exponent alone, whose sign says on which side.
  if (code == std::errc::result_out_of_range) {
    const bool is_tiny = text.find("e-") != text.npos || text.find("E-") != text.npos;
    return std::copysign(is_tiny ? 0 : std::numeric_limits<double>::infinity(),
                         text.front() == '-' ? -1.0 : 1.0);
  }
  if (code != std::errc()) return std::nullopt;
  return number;
}

std::size_t reading_cost_bytes(const Value& value) noexcept {
  constexpr std::size_t bytes_per_digit = 8;
  const bool is_read = value.is_text() && value.text().size() <= read_number_bytes_max;
  return is_read ? value.text().size() * bytes_per_digit : 0;
}

bool strictly_equal(const Value& a, const Value& b) noexcept {
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Value::Kind::null:
      return true;
    case Value::Kind::boolean:
      return a.boolean() == b.boolean();
    case Value::Kind::number:
      return a.number() == b.number();
    case Value::Kind::text:
      return a.text() == b.text();
    default:
      return false;
  }
}

bool loosely_equal(const Value& a, const Value& b) noexcept {
  if (a.is_null() || b.is_null()) return a.is_null() && b.is_null();
  if (a.is_text() && b.is_text()) return a.text() == b.text();
  return as_number(a) == as_number(b);
}

bool less(const Value& a, const Value& b) noexcept {
  if (a.is_text() && b.is_text()) return a.text() < b.text();
  return as_number(a) < as_number(b);
}

bool less_or_equal(const Value& a, const Value& b) noexcept {
  if (a.is_text() && b.is_text()) return a.text() <= b.text();
  return as_number(a) <= as_number(b);
}

std::optional<std::string_view> text_of(const Value& value, TextRoom& room) noexcept {
  switch (value.kind()) {
    case Value::Kind::boolean:
      return value.boolean() ? "true" : "false";
    case Value::Kind::number:
      return number_text(value.number(), room);
    case Value::Kind::text:
      return value.text();
    default:
      return std::nullopt;
  }
}

void append_text(std::string& out, const Value& value, std::size_t bytes_max) {
  Writer(out, bytes_max).write(value);
}

}  // namespace corohub::flags
