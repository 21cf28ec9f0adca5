// Errors as application/problem+json: one total switch says what each code looks like over HTTP.
#include "core/random.hpp"
#include "http/response.hpp"

#include <boost/json/serialize.hpp>

namespace corohub::http {
namespace {

struct Kind {
  int status;
  std::string_view title;
  std::string_view word;  // member `error`, which people and old clients look for
};

Kind kind_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_json:
      return {400, "Invalid JSON", "invalid json"};
    case ErrorCode::invalid_request:
      return {400, "Invalid request", "invalid request"};
    case ErrorCode::invalid_since:
      return {400, "Invalid position", "invalid since"};
    case ErrorCode::invalid_topic:
      return {400, "Invalid topic", "invalid topic"};
    case ErrorCode::reserved_type:
      return {422, "Reserved type", "reserved type"};
    case ErrorCode::unauthorized:
      return {401, "Authentication required", "unauthorized"};
    case ErrorCode::invalid_token:
      return {401, "Invalid token", "unauthorized"};
    case ErrorCode::invalid_credentials:
      return {401, "Invalid credentials", "unauthorized"};
    case ErrorCode::invalid_grant:
      return {401, "Invalid grant", "unauthorized"};
    case ErrorCode::forbidden:
      return {403, "Forbidden", "admin access required"};
    case ErrorCode::origin_not_allowed:
      return {403, "Origin not allowed", "origin not allowed"};
    case ErrorCode::setup_closed:
      return {403, "Setup is closed", "setup closed"};
    case ErrorCode::registration_closed:
      return {403, "Registration is closed", "registration closed"};
    case ErrorCode::self_role_change:
      return {403, "Own role can't be changed", "self role change"};
    case ErrorCode::current_password_wrong:
      return {403, "Current password is wrong", "current password wrong"};
    case ErrorCode::not_found:
      return {404, "Not found", "not found"};
    case ErrorCode::method_not_allowed:
      return {405, "Method not allowed", "method not allowed"};
    case ErrorCode::email_taken:
      return {409, "E-mail address is taken", "email taken"};
    case ErrorCode::last_superadmin:
      return {409, "Last superadmin", "last superadmin"};
    case ErrorCode::key_taken:
      return {409, "Key is taken", "key taken"};
    case ErrorCode::in_use:
      return {409, "Still in use", "in use"};
    case ErrorCode::limit_reached:
      return {409, "Limit reached", "limit reached"};
    case ErrorCode::version_mismatch:
      return {412, "Changed meanwhile", "version mismatch"};
    case ErrorCode::precondition_required:
      return {428, "If-Match is needed", "precondition required"};
    case ErrorCode::idempotency_mismatch:
      return {409, "Idempotency key was used for something else", "idempotency mismatch"};
    case ErrorCode::gap:
      return {410, "Events are gone", "gap"};
    case ErrorCode::request_timeout:
      return {408, "Request timed out", "request timeout"};
    case ErrorCode::payload_too_large:
      return {413, "Body too large", "payload too large"};
    case ErrorCode::uri_too_long:
      return {414, "URI too long", "uri too long"};
    case ErrorCode::header_too_large:
      return {431, "Header too large", "header too large"};
    case ErrorCode::expectation_failed:
      return {417, "Expectation failed", "expectation failed"};
    case ErrorCode::unsupported_media_type:
      return {415, "Unsupported media type", "unsupported media type"};
    case ErrorCode::validation_failed:
      return {422, "Validation failed", "validation failed"};
    case ErrorCode::field_not_allowed:
      return {422, "Field not allowed", "field not allowed"};
    case ErrorCode::upgrade_required:
      return {426, "Upgrade required", "upgrade required"};
    case ErrorCode::unsupported_subprotocol:
      return {400, "Unsupported subprotocol", "unsupported subprotocol"};
    case ErrorCode::rate_limited:
      return {429, "Too many requests", "rate limited"};
    case ErrorCode::too_many_connections:
      return {429, "Too many connections", "too many connections"};
    case ErrorCode::overloaded:
      return {503, "Overloaded", "overloaded"};
    case ErrorCode::storage_full:
      return {503, "Storage is full", "storage full"};
    case ErrorCode::storage_unavailable:
      return {503, "Storage is unavailable", "storage unavailable"};
    case ErrorCode::draining:
      return {503, "Shutting down", "draining"};
    case ErrorCode::internal_error:
      return {500, "Internal error", "internal error"};
  }
  return {500, "Internal error", "internal error"};
}

// Adds Retry-After, and for 429 what RateLimit-* can say: without a known limit, one attempt per wait.
void add_retry_headers(Response& response, const Error& error) {
  // Spread, so that clients which were refused together do not come back together.
  const auto seconds = error.retry_after        ? std::max<std::int64_t>(error.retry_after->count(), 1)
                       : response.status == 503 ? 1 + random_below(10)
                                                : 1;
  response.headers.push_back({"Retry-After", std::to_string(seconds)});
  if (response.status != 429) return;
  response.headers.push_back({"RateLimit-Limit", std::to_string(error.limit.value_or(1))});
  response.headers.push_back({"RateLimit-Remaining", "0"});
  response.headers.push_back({"RateLimit-Reset", std::to_string(seconds)});
}

}  // namespace

int status_of(ErrorCode code) noexcept { return kind_of(code).status; }

std::string_view short_words(ErrorCode code) noexcept { return kind_of(code).word; }

Response problem(const Error& error, const Request& request) {
  const Kind kind = kind_of(error.code);
  const std::string_view code = name(error.code);
  const std::string_view path = request.raw_path();

  json::object body;
  body["type"] = "urn:corohub:problem:" + std::string(code);
  body["title"] = kind.title;
  body["status"] = kind.status;
  body["detail"] = error.detail.empty() ? std::string(kind.title) + "." : error.detail;
  body["instance"] = path.empty() ? std::string_view("/") : path;
  body["success"] = false;
  body["code"] = code;
  body["error"] = kind.word;
  body["request_id"] = request.id;
  if (kind.status == 422) {
    json::array errors;
    for (const FieldError& field : error.fields)
      errors.push_back({{"field", field.field}, {"code", field.code}, {"message", field.message}});
    body["errors"] = std::move(errors);
  }

  Response response;
  response.status = kind.status;
  response.content_type = "application/problem+json";
  response.body = json::serialize(body);
  // As they are written: they may be nested deeper than a parser takes.
  if (error.members.size() > std::string_view("{}").size())
    response.body.replace(response.body.size() - 1, 1, "," + error.members.substr(1));
  response.cause = error.cause;
  if (kind.status == 401) {
    const bool bad_token = error.code == ErrorCode::invalid_token;
    response.headers.push_back({"WWW-Authenticate", bad_token ? "Bearer error=\"invalid_token\"" : "Bearer"});
  }
  if (!error.etag.empty()) response.headers.push_back({"ETag", error.etag});
  if (kind.status == 429 || kind.status == 503) add_retry_headers(response, error);
  return response;
}

Response plain_problem(const Error& error, const Request& request) {
  Response response = problem(error, request);
  response.content_type = "text/plain; charset=UTF-8";
  response.body = error.detail.empty() ? std::string(kind_of(error.code).title) + "." : error.detail;
  return response;
}

}  // namespace corohub::http
