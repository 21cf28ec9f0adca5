#include "core/close_reason.hpp"

namespace corohub {

std::string_view name(CloseReason reason) noexcept {
  switch (reason) {
    case CloseReason::normal:
      return "normal";
    case CloseReason::peer_gone:
      return "peer_gone";
    case CloseReason::draining:
      return "draining";
    case CloseReason::pong_timeout:
      return "pong_timeout";
    case CloseReason::protocol_error:
      return "protocol_error";
    case CloseReason::binary_not_supported:
      return "binary_not_supported";
    case CloseReason::invalid_utf8:
      return "invalid_utf8";
    case CloseReason::invalid_payload:
      return "invalid_payload";
    case CloseReason::token_expired:
      return "token_expired";
    case CloseReason::session_revoked:
      return "session_revoked";
    case CloseReason::logged_out:
      return "logged_out";
    case CloseReason::credentials_changed:
      return "credentials_changed";
    case CloseReason::account_deleted:
      return "account_deleted";
    case CloseReason::account_disabled:
      return "account_disabled";
    case CloseReason::auth_timeout:
      return "auth_timeout";
    case CloseReason::rate_limited:
      return "rate_limited";
    case CloseReason::message_timeout:
      return "message_timeout";
    case CloseReason::kicked:
      return "kicked";
    case CloseReason::message_too_big:
      return "message_too_big";
    case CloseReason::internal_error:
      return "internal_error";
    case CloseReason::slow_consumer:
      return "slow_consumer";
    case CloseReason::overloaded:
      return "overloaded";
  }
  return "internal_error";
}

std::uint16_t close_code(CloseReason reason) noexcept {
  switch (reason) {
    case CloseReason::normal:
      return 1000;
    case CloseReason::peer_gone:
      return 1006;
    case CloseReason::draining:
    case CloseReason::pong_timeout:
      return 1001;
    case CloseReason::protocol_error:
      return 1002;
    case CloseReason::binary_not_supported:
      return 1003;
    case CloseReason::invalid_utf8:
    case CloseReason::invalid_payload:
      return 1007;
    case CloseReason::token_expired:
    case CloseReason::session_revoked:
    case CloseReason::logged_out:
    case CloseReason::credentials_changed:
    case CloseReason::account_deleted:
    case CloseReason::account_disabled:
    case CloseReason::auth_timeout:
    case CloseReason::rate_limited:
    case CloseReason::message_timeout:
    case CloseReason::kicked:
      return 1008;
    case CloseReason::message_too_big:
      return 1009;
    case CloseReason::internal_error:
      return 1011;
    case CloseReason::slow_consumer:
    case CloseReason::overloaded:
      return 1013;
  }
  return 1011;
}

}  // namespace corohub
