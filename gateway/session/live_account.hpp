// What a unit finds of an account: SQL only, no rules.
#pragma once

#include "core/account.hpp"
#include "storage/unit_of_work.hpp"

#include <optional>

namespace corohub::gateway {

struct LiveAccount {
  Role role;
  UserStatus status;
};

// As the account is in this transaction; nothing: there is no such user.
std::optional<LiveAccount> find_live_account(storage::UnitOfWork& work, UserId user);

}  // namespace corohub::gateway
