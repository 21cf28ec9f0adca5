// Who may do what to whom: pure rules over roles (CONTRACT section 2).
#pragma once

#include "core/account.hpp"
#include "core/error.hpp"

namespace corohub::auth {

inline bool is_admin(Role role) noexcept { return role >= Role::admin; }

// Act on a lower rank; a superadmin also on superadmins.
inline bool may_act_on(Role actor, Role target) noexcept {
  return actor > target || (actor == Role::superadmin && target == Role::superadmin);
}
// Grant at most one's own rank.
inline bool may_grant(Role actor, Role granted) noexcept { return is_admin(actor) && granted <= actor; }

}  // namespace corohub::auth
