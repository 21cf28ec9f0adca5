#include "gateway/ofrep/caller.hpp"

#include "http/text.hpp"

#include <utility>

namespace corohub::gateway::ofrep {

Result<Credential> credential_of(const http::Request& request) {
  const bool has_key = request.has("x-api-key");
  const std::optional<std::string_view> bearer = request.bearer();
  const bool has_bearer = bearer && !bearer->empty();
  if ((has_key && has_bearer) || request.count("x-api-key") > 1 || request.count("authorization") > 1)
    return Error(ErrorCode::invalid_request, "Give one credential, once.");
  if (!has_key && !bearer) return Credential();
  if (!has_key && !has_bearer)
    return Error(ErrorCode::invalid_token, "Authorization must be a Bearer token.");
  const std::string_view text = has_key ? http::trim_blanks(request.header("x-api-key")) : *bearer;
  const bool is_key = users::looks_like_service_key(text);
  return Credential{is_key ? Credential::Kind::service_key : Credential::Kind::token, text};
}

Caller Caller::of(auth::Principal principal) {
  Caller caller;
  caller.viewer.kind = flags::Viewer::Kind::user;
  caller.viewer.user_id = principal.user_id();
  caller.viewer.role = principal.role();
  caller.principal = std::move(principal);
  return caller;
}

Caller Caller::of(users::ServiceKeyRef key) {
  Caller caller;
  caller.viewer.kind = flags::Viewer::Kind::service;
  caller.viewer.service_key = key->id;
  caller.viewer.scopes = key->scopes;
  caller.key = std::move(key);
  return caller;
}

std::string Caller::text() const {
  if (principal) return "user:" + std::to_string(viewer.user_id) + ":" + principal->session.text();
  if (key) return "service:" + std::to_string(viewer.service_key);
  return "guest";
}

}  // namespace corohub::gateway::ofrep
