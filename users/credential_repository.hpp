// The tables `login_failures` and `password_resets`: SQL only, no rules. `Source` is a storage::UnitOfWork or
// a storage::Snapshot.
#pragma once

#include "core/account.hpp"
#include "storage/unit_of_work.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::users {

// Consecutive failures to prove a password. Kept by a hash of the e-mail key, so that an address nobody has
// behaves like one that somebody has, and no stranger's addresses are stored.
struct LoginFailures {
  std::int64_t count = 0;
  UnixMs retry_at = 0;
};

std::string failures_key(std::string_view email_key);
template <class Source>
LoginFailures find_login_failures(Source& source, std::string_view key);
void save_login_failures(storage::UnitOfWork& work, std::string_view key, const LoginFailures& failures);
void delete_login_failures(storage::UnitOfWork& work, std::string_view key);
// Forgets at most `limit` rows that were not touched since then, but none with `final_count` failures; how
// many there were.
std::int64_t trim_login_failures(storage::UnitOfWork& work, UnixMs untouched_since, std::int64_t final_count,
                                 std::int64_t limit);

struct PasswordReset {
  UserId user_id = 0;
  UnixMs expires_at = 0;
  bool used = false;
};

void insert_password_reset(storage::UnitOfWork& work, std::string_view hash, UserId user, UnixMs expires_at);
template <class Source>
std::optional<PasswordReset> find_password_reset(Source& source, std::string_view hash);
void use_password_reset(storage::UnitOfWork& work, std::string_view hash);
// The user's links that were not used, and everybody's that are late.
void delete_password_resets(storage::UnitOfWork& work, UserId user);
// Everybody's that are late, at most so many; how many there were.
std::int64_t delete_late_password_resets(storage::UnitOfWork& work, std::int64_t limit);

}  // namespace corohub::users
