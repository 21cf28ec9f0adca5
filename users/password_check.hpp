// Is this the password of that account: Argon2 behind a back-off that lives in the database, so that a
// restart does not help somebody who guesses. It is counted by account and network, so that no stranger can
// lock anybody out: he only ever slows himself down, and his network. What many networks fail together slows
// all of them down that are not one of the account's logins, each by the region it is of, so that whoever has
// thousands of networks competes with himself; and whoever has a login already is counted by that alone. An
// e-mail address that nobody has costs and answers the same. Safe from any shard's thread; never blocks.
#pragma once

#include "auth/rate_limit.hpp"
#include "core/account.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"
#include "core/task.hpp"
#include "users/account_changes.hpp"
#include "users/caller.hpp"
#include "users/credential_repository.hpp"
#include "users/user_repository.hpp"
#include "users/users.hpp"

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace corohub::users {

// Failures in a row of one network after which each costs a delay, 1 s doubling up to 900 s.
inline constexpr std::int64_t free_failures = 5;
inline constexpr std::int64_t longest_delay_ms = 900'000;
// Failures in a row of all networks after which those that are not known may try so often: those of a region
// (/16, /48), and all of them on one account.
inline constexpr std::int64_t crowd_failures = 100;
inline constexpr auth::Rate crowd_tries_of_region{1, std::chrono::seconds(1), 1};
inline constexpr auth::Rate crowd_tries_of_account{5, std::chrono::seconds(1), 5};
inline constexpr std::int64_t forgotten_after_ms = 24LL * 3600 * 1000;  // since the last failure
inline constexpr std::int64_t failing_places_kept = 256;                // of an account

// How long after so many failures in a row the next attempt must wait.
std::int64_t delay_after(std::int64_t failures) noexcept;

struct Proof {
  UserRow user;              // as it was when the password was compared: the unit must find the same hash
  FailuresKey failures_key;  // what the unit forgets, now that the password was right
};

class PasswordCheck {
 public:
  PasswordCheck(const UsersParts& parts, SessionRules rules)
      : parts_(parts),
        rules_(rules),
        region_tries_(crowd_tries_of_region, parts.clock),
        account_tries_(crowd_tries_of_account, parts.clock) {}

  // By nothing but the password. Errors: invalid_credentials for a wrong one, an unknown or a disabled
  // account; rate_limited while the caller must wait, whatever the password; overloaded. `exempt` callers are
  // neither delayed nor counted.
  Task<Result<Proof>> by_email(std::string email_key, Secret password, const Caller& caller);
  // By somebody with this login; current_password_wrong.
  Task<Result<Proof>> by_session(UserId user, SessionId session, Secret password, const Caller& caller);

 private:
  struct Found {
    std::optional<UserRow> user;
    FailuresKey key;
    LoginFailures here;
    std::string region;                       // of the account and from where it is tried
    std::optional<LoginFailures> everywhere;  // nothing: the place is known, and not one of the crowd

    bool in_crowd() const noexcept { return everywhere && everywhere->count >= crowd_failures; }
  };
  // One attempt that is being hashed.
  class Attempt;

  static std::optional<Error> delayed(const Found& found, UnixMs now);
  // One try of the crowd.
  std::optional<Error> over_crowd_rate(const Found& found);
  Task<Result<Proof>> judge(Found found, Secret password, std::string network, bool exempt, ErrorCode wrong);
  Task<Result<>> remember_failure(FailuresKey key, bool is_known);
  bool begin_attempt(const std::string& key, std::size_t most);
  void end_attempt(const std::string& key) noexcept;

  const UsersParts& parts_;
  const SessionRules rules_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> attempts_;  // by place or region; as many as are being hashed
  auth::RateLimiter region_tries_;
  auth::RateLimiter account_tries_;
};

}  // namespace corohub::users
