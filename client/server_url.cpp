#include "client/server_url.hpp"

#include <algorithm>
#include <charconv>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>

namespace corohub::client {
namespace {

Failure bad(std::string_view text, std::string_view why) {
  return {Failure::Kind::usage,
          "\"" + std::string(text.substr(0, 200)) + "\" is no server's address: " + std::string(why)};
}

bool is_name_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '_';
}

bool is_name(const std::string& text) {
  return !text.empty() && std::ranges::all_of(text, is_name_character);
}

bool is_ipv6(const std::string& text) {
  in6_addr ignored{};
  return ::inet_pton(AF_INET6, text.c_str(), &ignored) == 1;
}

}  // namespace

std::string ServerUrl::authority() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool ServerUrl::loopback() const noexcept {
  if (::strcasecmp(host.c_str(), "localhost") == 0) return true;
  in_addr ipv4{};
  if (::inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return ntohl(ipv4.s_addr) >> 24U == 127;
  in6_addr ipv6{};
  return ::inet_pton(AF_INET6, host.c_str(), &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

Attempt<ServerUrl> parse_server_url(std::string_view text) {
  std::string_view rest = text;
  if (rest.starts_with("https://"))
    return bad(
        text,
        "this client speaks plain http:// only. On this machine no TLS is needed: use "
        "http://localhost:8080; from elsewhere, go through a tunnel (ssh -L 8080:localhost:8080 HOST).");
  if (rest.starts_with("http://")) rest.remove_prefix(7);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('/') != std::string_view::npos) return bad(text, "it ends with the port.");
  if (rest.find('@') != std::string_view::npos) return bad(text, "who you are does not belong into it.");

  ServerUrl url;
  const bool bracketed = rest.starts_with('[');
  const std::size_t host_end = std::min(rest.find(bracketed ? ']' : ':'), rest.size());
  url.host = bracketed ? rest.substr(1, host_end - 1) : rest.substr(0, host_end);
  std::string_view port = rest.substr(std::min(host_end + (bracketed ? 1 : 0), rest.size()));
  const bool closed = !bracketed || host_end < rest.size();
  if (!closed || !(bracketed ? is_ipv6(url.host) : is_name(url.host)))
    return bad(text, "write it as http://HOST:PORT.");
  if (port.empty()) return url;
  if (!port.starts_with(':')) return bad(text, "the port comes after a colon.");
  port.remove_prefix(1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
  if (error != std::errc() || end != port.data() + port.size() || url.port == 0)
    return bad(text, "the port is a number from 1 to 65535.");
  return url;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

}  // namespace corohub::client
