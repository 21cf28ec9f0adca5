#include "gateway/handshake.hpp"

#include "gateway/wire/deflate_offer.hpp"
#include "http/text.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include <openssl/evp.h>
#include <openssl/sha.h>

namespace corohub::gateway {
namespace {

constexpr std::string_view protocol_name = "corohub.v1";
constexpr std::string_view bearer_prefix = "bearer.";

Error malformed(std::string detail) { return Error(ErrorCode::invalid_request, std::move(detail)); }

bool is_base64_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

// 16 bytes in base64.
bool is_key(std::string_view text) noexcept {
  return text.size() == 24 && text.ends_with("==") && std::ranges::all_of(text.substr(0, 22), is_base64_char);
}

// Nothing if a name is no token, or if there is a header without names.
std::optional<std::vector<std::string_view>> offered_protocols(const http::Request& request) {
  std::vector<std::string_view> names;
  for (const http::Header header : request.headers) {
    if (!http::same_word(header.name, "Sec-WebSocket-Protocol")) continue;
    std::string_view rest = header.value;
    do {
      const std::string_view name = http::trim_blanks(http::cut(rest, ','));
      if (name.empty() || !std::ranges::all_of(name, http::is_token_char)) return std::nullopt;
      names.push_back(name);
    } while (!rest.empty());
  }
  return names;
}

Result<bool> wants_subprotocol(const http::Request& request) {
  const auto names = offered_protocols(request);
  if (!names) return malformed("Sec-WebSocket-Protocol is not a list of names.");
  if (names->empty()) return false;
  if (std::ranges::find(*names, protocol_name) != names->end()) return true;
  return Error(ErrorCode::unsupported_subprotocol, "Offer corohub.v1, or no subprotocol.");
}

// RFC 6455 section 4.2.2, 5.4.
std::string accept_of(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> hash;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash.data());
  std::array<unsigned char, 29> base64;  // of 20 bytes, and a NUL
  const int size = EVP_EncodeBlock(base64.data(), hash.data(), SHA_DIGEST_LENGTH);
  return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(size)};
}

}  // namespace

std::string switching_protocols(const Handshake& handshake, std::string_view request_id) {
  std::string head =
      "HTTP/1.1 101 Switching Protocols\r\n"
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n"
      "Server: corohub\r\n"
      "Sec-WebSocket-Accept: ";
  head.append(accept_of(handshake.key)).append("\r\n");
  if (handshake.subprotocol) head.append("Sec-WebSocket-Protocol: ").append(protocol_name).append("\r\n");
  if (!handshake.extensions.empty())
    head.append("Sec-WebSocket-Extensions: ").append(handshake.extensions).append("\r\n");
  if (!request_id.empty()) head.append("X-Request-Id: ").append(request_id).append("\r\n");
  return head.append("\r\n");
}

Result<Handshake> read_handshake(const http::Request& request, bool compression) {
  if (request.method != http::Method::get || !request.has_token("Upgrade", "websocket"))
    return Error(ErrorCode::upgrade_required, "This address speaks WebSocket.");
  if (request.count("Sec-WebSocket-Version") != 1 || request.header("Sec-WebSocket-Version") != "13")
    return Error(ErrorCode::upgrade_required, "The only WebSocket version here is 13.");
  if (!request.http11) return malformed("A WebSocket needs HTTP/1.1.");
  if (!request.has_token("Connection", "Upgrade")) return malformed("Connection must name Upgrade.");
  if (request.count("Sec-WebSocket-Key") != 1 || !is_key(request.header("Sec-WebSocket-Key")))
    return malformed("Sec-WebSocket-Key must be 16 bytes in base64, once.");
  if (!request.body.empty()) return malformed("An upgrade has no body.");
  if (request.count("Origin") > 1) return malformed("Origin is given twice.");
  const Result<bool> subprotocol = wants_subprotocol(request);
  if (!subprotocol) return subprotocol.error();
  Result<std::string> extensions = answer_extensions(request, compression);
  if (!extensions) return extensions.error();
  Result<EventQuery> events = read_event_query(request);
  if (!events) return events.error();
  return Handshake{std::string(request.header("Sec-WebSocket-Key")), *subprotocol, std::move(*extensions),
                   std::move(*events)};
}

Result<Credential> read_credential(const http::Request& request, bool query_token) {
  std::vector<Credential> found;
  bool foreign_scheme = false;  // Authorization is there, and not ours: a site's Basic authentication
  if (request.count("Authorization") > 1) return malformed("Authorization stands there twice.");
  for (const auto& [key, value] : request.query) {
    if (key == "token" && query_token) found.push_back({Credential::Kind::token, value});
    if (key == "ticket") found.push_back({Credential::Kind::ticket, value});
  }
  if (std::string_view value = request.header("Authorization"); request.has("Authorization")) {
    foreign_scheme = !http::same_word(http::cut(value, ' '), "bearer");
    if (!foreign_scheme) found.push_back({Credential::Kind::token, std::string(http::trim_blanks(value))});
  }
  for (const std::string_view name : offered_protocols(request).value_or(std::vector<std::string_view>()))
    if (name.starts_with(bearer_prefix))
      found.push_back({Credential::Kind::token, std::string(name.substr(bearer_prefix.size()))});

  if (found.size() > 1) return malformed("Give one credential, once.");
  if (!found.empty()) return std::move(found.front());
  if (foreign_scheme) return Error(ErrorCode::invalid_token, "Authorization must be a Bearer token.");
  return Error(ErrorCode::unauthorized, "This needs an access token or a ticket.");
}

}  // namespace corohub::gateway
