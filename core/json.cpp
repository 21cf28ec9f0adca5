#include "core/json.hpp"

#include "core/integer.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

namespace corohub {
namespace {

// Builds the value in the same pass that checks the text, and counts the members that the text says there
// are.
class Builder {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  explicit Builder(std::size_t members_max) : members_max_(members_max) { stack_.reset(); }

  std::string_view complaint() const noexcept { return complaint_; }
  std::size_t members() const noexcept { return members_; }
  json::value release() { return stack_.release(); }

  using error_code = boost::system::error_code;
  using view = boost::json::string_view;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return true; }
  bool on_object_end(std::size_t count, error_code&) {
    stack_.push_object(count);
    return true;
  }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t count, error_code&) {
    stack_.push_array(count);
    return true;
  }
  bool on_key_part(view part, std::size_t, error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_key(view part, std::size_t, error_code& ec) {
    if (++members_ > members_max_) return refuse(ec, "too many members");
    stack_.push_key(part);
    return true;
  }
  bool on_string_part(view part, std::size_t, error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(view part, std::size_t, error_code&) {
    stack_.push_string(part);
    return true;
  }
  bool on_number_part(view, error_code&) { return true; }
  bool on_int64(std::int64_t number, view, error_code&) {
    stack_.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, view, error_code&) {
    stack_.push_uint64(number);
    return true;
  }
  bool on_double(double number, view text, error_code& ec) {
    if (!std::isfinite(number)) return refuse(ec, "a number is out of range");
    const std::optional<std::int64_t> integer = parse_integer({text.data(), text.size()});
    if (integer && is_exact(*integer)) {
      stack_.push_int64(*integer);
      return true;
    }
    // What the parser has made of it may be beside it by the last bit.
    std::from_chars(text.data(), text.data() + text.size(), number);
    stack_.push_double(number);
    return true;
  }
  bool on_bool(bool value, error_code&) {
    stack_.push_bool(value);
    return true;
  }
  bool on_null(error_code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(view, error_code&) { return true; }
  bool on_comment(view, error_code&) { return true; }

 private:
  bool refuse(error_code& ec, std::string_view why) {
    complaint_ = why;
    ec = boost::json::error::syntax;
    return false;
  }

  std::size_t members_max_;
  std::size_t members_ = 0;
  std::string_view complaint_;
  json::value_stack stack_;
};

std::size_t count_members(const json::value& value) noexcept {
  std::size_t count = 0;
  if (value.is_object())
    for (const auto& member : value.get_object()) count += 1 + count_members(member.value());
  if (value.is_array())
    for (const auto& element : value.get_array()) count += count_members(element);
  return count;
}

// Takes whatever the grammar lets through.
class Ignorer {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  using error_code = boost::system::error_code;
  using view = boost::json::string_view;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code&) { return true; }
  bool on_object_end(std::size_t, error_code&) { return true; }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(view, std::size_t, error_code&) { return true; }
  bool on_key(view, std::size_t, error_code&) { return true; }
  bool on_string_part(view, std::size_t, error_code&) { return true; }
  bool on_string(view, std::size_t, error_code&) { return true; }
  bool on_number_part(view, error_code&) { return true; }
  bool on_int64(std::int64_t, view, error_code&) { return true; }
  bool on_uint64(std::uint64_t, view, error_code&) { return true; }
  bool on_double(double, view, error_code&) { return true; }
  bool on_bool(bool, error_code&) { return true; }
  bool on_null(error_code&) { return true; }
  bool on_comment_part(view, error_code&) { return true; }
  bool on_comment(view, error_code&) { return true; }
};

// The parser calls itself for each level.
constexpr std::size_t grammar_depth_max = 256;

// Errors that are not of the grammar, but of how large a number is or how deep the text. Behind one of them
// nothing is looked at.
bool is_of_meaning(const boost::system::error_code& ec) noexcept {
  return ec == json::error::too_deep || ec == json::error::exponent_overflow;
}

// With escapes of other characters in the place of those that may be half of a surrogate pair.
std::string without_surrogates(std::string_view text) {
  std::string plain(text);
  for (std::size_t i = 0; i + 2 < plain.size(); ++i) {
    if (plain[i] != '\\') continue;
    ++i;
    if (plain[i] == 'u' && (plain[i + 1] == 'd' || plain[i + 1] == 'D')) plain[i + 1] = '0';
  }
  return plain;
}

Error invalid(std::string_view why) {
  return Error(ErrorCode::invalid_json, "The body is not valid JSON: " + std::string(why) + ".");
}

}  // namespace

void append_json(std::string& out, std::string_view text) {
  static constexpr std::string_view short_forms = "btn fr";  // of the bytes 8 to 13 that have one
  out += '"';
  std::size_t plain = 0;  // where what has not been written yet begins
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
    out.append(text, plain, i - plain);
    plain = i + 1;
    out += '\\';
    if (byte >= 0x20) {
      out += text[i];
    } else if (byte >= 8 && byte <= 13 && byte != 11) {
      out += short_forms[byte - 8];
    } else {
      out += "u00";
      out += static_cast<char>('0' + byte / 16);
      out += "0123456789abcdef"[byte % 16];
    }
  }
  out.append(text, plain);
  out += '"';
}

Result<json::value> parse_json(std::string_view text, JsonLimits limits) {
  json::parse_options options;
  options.max_depth = limits.depth;
  boost::system::error_code ec;

  json::basic_parser<Builder> parser(options, limits.members);
  const std::size_t read = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && read < text.size()) ec = json::error::extra_data;
  if (ec) {
    const std::string_view complaint = parser.handler().complaint();
    return invalid((complaint.empty() ? ec.message() : std::string(complaint)) + " (at byte " +
                   std::to_string(read) + ")");
  }

  json::value value = parser.handler().release();
  // Of two equal keys an object keeps one, so the value then holds fewer members than the text said.
  if (count_members(value) != parser.handler().members()) return invalid("an object has the same key twice");
  return value;
}

bool is_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = grammar_depth_max;
  boost::system::error_code ec;
  json::basic_parser<Ignorer> parser(options);
  const std::string plain = without_surrogates(text);
  const std::size_t read = parser.write_some(false, plain.data(), plain.size(), ec);
  return ec ? is_of_meaning(ec) : read == plain.size();
}

std::size_t depth(const json::value& value) noexcept {
  std::size_t deepest = 0;
  if (value.is_object())
    for (const auto& member : value.get_object()) deepest = std::max(deepest, depth(member.value()));
  if (value.is_array())
    for (const auto& element : value.get_array()) deepest = std::max(deepest, depth(element));
  return deepest + 1;
}

}  // namespace corohub
