// What an upgrade request must look like (RFC 6455 section 4.2.1), and which credential it carries. Pure.
#pragma once

#include "core/error.hpp"
#include "gateway/session/event_query.hpp"
#include "http/request.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway {

struct Handshake {
  std::string key;           // Sec-WebSocket-Key
  bool subprotocol = false;  // corohub.v1 was offered
  std::string extensions{};  // what is agreed on; empty: nothing
  EventQuery events;
};

// upgrade_required, or invalid_request, unsupported_subprotocol, invalid_since. `compression`:
// permessage-deflate may be agreed on.
Result<Handshake> read_handshake(const http::Request& request, bool compression = false);

// The 101 for it, up to the empty line; an empty id is left out.
std::string switching_protocols(const Handshake& handshake, std::string_view request_id);

struct Credential {
  enum class Kind : std::uint8_t { token, ticket } kind = Kind::token;
  std::string text;
};

// Exactly one of ?token= (if `query_token`), Authorization, ?ticket= and subprotocol bearer.<token>; cookies
// never count, and Authorization of another scheme only when it is alone (a site's Basic authentication
// stands beside ours). unauthorized: none; invalid_request: several; invalid_token: no Bearer.
Result<Credential> read_credential(const http::Request& request, bool query_token);

}  // namespace corohub::gateway
