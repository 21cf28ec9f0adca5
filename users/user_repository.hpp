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
  Account account;  // without its sessions
  std::string password_hash;
};

// By what two e-mail addresses are the same: no capitals.
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
// The same password under stronger parameters: no change anybody sees.
void save_password_hash(storage::UnitOfWork& work, UserId id, std::string_view hash);
void delete_user(storage::UnitOfWork& work, UserId id);
std::int64_t count_active_superadmins(storage::UnitOfWork& work, UserId except);

}  // namespace corohub::users
