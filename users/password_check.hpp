// Is this the password of that account: Argon2 behind a back-off per account that lives in the database, so
// that neither many addresses nor a restart help somebody who guesses. An e-mail address that nobody has
// costs and answers the same. Safe from any shard's thread; never blocks.
#pragma once

#include "core/account.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"
#include "core/task.hpp"
#include "users/credential_repository.hpp"
#include "users/user_repository.hpp"
#include "users/users.hpp"

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace corohub::users {

// Failures in a row after which each costs a delay, 1 s doubling up to 900 s; and after which only a reset or
// an administrator helps.
inline constexpr std::int64_t free_failures = 5;
inline constexpr std::int64_t final_failures = 100;
inline constexpr std::int64_t forgotten_after_ms = 24LL * 3600 * 1000;  // since the last failure
inline constexpr std::int64_t longest_delay_ms = 900'000;

// How long after so many failures in a row the next attempt must wait.
std::int64_t delay_after(std::int64_t failures) noexcept;

struct Proof {
  UserRow user;              // as it was when the password was compared: the unit must find the same hash
  std::string failures_key;  // of the row that the unit forgets, now that the password was right
};

class PasswordCheck {
 public:
  explicit PasswordCheck(const UsersParts& parts) : parts_(parts) {}

  // Errors: `wrong` for a wrong password, an unknown or a disabled account; rate_limited while the account
  // must wait, whatever the password; overloaded. `exempt` callers are neither delayed nor counted.
  Task<Result<Proof>> by_email(std::string email_key, Secret password, bool exempt, ErrorCode wrong);
  Task<Result<Proof>> by_id(UserId user, Secret password, bool exempt, ErrorCode wrong);

 private:
  struct Found {
    std::optional<UserRow> user;
    std::string key;
    LoginFailures failures;
  };
  // One attempt that is being hashed.
  class Attempt;

  Task<Result<Proof>> judge(Found found, Secret password, bool exempt, ErrorCode wrong);
  Task<Result<>> remember_failure(std::string key);
  bool begin_attempt(const Found& found);
  void end_attempt(const std::string& key) noexcept;

  const UsersParts& parts_;
  std::mutex mutex_;
  std::unordered_map<std::string, std::size_t> attempts_;  // by failures_key; as many as are being hashed
};

}  // namespace corohub::users
