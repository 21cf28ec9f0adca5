// Who an event is for, and who a connection is: the two halves of routing. Plain values.
#pragma once

#include "core/account.hpp"

#include <cstdint>

namespace corohub::hub {

// Whose connection it is, as far as routing asks. There is no default identity: without a principal there is
// no role.
struct Identity {
  constexpr Identity(UserId user, Role its_role, const SessionId& login = {}) noexcept
      : user_id(user), role(its_role), session(login) {}
  // Somebody without a credential: in no audience, so that it hears only the topics it may follow.
  static constexpr Identity guest() noexcept {
    Identity identity(0, Role::user);
    identity.is_guest = true;
    return identity;
  }

  UserId user_id;  // 0: a principal that is no user
  Role role;       // of a guest without meaning
  bool is_guest = false;
  SessionId session;
};

constexpr std::uint8_t role_bit(Role role) noexcept {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(role));
}

// A union of groups. A connection that belongs to several of them gets the event once.
struct Audience {
  static constexpr std::uint8_t admin_bits = role_bit(Role::admin) | role_bit(Role::superadmin);
  static constexpr std::uint8_t everyone_bits = role_bit(Role::user) | admin_bits;

  std::uint8_t roles = 0;  // a bit per role whose connections get it
  UserId user_id = 0;      // and all connections of this user; 0: none

  static constexpr Audience everyone() noexcept { return {everyone_bits, 0}; }
  static constexpr Audience admins() noexcept { return {admin_bits, 0}; }  // admin and superadmin
  static constexpr Audience exactly(Role role) noexcept { return {role_bit(role), 0}; }
  static constexpr Audience user(UserId id) noexcept { return {0, id}; }
  static constexpr Audience user_and_admins(UserId id) noexcept { return {admin_bits, id}; }
  static constexpr Audience one_connection() noexcept { return {0, 0}; }  // queued by hand; routed to nobody

  bool includes(const Identity& who) const noexcept {
    return !who.is_guest && ((roles & role_bit(who.role)) != 0 || (user_id != 0 && user_id == who.user_id));
  }
  bool operator==(const Audience&) const = default;
};

}  // namespace corohub::hub
