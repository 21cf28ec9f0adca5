// From a bearer token to a principal, on one shard: signature, claims, then the live account and login.
// Used on the shard's thread only.
#pragma once

#include "auth/account_cache.hpp"
#include "auth/principal.hpp"
#include "auth/token.hpp"

#include <optional>

namespace corohub::auth {

class Authenticator {
 public:
  Authenticator(const Tokens& tokens, AccountCache& accounts, const Clock& clock)
      : tokens_(tokens), accounts_(accounts), clock_(clock) {}

  // invalid_token for anything but a live login (the caller answers for a request without a token); storage
  // errors as they are. Does not suspend when the account is cached.
  Task<Result<Principal>> authenticate(std::string_view token);

  // The same for the next request of a connection; nothing when the account would have to be read first, so
  // that authenticate() has to be asked. The account and its login are judged each time, whatever is known of
  // the token.
  std::optional<Result<Principal>> authenticate_now(std::string_view token, KnownToken& known);

  // The same for a login that was proved in another way (a ticket).
  Task<Result<Principal>> resume(UserId user, SessionId session, std::int64_t expires_at, std::string key_id);

  // Judges a principal again, now, without suspending. invalid_token if the cache says that the key of the
  // token, the login, the token version or the account is gone, and also if the cache knows nothing: the
  // account may have been deleted. Call this in the turn that registers a connection, soon after
  // authenticate().
  Result<Principal> check_again(const Principal& principal);

  AccountCache& accounts() noexcept { return accounts_; }

 private:
  bool is_over(std::int64_t expires_at) const noexcept;

  const Tokens& tokens_;
  AccountCache& accounts_;
  const Clock& clock_;
};

}  // namespace corohub::auth
