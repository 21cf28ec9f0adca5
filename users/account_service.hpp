// What users do with their own accounts: register, log in, change, leave, set a forgotten password. Rules
// only; safe from any shard's thread. Argon2 runs before the unit is submitted, and the unit reads again what
// the decision rests on.
#pragma once

#include "auth/rate_limit.hpp"
#include "users/login_service.hpp"
#include "users/password_check.hpp"
#include "users/validation.hpp"

#include <chrono>
#include <optional>
#include <string>

namespace corohub::users {

// For so long after logging in, the login alone is proof enough for what cannot be taken back.
inline constexpr std::int64_t fresh_login_ms = 10LL * 60 * 1000;

class AccountService {
 public:
  AccountService(const UsersParts& parts, LoginRules rules, auth::Rate logins)
      : parts_(parts), rules_(rules), check_(parts, rules), logins_(logins, parts.clock) {}

  // email_taken. Always a plain user.
  Task<Outcome<Login>> register_user(NewUser user, Caller caller);

  // invalid_credentials, rate_limited. Each login is a row that the audit trail keeps, so an account has only
  // so many; a stranger who does not know the password uses up none of them. `life`: after which the login
  // ends whatever happens, if that is sooner than the settings say.
  Task<Outcome<Login>> login(Credentials credentials, Caller caller,
                             std::optional<std::chrono::milliseconds> life = {});

  // Nothing happens if nothing changes. Another e-mail address needs the current password:
  // validation_failed without it, current_password_wrong with a wrong one.
  Task<Outcome<AccountRef>> change_profile(AccountRef account, SessionId session, ProfileChange change,
                                           Caller caller);

  // The login that asks goes on with new tokens; all others end.
  Task<Outcome<Login>> change_password(AccountRef account, SessionId session, PasswordChange change,
                                       Caller caller);

  // Deletes the account: last_superadmin. A login that is older than fresh_login_ms, however young its tokens
  // are, needs the password: validation_failed without it, current_password_wrong with a wrong one.
  Task<Outcome<storage::Nothing>> leave(AccountRef account, SessionId session, Secret password,
                                        Caller caller);

  // Sets the password by a one-time link of an administrator: all logins end. invalid_grant for a link that
  // is no good.
  Task<Outcome<storage::Nothing>> reset_password(TokenAndPassword reset, Caller caller);

 private:
  std::optional<Error> over_logins(UserId user, const Caller& caller);
  // Adds a row to the audit trail for a wrong password.
  Task<> note_failure(const Error& error, std::string email_key, Caller caller);

  const UsersParts& parts_;
  const LoginRules rules_;
  PasswordCheck check_;
  auth::RateLimiter logins_;  // by account
};

}  // namespace corohub::users
