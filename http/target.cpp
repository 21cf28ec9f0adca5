#include "http/target.hpp"

#include "core/encoding.hpp"
#include "http/text.hpp"

#include <algorithm>
#include <array>

namespace corohub::http {
namespace {

constexpr std::string_view redacted = "[redacted]";
constexpr std::size_t logged_path_bytes_max = 256;
constexpr std::size_t logged_keys_max = 16;

// Keys whose values hold no secret and help the reader of the log.
constexpr std::array<std::string_view, 10> shown_keys{"page",  "per_page", "since", "lastEventId", "limit",
                                                      "types", "timeout",  "sort",  "role",        "status"};

// "http://host/path" without scheme and authority, when the authority is the one in Host.
Result<std::string_view> without_authority(std::string_view target, std::string_view host) {
  Error refused(ErrorCode::invalid_request, "The target is neither a path nor a URI of this host.");
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!same_word(target.substr(0, scheme.size()), scheme)) continue;
    target.remove_prefix(scheme.size());
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    if (!same_word(target.substr(0, end), host)) return refused;
    return target.substr(end);
  }
  return refused;
}

// Whether the text stands for itself: no escape, and nothing but visible ASCII.
bool is_plain(std::string_view text) noexcept {
  bool plain = true;
  for (const char c : text) plain &= c > 0x20 && c < 0x7f && c != '%';
  return plain;
}

bool has_dot_segment(std::string_view path) noexcept {
  if (path.find("/.") == std::string_view::npos && !path.starts_with('.')) return false;
  while (!path.empty()) {
    const std::string_view segment = cut(path, '/');
    if (segment == "." || segment == "..") return true;
  }
  return false;
}

Result<> read_query(std::string_view text, Request& request) {
  while (!text.empty()) {
    std::string_view value = cut(text, '&');
    if (value.empty()) continue;
    std::optional<std::string> key = percent_decode(cut(value, '='), true);
    std::optional<std::string> decoded = percent_decode(value, true);
    if (!key || !decoded) return Error(ErrorCode::invalid_request, "The query is not valid UTF-8 text.");
    request.query.emplace_back(std::move(*key), std::move(*decoded));
  }
  return {};
}

}  // namespace

Result<> read_target(std::string_view target, std::string_view host, Request& request) {
  if (target == "*" && request.method == Method::options) {
    request.target = request.path = "*";
    return {};
  }
  if (!target.starts_with('/')) {
    const Result<std::string_view> path = without_authority(target, host);
    if (!path) return path.error();
    target = *path;
  }
  request.target = target.starts_with('/') ? "" : "/";
  request.target += target;

  const std::string_view raw = request.raw_path();
  if (is_plain(raw)) {
    if (has_dot_segment(raw)) return Error(ErrorCode::invalid_request, "The path has dot segments.");
    request.path = raw;
  } else {
    std::optional<std::string> path = percent_decode(raw);
    if (!path) return Error(ErrorCode::invalid_request, "The path is not valid UTF-8 text.");
    if (has_dot_segment(*path)) return Error(ErrorCode::invalid_request, "The path has dot segments.");
    request.path = std::move(*path);
  }
  return read_query(std::string_view(request.target).substr(std::min(raw.size() + 1, request.target.size())),
                    request);
}

std::string redacted_target(std::string_view target) {
  std::string_view query = target;
  const std::string_view path = cut(query, '?');
  std::string out(path.substr(0, logged_path_bytes_max));
  // A parameter that slipped into the path (an encoded question mark) is cut off.
  if (const std::size_t equals = out.find('='); equals != std::string::npos)
    out.replace(equals + 1, std::string::npos, redacted);
  char separator = '?';
  for (std::size_t keys = 0; !query.empty() && keys < logged_keys_max; ++keys) {
    std::string_view value = cut(query, '&');
    const bool bare = value.find('=') == std::string_view::npos;
    const std::string_view key = cut(value, '=');
    out += std::exchange(separator, '&');
    if (std::ranges::find(shown_keys, key) != shown_keys.end())
      out.append(key).append("=").append(value);
    else if (bare || key.size() > 32 || !std::ranges::all_of(key, is_token_char))
      out += redacted;
    else
      out.append(key).append("=").append(redacted);
  }
  return out;
}

}  // namespace corohub::http
