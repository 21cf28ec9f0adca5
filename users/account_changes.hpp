// The end of every change of an account or of its logins, and the beginning of a login. For use inside units.
#pragma once

#include "core/account.hpp"
#include "core/close_reason.hpp"
#include "storage/unit_of_work.hpp"
#include "users/caller.hpp"

#include <cstdint>
#include <string>

namespace corohub::users {

// How long a login lasts; milliseconds. Copied into units.
struct LoginRules {
  std::int64_t idle = 0;      // without a refresh
  std::int64_t absolute = 0;  // whatever happens
  std::int64_t grace = 0;     // in which a refresh may be repeated
  std::int64_t per_user = 0;  // logins at the same time

  UnixMs used_since(UnixMs now) const noexcept { return now - idle; }
};

// The account with its live logins; null: no such user. `Source` is a UnitOfWork or a Snapshot.
template <class Source>
AccountRef load_account(Source& source, UserId id, UnixMs now, const LoginRules& rules);

// Tells the shards what the account is from here on: they replace what they keep, move its connections to its
// role and close with `ending` those whose login is gone. This is the last step of a unit, after its events,
// so that a connection that must close gets its own last event first. Returns what the shards are told; null:
// the user is gone.
AccountRef publish_account(storage::UnitOfWork& work, UserId id, CloseReason ending, const LoginRules& rules);

// One login and the token that keeps it alive. Whoever opens it publishes the account afterwards.
struct BegunLogin {
  SessionId id{};
  std::string refresh_token;  // known to nobody else: only its hash is stored
};

// A new login; if the user has too many, the oldest ends.
BegunLogin begin_login(storage::UnitOfWork& work, UserId user, const Caller& caller, const LoginRules& rules);

std::string make_refresh_token();
// From now on this token keeps the login alive, until the login would end.
void store_refresh_token(storage::UnitOfWork& work, const std::string& text, const SessionId& session,
                         UnixMs login_ends, const LoginRules& rules);
// Makes a refresh token and stores it.
std::string issue_refresh_token(storage::UnitOfWork& work, const SessionId& session, UnixMs login_ends,
                                const LoginRules& rules);

}  // namespace corohub::users
