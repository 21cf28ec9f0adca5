// What a unit finds of an account: SQL only, no rules.
#pragma once

#include "core/account.hpp"
#include "core/error.hpp"
#include "storage/unit_of_work.hpp"

#include <optional>

namespace corohub::gateway {

struct LiveAccount {
  Role role;
  UserStatus status;
};

// As the account is in this transaction; nothing: there is no such user.
std::optional<LiveAccount> find_live_account(storage::UnitOfWork& work, UserId user);

// The role of an administrator who acts, read again inside the unit, because it may have changed since the
// request was let in. invalid_token: the account is gone or disabled; forbidden.
Result<Role> live_admin(storage::UnitOfWork& work, UserId actor);

}  // namespace corohub::gateway
