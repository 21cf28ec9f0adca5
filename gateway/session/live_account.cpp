#include "gateway/session/live_account.hpp"

namespace corohub::gateway {

std::optional<LiveAccount> find_live_account(storage::UnitOfWork& work, UserId user) {
  storage::Query query = work.query("SELECT role, status FROM users WHERE id = ?");
  query.bind(user);
  if (!query.next()) return std::nullopt;
  return LiveAccount{parse_role(query.text(0)).value_or(Role::user),
                     parse_status(query.text(1)).value_or(UserStatus::disabled)};
}

}  // namespace corohub::gateway
