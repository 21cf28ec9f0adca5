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
  if (users::looks_like_service_key(text)) return Credential{Credential::Kind::service_key, text};
  if (flags::looks_like_client_key(text)) return Credential{Credential::Kind::client_key, text};
  return Credential{Credential::Kind::token, text};
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
  caller.key = std::move(key);
  caller.viewer = caller.service();
  return caller;
}

Caller Caller::of(flags::ClientKeyRef key) {
  Caller caller;
  caller.viewer.kind = flags::Viewer::Kind::client;
  caller.viewer.client_id = key->client_id;
  caller.client_key = std::move(key);
  return caller;
}

flags::Viewer Caller::service() const noexcept {
  return {.kind = flags::Viewer::Kind::service, .service_key = key->id, .scopes = key->scopes};
}

void Caller::ask_for(std::int64_t client_id) noexcept {
  viewer = {.kind = flags::Viewer::Kind::client, .client_id = client_id};
}

std::string Caller::text() const {
  if (principal) return "user:" + std::to_string(viewer.user_id) + ":" + principal->session.text();
  const std::string client = "client:" + std::to_string(viewer.client_id);
  if (client_key) return client + ":" + std::to_string(client_key->id);
  if (!key) return "guest";
  const std::string service = "service:" + std::to_string(key->id);
  return viewer.client_id != 0 ? service + ":" + client : service;
}

hub::Identity Caller::identity() const {
  if (principal) return {viewer.user_id, viewer.role, principal->session};
  if (!key && !client_key) return hub::Identity::guest();
  boost::intrusive_ptr<hub::KeyHolder> holder(new hub::KeyHolder());
  holder->key_id = client_key ? client_key->id : key->id;
  if (client_key) holder->client_id = client_key->client_id;
  if (key) holder->scopes = key->scopes;
  return hub::Identity::of_key(std::move(holder));
}

}  // namespace corohub::gateway::ofrep
