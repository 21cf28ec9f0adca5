#include "client/server_url.hpp"

#include <algorithm>
#include <charconv>

namespace corohub::client {
namespace {

Failure bad(std::string_view text, std::string_view why) {
  return {Failure::Kind::usage,
          "\"" + std::string(text.substr(0, 200)) + "\" is no server's address: " + std::string(why)};
}

bool is_host_character(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         c == '_' || c == ':';
}

}  // namespace

std::string ServerUrl::authority() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

bool ServerUrl::loopback() const noexcept {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
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
  std::string_view port;
  if (rest.starts_with('[')) {
    const std::size_t bracket = rest.find(']');
    if (bracket == std::string_view::npos) return bad(text, "the bracket is not closed.");
    url.host = rest.substr(1, bracket - 1);
    port = rest.substr(bracket + 1);
  } else {
    const std::size_t colon = std::min(rest.find(':'), rest.size());
    url.host = rest.substr(0, colon);
    port = rest.substr(colon);
  }
  if (url.host.empty() || !std::ranges::all_of(url.host, is_host_character))
    return bad(text, "write it as http://HOST:PORT.");
  if (port.empty()) return url;
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
