#include "users/connection_logins.hpp"

#include "core/log.hpp"
#include "users/route_support.hpp"
#include "users/services.hpp"

#include <exception>
#include <utility>

namespace corohub::users {
namespace {

// As of the body of POST /auth/login. What could be no address or no password is a wrong one.
Result<Credentials> credentials_of(const std::string& email, const Secret& password) {
  json::object body;
  body["email"] = email;
  body["password"] = password.reveal();
  Result<Credentials> credentials = read_credentials(body);
  if (credentials) return credentials;
  return Error(ErrorCode::invalid_credentials, "The e-mail address or the password is wrong.");
}

}  // namespace

Task<Result<auth::Principal>> ConnectionLogins::log_in(std::string email, Secret password, Caller caller) {
  if (const std::optional<Error> refusal = services_.limits.password_attempt(caller.address, caller.exempt))
    co_return *refusal;
  Result<Credentials> credentials = credentials_of(email, password);
  if (!credentials) co_return credentials.error();
  const auth::Tokens& tokens = services_.parts.tokens;
  const Outcome<Login> login = co_await services_.accounts.login(std::move(*credentials), caller_of(caller),
                                                                 tokens.settings().access_ttl);
  if (!login && is_failed_proof(login.error())) co_return login.error();
  services_.limits.give_back_password_attempt(caller.address, caller.exempt);
  if (!login) co_return login.error();
  const AccountRef& account = login->value.account;
  // A token nobody sees says until when the login is good, and which key's removal ends it.
  const Result<auth::Claims> claims = tokens.verify(tokens.issue(*account, login->value.session));
  if (!claims) co_return claims.error();
  co_return auth::Principal{account, login->value.session, claims->expires_at, claims->key_id};
}

void ConnectionLogins::log_out(const auth::Principal& login) noexcept {
  try {
    if (!services_.logins.end_later(login.session, login.user_id(), {}))
      log::debug("login.not_ended", {{"user_id", login.user_id()}});
  } catch (const std::exception&) {
    // It ends by itself, like that of a process that was killed.
  }
}

}  // namespace corohub::users
