// The changes of an account that several services make, as parts of a unit: row, logins, event and audit row.
// Who may make them is the services' business. Each ends with publish_account.
#pragma once

#include "storage/unit_of_work.hpp"
#include "users/account_changes.hpp"
#include "users/caller.hpp"
#include "users/user_repository.hpp"
#include "users/validation.hpp"

#include <string>
#include <string_view>

namespace corohub::users {

// A row for somebody new; email_taken. Without publish_account: his first login may follow.
Result<UserRow> create_user_row(storage::UnitOfWork& work, const NewUser& user, std::string password_hash,
                                const Caller& caller, std::string_view action);

// True if the address would be another one; only its owner's password or an administrator may do that.
bool changes_email(const Account& account, const ProfileChange& change);

// The account as it is afterwards; email_taken. What changes nothing leaves no trace.
Result<AccountRef> apply_profile_change(storage::UnitOfWork& work, UserRow& user, const ProfileChange& change,
                                        const Caller& caller, const SessionRules& rules);

// Stores another password and ends every login but `kept`; old access tokens die. The caller publishes.
void apply_new_password(storage::UnitOfWork& work, UserRow& user, std::string password_hash,
                        const std::optional<SessionId>& kept, const Caller& caller, std::string_view action);

// The user, his logins and his links are gone.
void apply_deletion(storage::UnitOfWork& work, const UserRow& user, const Caller& caller,
                    const SessionRules& rules);

// True if nobody could administer everything any more without this user.
bool is_last_superadmin(storage::UnitOfWork& work, const Account& account);
Error last_superadmin();

}  // namespace corohub::users
