// The changes of an account that several services make, as parts of a unit: row, logins, event and audit row.
// Who may make them is the services' business. Each ends with publish_account.
#pragma once

#include "storage/unit_of_work.hpp"
#include "users/account_changes.hpp"
#include "users/caller.hpp"
#include "users/user_repository.hpp"
#include "users/users.hpp"
#include "users/validation.hpp"

#include <string>
#include <string_view>

namespace corohub::users {

// Adds a row for a new account; email_taken. Does not publish the account, because the first login may
// follow.
Result<UserRow> create_user_row(storage::UnitOfWork& work, const NewUser& user, std::string password_hash,
                                const Caller& caller, std::string_view action);

// Whether the change sets another address; only the owner's password or an administrator may do that.
bool changes_email(const Account& account, const ProfileChange& change);

// Returns the account as it is afterwards; email_taken. A change that changes nothing leaves no trace.
Result<AccountRef> apply_profile_change(storage::UnitOfWork& work, UserRow& user, const ProfileChange& change,
                                        const Caller& caller, const LoginRules& rules);

// Stores another password and ends every login but `kept`; old access tokens are dead. The caller publishes.
void apply_new_password(storage::UnitOfWork& work, UserRow& user, std::string password_hash,
                        const std::optional<SessionId>& kept, const Caller& caller, std::string_view action);

// Deletes the user with all logins and links. `before` is called first, if there is such a function.
void apply_deletion(storage::UnitOfWork& work, const UserRow& user, const Caller& caller,
                    const LoginRules& rules, const DeletionHook& before);

// Whether nobody could administer everything any more without this user.
bool is_last_superadmin(storage::UnitOfWork& work, const Account& account);
Error last_superadmin();

}  // namespace corohub::users
