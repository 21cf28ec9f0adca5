// Who may do what to whom: pure rules over roles (docs/API.md).
#pragma once

#include "core/account.hpp"
#include "core/error.hpp"

namespace corohub::auth {

inline bool is_admin(Role role) noexcept { return role >= Role::admin; }

// Whether the actor may act on an account with this role: a lower one; a superadmin also on superadmins.
inline bool may_act_on(Role actor, Role target) noexcept {
  return actor > target || (actor == Role::superadmin && target == Role::superadmin);
}
// Whether the actor may grant this role: at most the own one.
inline bool may_grant(Role actor, Role granted) noexcept { return is_admin(actor) && granted <= actor; }

}  // namespace corohub::auth
