// Why a connection of ours ends: one enum for every transport, log line and counter.
#pragma once

#include <cstdint>
#include <string_view>

namespace corohub {

enum class CloseReason : std::uint8_t {
  normal,                // 1000: the client asked
  peer_gone,             // the connection broke; nothing can be sent
  draining,              // 1001
  pong_timeout,          // 1001
  protocol_error,        // 1002
  binary_not_supported,  // 1003
  invalid_utf8,          // 1007 ...
  invalid_payload,       // compressed, but not so that it can be read
  token_expired,         // 1008 ...
  session_revoked,
  logged_out,
  credentials_changed,
  account_deleted,
  account_disabled,
  auth_timeout,
  rate_limited,
  message_timeout,
  kicked,
  message_too_big,  // 1009
  internal_error,   // 1011
  // 1013. The client does not take what it is sent. Either its outbox is full (Shard::queue), or the outboxes
  // of all clients hold too much and this one holds the most (Shard's limit on memory), or its peer takes
  // less than 1 KiB/s (SocketTransport's write deadline), or there is no room for one more pong (WebSocket)
  // or comment (the event stream) among its control bytes, or /ws/echo has too much to send back to it.
  slow_consumer,
  overloaded,  // 1013
};
inline constexpr std::size_t close_reason_count = static_cast<std::size_t>(CloseReason::overloaded) + 1;

// The machine-readable word that stands in the close frame.
std::string_view name(CloseReason reason) noexcept;

// RFC 6455 section 7.4 status code; 1006 for peer_gone, which is never sent.
std::uint16_t close_code(CloseReason reason) noexcept;

}  // namespace corohub
