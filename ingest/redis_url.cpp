#include "ingest/redis_url.hpp"

#include "core/encoding.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace corohub::ingest {
namespace {

bool take_prefix(std::string_view& text, std::string_view prefix) noexcept {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool read_user(std::string_view text, RedisUrl& url) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return false;  // a user without a password, or the reverse
  std::optional<std::string> user = percent_decode(text.substr(0, colon));
  std::optional<std::string> password = percent_decode(text.substr(colon + 1));
  if (!user || !password || password->empty()) return false;
  url.user = std::move(*user);
  url.password = Secret(std::move(*password));
  return true;
}

bool is_host(std::string_view text) noexcept {
  return !text.empty() && std::ranges::none_of(text, [](char c) {
    return c <= ' ' || c >= 0x7f || std::string_view("/?#@[]\\").find(c) != std::string_view::npos;
  });
}

bool read_port(std::string_view text, RedisUrl& url) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), url.port);
  return error == std::errc() && end == text.data() + text.size() && url.port != 0;
}

bool read_place(std::string_view text, RedisUrl& url) {
  std::string_view host = text;
  std::string_view rest;
  if (take_prefix(host, "[")) {
    const std::size_t end = std::min(host.find(']'), host.size());
    rest = host.substr(end);
    host = host.substr(0, end);
    if (!take_prefix(rest, "]")) return false;
  } else {
    const std::size_t end = std::min(host.find(':'), host.size());
    rest = host.substr(end);
    host = host.substr(0, end);
  }
  if (!is_host(host)) return false;
  url.host = host;
  return rest.empty() || (take_prefix(rest, ":") && read_port(rest, url));
}

}  // namespace

std::string RedisUrl::place() const {
  const bool brackets = host.find(':') != std::string::npos;
  return (brackets ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::optional<RedisUrl> parse_redis_url(std::string_view text) {
  RedisUrl url;
  url.secure = take_prefix(text, "rediss://");
  if (!url.secure && !take_prefix(text, "redis://")) return std::nullopt;
  if (text.ends_with('/')) text.remove_suffix(1);
  if (const std::size_t at = text.rfind('@'); at != std::string_view::npos) {
    if (!read_user(text.substr(0, at), url)) return std::nullopt;
    text.remove_prefix(at + 1);
  }
  if (!read_place(text, url)) return std::nullopt;
  return url;
}

}  // namespace corohub::ingest
