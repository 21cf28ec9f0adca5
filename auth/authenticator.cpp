#include "auth/authenticator.hpp"

#include <optional>

namespace corohub::auth {
namespace {

Error refuse(const char* cause) {
  return Error(ErrorCode::invalid_token, "The access token is not valid or has expired.").because(cause);
}

// What is wrong with this login of this account; nothing: the login lives.
std::optional<Error> judge(const AccountRef& account, const SessionId& session) {
  if (!account) return refuse("no such user");
  if (account->status != UserStatus::active) return refuse("account is not active");
  if (!account->has_session(session)) return refuse("login has ended");
  return std::nullopt;
}

}  // namespace

Task<Result<Principal>> Authenticator::authenticate(std::string_view token) {
  const Result<Claims> claims = tokens_.verify(token);
  if (!claims) co_return claims.error();

  AccountRef account = accounts_.find(claims->user_id);
  if (!account) {
    Result<AccountRef> read = co_await accounts_.get(claims->user_id);
    if (!read) co_return read.error();
    account = std::move(*read);
  }
  if (std::optional<Error> complaint = judge(account, claims->session)) co_return std::move(*complaint);
  if (account->token_version != claims->token_version) co_return refuse("token version is outdated");
  co_return Principal{std::move(account), claims->session, claims->expires_at, claims->key_id};
}

std::optional<Result<Principal>> Authenticator::authenticate_now(std::string_view token, KnownToken& known) {
  const Result<const Claims*> verified = tokens_.verify(token, known);
  if (!verified) return verified.error();
  const Claims& claims = **verified;
  AccountRef account = accounts_.find(claims.user_id);
  if (!account) return std::nullopt;
  if (std::optional<Error> complaint = judge(account, claims.session)) return std::move(*complaint);
  if (account->token_version != claims.token_version) return refuse("token version is outdated");
  return Principal{std::move(account), claims.session, claims.expires_at, claims.key_id};
}

Task<Result<Principal>> Authenticator::resume(UserId user, SessionId session, std::int64_t expires_at,
                                              std::string key_id) {
  const Result<AccountRef> account = co_await accounts_.get(user);
  if (!account) co_return account.error();
  if (std::optional<Error> complaint = judge(*account, session)) co_return std::move(*complaint);
  if (is_over(expires_at)) co_return refuse("expired");
  if (!tokens_.is_in_use(key_id)) co_return refuse("key is gone");
  Principal principal{*account, session, expires_at, std::move(key_id)};
  co_return principal;
}

Result<Principal> Authenticator::check_again(const Principal& principal) {
  AccountRef account = accounts_.find(principal.user_id());
  if (std::optional<Error> complaint = judge(account, principal.session)) return std::move(*complaint);
  if (account->token_version != principal.account->token_version) return refuse("token version is outdated");
  if (is_over(principal.token_expires_at)) return refuse("expired");
  if (!tokens_.is_in_use(principal.key_id)) return refuse("key is gone");
  return Principal{std::move(account), principal.session, principal.token_expires_at, principal.key_id};
}

bool Authenticator::is_over(std::int64_t expires_at) const noexcept {
  return clock_.unix_ms() / 1000 >= expires_at;
}

}  // namespace corohub::auth
