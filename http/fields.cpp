#include "http/fields.hpp"

#include "core/encoding.hpp"
#include "core/unicode.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace corohub::http {
namespace {

// C0, DEL and C1 (U+0080 to U+009F, two bytes that begin with C2).
bool has_controls(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) return true;
  }
  return false;
}

std::string pointer(std::string_view at, std::string_view key) {
  std::string out(at);
  out += '/';
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::string characters(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " character" : " characters");
}

}  // namespace

bool Fields::is_null(std::string_view key) const noexcept {
  const json::value* value = find(key);
  return value != nullptr && value->is_null();
}

std::string Fields::required_text(std::string_view key, TextRule rule) {
  require(key);
  return text(key, rule).value_or(std::string());
}

std::optional<std::string> Fields::text(std::string_view key, TextRule rule) {
  const json::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    refuse(key, "invalid_type", "Must be a text.");
    return std::nullopt;
  }
  std::string_view text = value->get_string();
  if (rule.trim) text = trim_white_space(text);
  const std::size_t length = code_points(text);
  if (length < rule.min)
    refuse(key, "too_short", "Must have at least " + characters(rule.min) + ".");
  else if (length > rule.max)
    refuse(key, "too_long", "Must have at most " + characters(rule.max) + ".");
  else if (!rule.controls && (has_controls(text) || has_invisible(text)))
    refuse(key, "invalid_format", "Must not contain control or invisible characters.");
  else
    return std::string(text);
  return std::nullopt;
}

std::int64_t Fields::required_integer(std::string_view key, std::int64_t min, std::int64_t max) {
  require(key);
  return integer(key, min, max).value_or(0);
}

std::optional<std::int64_t> Fields::integer(std::string_view key, std::int64_t min, std::int64_t max) {
  const json::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  // The parser makes a uint64, or a double without a fraction, only of a number beyond all bounds here.
  const bool beyond =
      value->is_uint64() || (value->is_double() && std::trunc(value->get_double()) == value->get_double());
  if (!value->is_int64() && !beyond) {
    refuse(key, "invalid_type", "Must be an integer.");
    return std::nullopt;
  }
  const std::int64_t number = beyond ? 0 : value->get_int64();
  if (beyond || number < min || number > max) {
    refuse(key, "out_of_range",
           "Must be between " + std::to_string(min) + " and " + std::to_string(max) + ".");
    return std::nullopt;
  }
  return number;
}

std::optional<bool> Fields::boolean(std::string_view key) {
  const json::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_bool()) return value->get_bool();
  refuse(key, "invalid_type", "Must be true or false.");
  return std::nullopt;
}

std::optional<std::string_view> Fields::one_of(std::string_view key,
                                               std::initializer_list<std::string_view> words) {
  const json::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) {
    refuse(key, "invalid_type", "Must be a text.");
    return std::nullopt;
  }
  const auto word = std::ranges::find(words, std::string_view(value->get_string()));
  if (word != words.end()) return *word;
  std::string list;
  for (const std::string_view known : words) list.append(list.empty() ? "" : ", ").append(known);
  refuse(key, "unknown_value", "Must be one of: " + list + ".");
  return std::nullopt;
}

const json::object* Fields::object(std::string_view key) {
  const json::value* value = find(key);
  if (value == nullptr || value->is_object()) return value == nullptr ? nullptr : &value->get_object();
  refuse(key, "invalid_type", "Must be an object.");
  return nullptr;
}

void Fields::refuse(std::string_view key, std::string_view code, std::string message) {
  complaints_.push_back({pointer(at_, key), std::string(code), std::move(message)});
}

void Fields::require(std::string_view key) {
  if (!has(key)) refuse(key, "required", "Is required.");
}

void Fields::forbid(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (!has(key)) continue;
    forbidden_ = true;
    refuse(key, "field_not_allowed", "Can't be set here.");
  }
}

void Fields::merge(Fields&& nested) {
  forbidden_ = forbidden_ || nested.forbidden_;
  std::ranges::move(nested.complaints_, std::back_inserter(complaints_));
  nested.complaints_.clear();
}

Result<> Fields::result() const {
  if (ok()) return {};
  Error error(forbidden_ ? ErrorCode::field_not_allowed : ErrorCode::validation_failed,
              forbidden_ ? "The body has members that can't be set here." : "The body has invalid members.");
  error.fields = complaints_;
  return error;
}

}  // namespace corohub::http
