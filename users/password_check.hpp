// Whether a password is that of an account: Argon2 behind a back-off that is kept in the database, so that a
// restart does not help whoever guesses.
//
// Failures are counted by account and network, so no stranger can lock a user out: a stranger slows down only
// the own network. Failures of many networks together slow down all networks that are not one of the
// account's logins, each by its region, so whoever has thousands of networks competes with the own ones. An
// attempt that comes with a login is counted by that login alone. An e-mail address that no account has costs
// the same and gets the same answer.
//
// Safe from any shard's thread; never blocks.
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

// After so many failures in a row of one network each further one costs a delay, from 1 s doubling up to 900
// s.
inline constexpr std::int64_t free_failures = 5;
inline constexpr std::int64_t longest_delay_ms = 900'000;
// After so many failures in a row of all networks, networks without a login may only try so often: those of
// one region (/16, /48), and all of them on one account.
inline constexpr std::int64_t crowd_failures = 100;
inline constexpr auth::Rate crowd_tries_of_region{1, std::chrono::seconds(1), 1};
inline constexpr auth::Rate crowd_tries_of_account{5, std::chrono::seconds(1), 5};
inline constexpr std::int64_t forgotten_after_ms = 24LL * 3600 * 1000;  // since the last failure
inline constexpr std::int64_t failing_places_kept = 256;                // per account

// How long the next attempt must wait after so many failures in a row.
std::int64_t delay_after(std::int64_t failures) noexcept;

struct Proof {
  UserRow user;              // as it was when the password was compared: the unit must find the same hash
  FailuresKey failures_key;  // the failures that the unit forgets, now that the password was right
};

class PasswordCheck {
 public:
  PasswordCheck(const UsersParts& parts, LoginRules rules)
      : parts_(parts),
        rules_(rules),
        region_tries_(crowd_tries_of_region, parts.clock),
        account_tries_(crowd_tries_of_account, parts.clock) {}

  // For a caller who has nothing but the password. Errors: invalid_credentials for a wrong one, an unknown or
  // a disabled account; rate_limited while the caller must wait, whatever the password; overloaded. `exempt`
  // callers are neither delayed nor counted.
  Task<Result<Proof>> by_email(std::string email_key, Secret password, const Caller& caller);
  // For a caller with this login: current_password_wrong.
  Task<Result<Proof>> by_login(UserId user, SessionId session, Secret password, const Caller& caller);

 private:
  struct Found {
    std::optional<UserRow> user;
    FailuresKey key;
    LoginFailures here;
    std::string region;  // hash of the account and the region of the caller
    std::optional<LoginFailures>
        everywhere;  // nothing: the account has a login in this network, which so is not one of the crowd

    bool in_crowd() const noexcept { return everywhere && everywhere->count >= crowd_failures; }
  };
  // One attempt that is being hashed.
  class Attempt;

  static std::optional<Error> delayed(const Found& found, UnixMs now);
  // Takes one try of the crowd.
  std::optional<Error> over_crowd_rate(const Found& found);
  Task<Result<Proof>> judge(Found found, Secret password, std::string network, bool exempt, ErrorCode wrong);
  Task<Result<>> remember_failure(FailuresKey key, bool is_known);
  bool begin_attempt(const std::string& key, std::size_t most);
  void end_attempt(const std::string& key) noexcept;

  const UsersParts& parts_;
  const LoginRules rules_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> attempts_;  // by place or region; as many as are being hashed
  auth::RateLimiter region_tries_;
  auth::RateLimiter account_tries_;
};

}  // namespace corohub::users
