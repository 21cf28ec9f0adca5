#include "gateway/session/entrant.hpp"

#include "gateway/session/desk.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace corohub::gateway {
namespace {

hub::Identity identity_of(const users::ServiceKey& key) {
  boost::intrusive_ptr<hub::KeyHolder> holder(new hub::KeyHolder);
  holder->key_id = key.id;
  holder->made_by = key.created_by.value_or(0);
  holder->scopes = key.scopes;
  return hub::Identity::of_key(std::move(holder));
}

hub::Identity identity_of(const flags::ClientKey& key) {
  boost::intrusive_ptr<hub::KeyHolder> holder(new hub::KeyHolder);
  holder->key_id = key.id;
  holder->client_id = key.client_id;
  return hub::Identity::of_key(std::move(holder));
}

// Whether there is anything that a connection with this key may follow. Others are good for requests alone.
bool may_listen(const users::ServiceKey& key) noexcept {
  return std::ranges::any_of(key.scopes, [](std::string_view scope) {
    return scope.starts_with("flags:evaluate") || scope.starts_with("flags:read") ||
           scope.starts_with("config:read");
  });
}

Error no_key() { return Error(ErrorCode::invalid_token, "The key is unknown, revoked or expired."); }

}  // namespace

bool looks_like_key(std::string_view text) noexcept {
  return users::looks_like_service_key(text) || flags::looks_like_client_key(text);
}

Entrant::Entrant(auth::Principal principal)
    : identity_(principal.user_id(), principal.role(), principal.session),
      ends_at_(principal.token_expires_at),
      principal_(std::move(principal)) {}

Entrant::Entrant(const users::ServiceKey& key, std::string text)
    : identity_(identity_of(key)), key_(std::move(text)) {
  if (key.expires_at) ends_at_ = *key.expires_at / 1000;
}

Entrant::Entrant(const flags::ClientKey& key, std::string text)
    : identity_(identity_of(key)), key_(std::move(text)) {}

Result<hub::Roster::Admission> place_for(Reception& reception, const Entrant& entrant,
                                         const boost::asio::ip::address& address, bool exempt) {
  return entrant.identity().is_key() ? reception.admit_nobody(address, exempt)
                                     : reception.admit(entrant.user_id(), address, exempt);
}

Task<Result<Entrant>> find_entrant(const Desk& desk, std::string credential) {
  if (users::looks_like_service_key(credential)) {
    const Result<users::ServiceKeyRef> key = co_await desk.service_keys.get(credential);
    if (!key) co_return key.error();
    if (!may_listen(**key))
      co_return Error(ErrorCode::invalid_token, "The key has no scope for anything to follow.");
    co_return Entrant(**key, std::move(credential));
  }
  if (flags::looks_like_client_key(credential)) {
    const Result<flags::ClientKeyRef> key = co_await desk.client_keys.get(credential);
    if (!key) co_return key.error();
    co_return Entrant(**key, std::move(credential));
  }
  Result<auth::Principal> principal = co_await desk.authenticator.authenticate(credential);
  if (!principal) co_return principal.error();
  co_return Entrant(std::move(*principal));
}

Task<Result<Entrant>> know(const Desk& desk, Entrant entrant) {
  if (!entrant.principal_) co_return co_await find_entrant(desk, std::move(entrant.key_));
  const auth::Principal& known = *entrant.principal_;
  Result<auth::Principal> live = co_await desk.authenticator.resume(known.user_id(), known.session,
                                                                    known.token_expires_at, known.key_id);
  if (!live) co_return live.error();
  co_return Entrant(std::move(*live));
}

Result<Entrant> judge_again(const Desk& desk, const Entrant& entrant) {
  if (entrant.principal_) {
    Result<auth::Principal> live = desk.authenticator.check_again(*entrant.principal_);
    if (!live) return live.error();
    return Entrant(std::move(*live));
  }
  if (entrant.identity_.kind == hub::Identity::Kind::service) {
    const users::ServiceKeyRef key = desk.service_keys.find_in_use(entrant.key_);
    return key ? Result<Entrant>(Entrant(*key, entrant.key_)) : no_key();
  }
  const flags::ClientKeyRef key = desk.client_keys.find_in_use(entrant.key_);
  return key ? Result<Entrant>(Entrant(*key, entrant.key_)) : no_key();
}

}  // namespace corohub::gateway
