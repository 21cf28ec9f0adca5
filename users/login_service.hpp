// Logins after they have begun: refresh with rotation and reuse detection, logout, the list of one's own.
// Rules only; safe from any shard's thread.
#pragma once

#include "core/secret.hpp"
#include "core/task.hpp"
#include "users/account_changes.hpp"
#include "users/decision.hpp"
#include "users/login_repository.hpp"
#include "users/users.hpp"

#include <string>
#include <vector>

namespace corohub::users {

// What a login hands out.
struct Login {
  AccountRef account;
  SessionId session{};
  std::string refresh_token;
};

// Begins a login in a unit and publishes the account, which is the last of the unit's steps.
Login open_login(storage::UnitOfWork& work, UserId user, const Caller& caller, const LoginRules& rules);

// Ends these logins of a user and writes that into the trail. Without any login it leaves no trace.
void end_logins(storage::UnitOfWork& work, UserId user, const std::vector<SessionId>& sessions,
                CloseReason reason, const Caller& caller, const LoginRules& rules);

class LoginService {
 public:
  LoginService(const UsersParts& parts, LoginRules rules) : parts_(parts), rules_(rules) {}

  // Begins a login without a proof, which the audit trail tells; not_found, forbidden for a disabled account.
  Task<Outcome<Login>> open(UserId user, Caller caller);

  // The login a refresh token belongs to, used or not; invalid_grant if there is none.
  Task<Result<SessionId>> login_of(std::string refresh_token);

  // A login always has one live refresh token. A used one answers invalid_grant and ends the whole login: it
  // was stolen, by whoever comes second. Within the grace two requests may have asked at once, or the answer
  // was lost: there a used token gives the same successor again, and once that successor was used it is
  // refused and nothing else happens.
  Task<Outcome<Login>> refresh(std::string refresh_token, Caller caller);

  // Ends one login of the caller, whose own login is `by`; not_found for any other, invalid_token when `by`
  // has ended.
  Task<Outcome<storage::Nothing>> end(SessionId session, SessionId by, CloseReason reason, Caller caller);
  // Ends all logins of the caller but this one; invalid_token when this one has ended itself.
  Task<Outcome<storage::Nothing>> end_others(SessionId session, Caller caller);
  // Ends the login a refresh token belongs to; an unknown token has nothing left to end.
  Task<Outcome<storage::Nothing>> end_by_token(std::string refresh_token, Caller caller);

  // Ends a login of this user, as by logging out, without an answer: false if there is no room for the
  // change.
  bool end_later(SessionId session, UserId user, Caller caller);

  Task<Result<std::vector<LoginRow>>> list(UserId user);

 private:
  const UsersParts& parts_;
  const LoginRules rules_;
};

}  // namespace corohub::users
