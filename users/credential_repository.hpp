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

// Where consecutive failures to prove a password are counted. Both parts are hashes, so an address that no
// account has behaves like one that an account has, and no stranger's addresses are stored.
struct FailuresKey {
  std::string account;  // hash of the e-mail key
  std::string place;    // hash of the account and the place of the caller; empty: all places together
};
FailuresKey failures_key(std::string_view email_key, std::string_view place);

struct LoginFailures {
  std::int64_t count = 0;
  UnixMs retry_at = 0;
};

template <class Source>
LoginFailures find_login_failures(Source& source, const FailuresKey& key);
// At most so many places of the account are kept, the latest.
void save_login_failures(storage::UnitOfWork& work, const FailuresKey& key, const LoginFailures& failures,
                         std::int64_t places_kept);
// Forgets the failures of this place and those of all places together.
void forget_login_failures(storage::UnitOfWork& work, const FailuresKey& key);
// Forgets all failures of an account.
void delete_login_failures(storage::UnitOfWork& work, std::string_view email_key);
// Forgets at most `limit` rows that were not touched since then; returns how many there were.
std::int64_t trim_login_failures(storage::UnitOfWork& work, UnixMs untouched_since, std::int64_t limit);

struct PasswordReset {
  UserId user_id = 0;
  std::optional<UserId> made_by{};  // null: the command line
  UnixMs expires_at = 0;
  bool used = false;
};

void insert_password_reset(storage::UnitOfWork& work, std::string_view hash, const PasswordReset& reset);
template <class Source>
std::optional<PasswordReset> find_password_reset(Source& source, std::string_view hash);
void use_password_reset(storage::UnitOfWork& work, std::string_view hash);
// Deletes the user's unused links, and the late links of all users.
void delete_password_resets(storage::UnitOfWork& work, UserId user);
// Deletes late links of all users, at most so many; returns how many there were.
std::int64_t delete_late_password_resets(storage::UnitOfWork& work, std::int64_t limit);

}  // namespace corohub::users
