#include "core/error.hpp"

#include <stdexcept>

namespace corohub {

std::string_view name(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_json:
      return "invalid_json";
    case ErrorCode::invalid_request:
      return "invalid_request";
    case ErrorCode::invalid_since:
      return "invalid_since";
    case ErrorCode::invalid_topic:
      return "invalid_topic";
    case ErrorCode::reserved_type:
      return "reserved_type";
    case ErrorCode::unauthorized:
      return "unauthorized";
    case ErrorCode::invalid_token:
      return "invalid_token";
    case ErrorCode::invalid_credentials:
      return "invalid_credentials";
    case ErrorCode::invalid_grant:
      return "invalid_grant";
    case ErrorCode::forbidden:
      return "forbidden";
    case ErrorCode::origin_not_allowed:
      return "origin_not_allowed";
    case ErrorCode::setup_closed:
      return "setup_closed";
    case ErrorCode::registration_closed:
      return "registration_closed";
    case ErrorCode::self_role_change:
      return "self_role_change";
    case ErrorCode::current_password_wrong:
      return "current_password_wrong";
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::method_not_allowed:
      return "method_not_allowed";
    case ErrorCode::email_taken:
      return "email_taken";
    case ErrorCode::last_superadmin:
      return "last_superadmin";
    case ErrorCode::key_taken:
      return "key_taken";
    case ErrorCode::in_use:
      return "in_use";
    case ErrorCode::limit_reached:
      return "limit_reached";
    case ErrorCode::version_mismatch:
      return "version_mismatch";
    case ErrorCode::precondition_required:
      return "precondition_required";
    case ErrorCode::idempotency_mismatch:
      return "idempotency_mismatch";
    case ErrorCode::gap:
      return "gap";
    case ErrorCode::request_timeout:
      return "request_timeout";
    case ErrorCode::payload_too_large:
      return "payload_too_large";
    case ErrorCode::uri_too_long:
      return "uri_too_long";
    case ErrorCode::header_too_large:
      return "header_too_large";
    case ErrorCode::expectation_failed:
      return "expectation_failed";
    case ErrorCode::unsupported_media_type:
      return "unsupported_media_type";
    case ErrorCode::validation_failed:
      return "validation_failed";
    case ErrorCode::field_not_allowed:
      return "field_not_allowed";
    case ErrorCode::upgrade_required:
      return "upgrade_required";
    case ErrorCode::unsupported_subprotocol:
      return "unsupported_subprotocol";
    case ErrorCode::rate_limited:
      return "rate_limited";
    case ErrorCode::too_many_connections:
      return "too_many_connections";
    case ErrorCode::overloaded:
      return "overloaded";
    case ErrorCode::storage_full:
      return "storage_full";
    case ErrorCode::storage_unavailable:
      return "storage_unavailable";
    case ErrorCode::draining:
      return "draining";
    case ErrorCode::internal_error:
      return "internal_error";
  }
  return "internal_error";
}

void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::logic_error("value() of a failed result: " + std::string(name(error.code)) + " " + error.cause);
}

}  // namespace corohub
