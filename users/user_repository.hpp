// The table `users`: SQL only, no rules. `Source` is a storage::UnitOfWork or a storage::Snapshot.
#pragma once

#include "core/account.hpp"
#include "storage/unit_of_work.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::users {

struct UserRow {
  Account account;  // without its logins
  std::string password_hash;
};

// Two addresses with the same key are the same: the address without capitals.
std::string email_key(std::string_view email);

template <class Source>
std::optional<UserRow> find_user(Source& source, UserId id);
template <class Source>
std::optional<UserRow> find_user_by_email(Source& source, std::string_view key);
template <class Source>
bool superadmin_exists(Source& source);

// Stores a new user at the unit's time; id and times are filled in.
void insert_user(storage::UnitOfWork& work, UserRow& user);
// Stores every column that can change, with the unit's time as updated_at.
void save_user(storage::UnitOfWork& work, UserRow& user);
// Stores a hash of the same password with stronger parameters: nobody sees a change.
void save_password_hash(storage::UnitOfWork& work, UserId id, std::string_view hash);
void delete_user(storage::UnitOfWork& work, UserId id);
std::int64_t count_active_superadmins(storage::UnitOfWork& work, UserId except);

}  // namespace corohub::users
