// What every change of an account or of its logins ends with, and how logins begin. For use inside units.
#pragma once

#include "core/account.hpp"
#include "core/close_reason.hpp"
#include "storage/unit_of_work.hpp"
#include "users/caller.hpp"

#include <cstdint>
#include <string>

namespace corohub::users {

// How long a login lasts; milliseconds. Copied into units.
struct SessionRules {
  std::int64_t idle = 0;      // without a refresh
  std::int64_t absolute = 0;  // whatever happens
  std::int64_t grace = 0;     // in which a refresh may be repeated
  std::int64_t per_user = 0;  // logins at the same time

  UnixMs used_since(UnixMs now) const noexcept { return now - idle; }
};

// The account with its live logins; null: no such user. `Source` is a UnitOfWork or a Snapshot.
template <class Source>
AccountRef load_account(Source& source, UserId id, UnixMs now, const SessionRules& rules);

// Tells the shards what the account is from here on: they replace what they keep, move its connections to its
// role and close with `ending` those whose login is gone. The last step of a unit, after its events, so that
// a connection that must close gets its own last event first. Returns what it told; null: the user is gone.
AccountRef publish_account(storage::UnitOfWork& work, UserId id, CloseReason ending,
                           const SessionRules& rules);

// One login and the token that keeps it alive. The caller publishes the account afterwards.
struct OpenedSession {
  SessionId id{};
  std::string refresh_token;  // known to nobody else: only its hash is stored
};

// A new login; the user's oldest ends if he has too many.
OpenedSession open_session(storage::UnitOfWork& work, UserId user, const Caller& caller,
                           const SessionRules& rules);

std::string make_refresh_token();
// From now on it keeps this login alive, until the login would end.
void store_refresh_token(storage::UnitOfWork& work, const std::string& text, const SessionId& session,
                         UnixMs session_ends, const SessionRules& rules);
// The two in one.
std::string issue_refresh_token(storage::UnitOfWork& work, const SessionId& session, UnixMs session_ends,
                                const SessionRules& rules);

}  // namespace corohub::users
