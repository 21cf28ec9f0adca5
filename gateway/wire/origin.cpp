#include "gateway/wire/origin.hpp"

#include "http/text.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace corohub::gateway {
namespace {

struct Authority {
  std::string_view host;  // with brackets if it is an IPv6 address
  std::string_view port;  // empty: the scheme's own
};

bool is_port(std::string_view text) noexcept {
  return !text.empty() && text.size() <= 5 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_host_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_';
}

bool is_address_char(char c) noexcept {
  return (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || (c >= '0' && c <= '9') || c == ':' || c == '.';
}

std::optional<Authority> parse_authority(std::string_view text) noexcept {
  const bool bracketed = text.starts_with('[');
  const std::size_t host_end = bracketed ? text.find(']') : text.find(':');
  if (bracketed && host_end == std::string_view::npos) return std::nullopt;
  Authority authority;
  authority.host = text.substr(0, bracketed ? host_end + 1 : host_end);
  std::string_view rest = text.substr(authority.host.size());
  if (!rest.empty()) {
    if (rest.front() != ':' || !is_port(rest.substr(1))) return std::nullopt;
    authority.port = rest.substr(1);
  }
  const std::string_view inner = bracketed ? text.substr(1, host_end - 1) : authority.host;
  if (inner.empty() || !std::ranges::all_of(inner, bracketed ? is_address_char : is_host_char))
    return std::nullopt;
  return authority;
}

std::string_view default_port(std::string_view scheme) noexcept {
  return http::same_word(scheme, "https") || http::same_word(scheme, "wss") ? "443" : "80";
}

bool is_scheme_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '-' ||
         c == '.';
}

bool is_loopback_name(std::string_view host) noexcept {
  return http::same_word(host, "localhost") || host == "127.0.0.1" || host == "[::1]";
}

}  // namespace

bool origin_allowed(std::string_view origin, std::string_view host, const OriginRules& rules,
                    bool local) noexcept {
  const auto is_listed = [&](std::string_view entry) {
    return std::ranges::any_of(rules.allowed,
                               [&](const std::string& allowed) { return http::same_word(allowed, entry); });
  };
  if (is_listed(origin)) return origin != "*";
  if (origin == "null") return false;

  const std::size_t scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos || scheme_end == 0) return false;
  const std::string_view scheme = origin.substr(0, scheme_end);
  const std::optional<Authority> page = parse_authority(origin.substr(scheme_end + 3));
  if (!page || !std::ranges::all_of(scheme, is_scheme_char)) return false;
  if (is_listed("*")) return true;

  const bool web = http::same_word(scheme, "http") || http::same_word(scheme, "https");
  if (rules.loopback_only && local && web && is_loopback_name(page->host)) return true;

  const std::optional<Authority> ours = parse_authority(host);
  if (!ours || !http::same_word(page->host, ours->host)) return false;
  // Behind a proxy with TLS nobody knows which port the Host's missing one stands for: the page's own.
  const auto port_of = [&](const Authority& authority) {
    return authority.port.empty() ? default_port(scheme) : authority.port;
  };
  return port_of(*page) == port_of(*ours);
}

}  // namespace corohub::gateway
