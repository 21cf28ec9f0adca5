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
  // 1013: the client does not take what is sent to it. There are six causes:
  // - its outbox is full and its socket takes nothing (hub::Sending::queue);
  // - all outboxes of the process together hold too much, and its backlog is among the worst
  //   (hub::Sending::close_worst);
  // - something waits for it, and it takes less than 1 KiB/s (gateway::SocketTransport);
  // - it asks for more pongs than it reads (gateway::WebSocket);
  // - comments of an event stream pile up (gateway::EventStream);
  // - more echoes wait for it than may (gateway::Echo).
  slow_consumer,
  overloaded,  // 1013
};
inline constexpr std::size_t close_reason_count = static_cast<std::size_t>(CloseReason::overloaded) + 1;

// The machine-readable word that stands in the close frame.
std::string_view name(CloseReason reason) noexcept;

// RFC 6455 section 7.4 status code; 1006 for peer_gone, which is never sent.
std::uint16_t close_code(CloseReason reason) noexcept;

}  // namespace corohub
