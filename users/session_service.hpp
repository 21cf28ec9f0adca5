// Logins after they have begun: refresh with rotation and reuse detection, logout, the list of one's own.
// Rules only; safe from any shard's thread.
#pragma once

#include "core/secret.hpp"
#include "core/task.hpp"
#include "users/account_changes.hpp"
#include "users/decision.hpp"
#include "users/session_repository.hpp"
#include "users/users.hpp"

#include <string>
#include <vector>

namespace corohub::users {

// What a login hands out: CONTRACT section 2, "login's data".
struct Login {
  AccountRef account;
  SessionId session{};
  std::string refresh_token;
};

// A new login in a unit, and the last of its steps: it publishes the account.
Login open_login(storage::UnitOfWork& work, UserId user, const Caller& caller, const SessionRules& rules);

// Ends these logins of a user and says so in the trail. Without any it leaves no trace.
void end_sessions(storage::UnitOfWork& work, UserId user, const std::vector<SessionId>& sessions,
                  CloseReason reason, const Caller& caller, const SessionRules& rules);

class SessionService {
 public:
  SessionService(const UsersParts& parts, SessionRules rules) : parts_(parts), rules_(rules) {}

  // A new login without a proof, which the audit trail tells; not_found, forbidden for a disabled account.
  Task<Outcome<Login>> open(UserId user, Caller caller);

  // The login a refresh token belongs to, used or not; invalid_grant if there is none.
  Task<Result<SessionId>> session_of(std::string refresh_token);

  // One live refresh token per login, always. A used one answers invalid_grant and ends the whole login: it
  // was stolen, by whoever comes second. Not so within the grace, where two may have asked at once, or the
  // answer was lost: then it gives the same successor again, and once that is used it is refused and nothing
  // else.
  Task<Outcome<Login>> refresh(std::string refresh_token, Caller caller);

  // Ends one login of the caller, who is here by the login `by`; not_found for any other, invalid_token when
  // `by` has ended.
  Task<Outcome<storage::Nothing>> end(SessionId session, SessionId by, CloseReason reason, Caller caller);
  // Ends all logins of the caller but this one; invalid_token when it has ended itself.
  Task<Outcome<storage::Nothing>> end_others(SessionId session, Caller caller);
  // Ends the login a refresh token belongs to; an unknown token has nothing left to end.
  Task<Outcome<storage::Nothing>> end_by_token(std::string refresh_token, Caller caller);

  // Ends a login of this user, as by logging out, without an answer: false if there is no room for the
  // change.
  bool end_later(SessionId session, UserId user, Caller caller);

  Task<Result<std::vector<SessionRow>>> list(UserId user);

 private:
  const UsersParts& parts_;
  const SessionRules rules_;
};

}  // namespace corohub::users
