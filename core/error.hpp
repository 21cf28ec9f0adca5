// Errors that a caller can answer, as values. What no caller can answer (bugs, start-up, memory) is an
// exception.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/system/result.hpp>

namespace corohub {

// The stable words of the API (docs/API.md). Each way out (problem+json, close code) maps them in one total
// switch.
enum class ErrorCode : std::uint8_t {
  invalid_json,
  invalid_request,
  invalid_since,
  invalid_topic,
  reserved_type,
  unauthorized,
  invalid_token,
  invalid_credentials,
  invalid_grant,
  forbidden,
  origin_not_allowed,
  setup_closed,
  registration_closed,
  self_role_change,
  current_password_wrong,
  not_found,
  method_not_allowed,
  email_taken,
  last_superadmin,
  key_taken,
  in_use,
  limit_reached,
  version_mismatch,
  precondition_required,
  idempotency_mismatch,
  gap,
  request_timeout,
  payload_too_large,
  uri_too_long,
  header_too_large,
  expectation_failed,
  unsupported_media_type,
  validation_failed,
  field_not_allowed,
  upgrade_required,
  unsupported_subprotocol,
  rate_limited,
  too_many_connections,
  overloaded,
  storage_full,
  storage_unavailable,
  draining,
  internal_error,
};
inline constexpr std::size_t error_code_count = static_cast<std::size_t>(ErrorCode::internal_error) + 1;

// The word itself: "invalid_json".
std::string_view name(ErrorCode code) noexcept;

// One rejected member of a request body; `field` is a JSON pointer ("/email").
struct FieldError {
  std::string field;
  std::string code;
  std::string message;
};

// What went wrong, in two parts: what the caller may read and what only the log may.
struct Error {
  explicit Error(ErrorCode error_code = ErrorCode::internal_error, std::string public_detail = {})
      : code(error_code), detail(std::move(public_detail)) {}

  Error&& because(std::string private_cause) && {
    cause = std::move(private_cause);
    return std::move(*this);
  }
  Error&& retry_in(std::chrono::seconds seconds) && {
    retry_after = seconds;
    return std::move(*this);
  }
  // Sets what RateLimit-Limit says of a rate_limited.
  Error&& limited_to(std::uint64_t attempts) && {
    limit = attempts;
    return std::move(*this);
  }
  // Adds what the answer says beside the words of the error: the text of a JSON object.
  Error&& with(std::string its_members, std::string its_etag = {}) && {
    members = std::move(its_members);
    etag = std::move(its_etag);
    return std::move(*this);
  }
  Error&& at(std::string field, std::string word, std::string message) && {
    fields.push_back({std::move(field), std::move(word), std::move(message)});
    return std::move(*this);
  }

  ErrorCode code;
  std::string detail;              // public: a sentence for the caller
  std::string cause;               // private: for the log
  std::string members{};           // public: members of its own, as the text of a JSON object
  std::string etag{};              // public: of what `members` shows
  std::vector<FieldError> fields;  // 422 only
  std::optional<std::chrono::seconds> retry_after;  // 429 and 503
  std::optional<std::uint64_t> limit;               // 429: requests per window, when one is known
};

// Called by boost::system::result when value() is asked of an error, which is a bug: throws.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& where);

template <class T = void>
using Result = boost::system::result<T, Error>;

}  // namespace corohub
