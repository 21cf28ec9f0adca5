#include "gateway/wire/upgrade.hpp"

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

Error malformed(std::string detail) { return Error(ErrorCode::invalid_request, std::move(detail)); }

bool is_base64_char(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

// 16 bytes in base64.
bool is_key(std::string_view text) noexcept {
  return text.size() == 24 && text.ends_with("==") && std::ranges::all_of(text.substr(0, 22), is_base64_char);
}

Result<std::string_view> choose_subprotocol(const http::Request& request,
                                            std::span<const std::string_view> known) {
  const auto names = offered_protocols(request);
  if (!names) return malformed("Sec-WebSocket-Protocol is not a list of names.");
  const auto known_name = [&](std::string_view name) { return std::ranges::find(known, name); };
  if (known.empty()) return std::string_view();
  if (names->empty() && known_name("") != known.end()) return std::string_view();
  if (std::ranges::find(*names, known.front()) != names->end()) return known.front();
  const auto chosen =
      std::ranges::find_if(*names, [&](std::string_view name) { return known_name(name) != known.end(); });
  if (chosen != names->end()) return *known_name(*chosen);
  return Error(ErrorCode::unsupported_subprotocol, "Offer one of the subprotocols of this address.");
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

std::string switching_protocols(const Upgrade& upgrade, std::string_view request_id) {
  std::string head =
      "HTTP/1.1 101 Switching Protocols\r\n"
      "Upgrade: websocket\r\n"
      "Connection: Upgrade\r\n"
      "Server: corohub\r\n"
      "Sec-WebSocket-Accept: ";
  head.append(accept_of(upgrade.key)).append("\r\n");
  if (!upgrade.subprotocol.empty())
    head.append("Sec-WebSocket-Protocol: ").append(upgrade.subprotocol).append("\r\n");
  if (!upgrade.extensions.empty())
    head.append("Sec-WebSocket-Extensions: ").append(upgrade.extensions).append("\r\n");
  if (!request_id.empty()) head.append("X-Request-Id: ").append(request_id).append("\r\n");
  return head.append("\r\n");
}

Result<Upgrade> read_upgrade(const http::Request& request, std::span<const std::string_view> known,
                             bool compression) {
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
  const Result<std::string_view> subprotocol = choose_subprotocol(request, known);
  if (!subprotocol) return subprotocol.error();
  Result<std::string> extensions = answer_extensions(request, compression);
  if (!extensions) return extensions.error();
  return Upgrade{std::string(request.header("Sec-WebSocket-Key")), *subprotocol, std::move(*extensions)};
}

}  // namespace corohub::gateway
