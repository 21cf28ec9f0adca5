#include "gateway/session/raw_json.hpp"

#include <algorithm>
#include <cstddef>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace corohub::gateway {
namespace {

// The position behind the string that begins at `at`.
std::size_t skip_string(std::string_view text, std::size_t at) noexcept {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at + 1;
}

constexpr std::string_view blanks = " \t\r\n";

std::size_t skip_blanks(std::string_view text, std::size_t at) noexcept {
  return std::min(text.find_first_not_of(blanks, at), text.size());
}

// The position behind the value that begins at `at`, and the blanks after it.
std::size_t skip_value(std::string_view text, std::size_t at) noexcept {
  std::size_t open = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (c == '"') {
      at = skip_string(text, at);
      continue;
    }
    if (open == 0 && (c == ',' || c == '}' || c == ']')) break;
    if (c == '{' || c == '[') ++open;
    if (c == '}' || c == ']') --open;
    ++at;
  }
  return at;
}

std::string_view without_trailing_blanks(std::string_view text) noexcept {
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

bool is_key(std::string_view quoted, std::string_view key) {
  const std::string_view inner = quoted.substr(1, quoted.size() - 2);
  if (inner.find('\\') == std::string_view::npos) return inner == key;
  boost::system::error_code error;
  const boost::json::value decoded = boost::json::parse({quoted.data(), quoted.size()}, error);
  return !error && decoded.is_string() && std::string_view(decoded.get_string()) == key;
}

}  // namespace

std::string compact_json(std::string_view text) {
  std::string compact;
  compact.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    const std::size_t end = c == '"' ? skip_string(text, at) : at + 1;
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') compact.append(text.substr(at, end - at));
    at = end;
  }
  return compact;
}

std::optional<std::string_view> member_text(std::string_view object, std::string_view key) {
  const std::size_t brace = object.find('{');
  for (std::size_t at = skip_blanks(object, brace + 1); at < object.size() && object[at] == '"';) {
    const std::size_t key_end = skip_string(object, at);
    const std::size_t value = skip_blanks(object, skip_blanks(object, key_end) + 1);  // behind the colon
    const std::size_t value_end = skip_value(object, value);
    if (is_key(object.substr(at, key_end - at), key)) {
      return without_trailing_blanks(object.substr(value, value_end - value));
    }
    at = skip_blanks(object, value_end + 1);  // behind the comma
  }
  return std::nullopt;
}

std::optional<std::string> raw_member(std::string_view object, std::string_view key) {
  const std::optional<std::string_view> found = member_text(object, key);
  if (!found) return std::nullopt;
  return compact_json(*found);
}

std::vector<std::string_view> element_texts(std::string_view array) {
  std::vector<std::string_view> elements;
  for (std::size_t at = skip_blanks(array, array.find('[') + 1); at < array.size() && array[at] != ']';) {
    const std::size_t end = skip_value(array, at);
    elements.push_back(without_trailing_blanks(array.substr(at, end - at)));
    at = array[end] == ',' ? skip_blanks(array, end + 1) : end;
  }
  return elements;
}

}  // namespace corohub::gateway
