#include "gateway/session/live_account.hpp"

#include "auth/policy.hpp"

namespace corohub::gateway {

std::optional<LiveAccount> find_live_account(storage::UnitOfWork& work, UserId user) {
  storage::Query query = work.query("SELECT role, status FROM users WHERE id = ?");
  query.bind(user);
  if (!query.next()) return std::nullopt;
  return LiveAccount{parse_role(query.text(0)).value_or(Role::user),
                     parse_status(query.text(1)).value_or(UserStatus::disabled)};
}

Result<Role> live_admin(storage::UnitOfWork& work, UserId actor) {
  const std::optional<LiveAccount> account = find_live_account(work, actor);
  if (!account || account->status != UserStatus::active)
    return Error(ErrorCode::invalid_token, "The account is gone or disabled.");
  if (!auth::is_admin(account->role)) return Error(ErrorCode::forbidden, "Only for administrators.");
  return account->role;
}

}  // namespace corohub::gateway
