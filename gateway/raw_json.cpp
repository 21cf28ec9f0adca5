#include "gateway/raw_json.hpp"

#include <cstddef>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

namespace corohub::gateway {
namespace {

// Behind the string that begins at `at`.
std::size_t skip_string(std::string_view text, std::size_t at) noexcept {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return at + 1;
}

// Behind the value that begins at `at` of a compact text.
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

std::optional<std::string> raw_member(std::string_view object, std::string_view key) {
  const std::string compact = compact_json(object);
  const std::string_view text = compact;
  for (std::size_t at = 1; at < text.size() && text[at] == '"';) {
    const std::size_t key_end = skip_string(text, at);
    const std::size_t value = key_end + 1;  // behind the colon
    const std::size_t value_end = skip_value(text, value);
    if (is_key(text.substr(at, key_end - at), key)) return std::string(text.substr(value, value_end - value));
    at = value_end + 1;  // behind the comma
  }
  return std::nullopt;
}

}  // namespace corohub::gateway
