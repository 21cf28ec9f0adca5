// Who an event is for, and who a connection is: the two halves of routing. Plain values.
#pragma once

#include "core/account.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

namespace corohub::hub {

// With whose key a connection was opened. Immutable.
struct KeyHolder : boost::intrusive_ref_counter<KeyHolder, boost::thread_safe_counter> {
  std::int64_t key_id = 0;
  std::int64_t client_id = 0;       // a client of feature flags; 0: a service
  UserId made_by = 0;               // of a service; 0: nobody knows
  std::vector<std::string> scopes;  // of a service: see users::scopes_allow
};
using KeyHolderRef = boost::intrusive_ptr<const KeyHolder>;

// Whose connection it is, as far as routing asks. There is no default identity: without a principal there is
// no role.
struct Identity {
  enum class Kind : std::uint8_t {
    user,
    guest,    // without a credential
    client,   // of feature flags, with its key
    service,  // with its key
  };

  Identity(UserId user, Role its_role, const SessionId& login = {}) noexcept
      : user_id(user), role(its_role), session(login) {}
  // Only users are in audiences; others hear the topics they may follow, and what is judged for them.
  static Identity guest() noexcept {
    Identity identity(0, Role::user);
    identity.kind = Kind::guest;
    return identity;
  }
  static Identity of_key(KeyHolderRef holder) noexcept {
    Identity identity(0, Role::user);
    identity.kind = holder->client_id != 0 ? Kind::client : Kind::service;
    identity.key = std::move(holder);
    return identity;
  }

  bool is_user() const noexcept { return kind == Kind::user; }
  bool is_guest() const noexcept { return kind == Kind::guest; }
  bool is_key() const noexcept { return key != nullptr; }
  // Whether events without a topic may be for it.
  bool has_audience() const noexcept { return kind == Kind::user || kind == Kind::client; }

  UserId user_id;  // 0: a principal that is no user
  Role role;       // of others than users without meaning: they count as role user
  Kind kind = Kind::user;
  // A user who has asked to hear what clients of feature flags hear together, whether it is one or not.
  bool is_among_clients = false;
  SessionId session;
  KeyHolderRef key;  // of a client and a service
};

constexpr std::uint8_t role_bit(Role role) noexcept {
  return static_cast<std::uint8_t>(1U << static_cast<unsigned>(role));
}

// A union of groups. A connection that belongs to several of them gets the event once.
struct Audience {
  // Beside the roles: and whomever the shard's judge finds the event is for, by what its attributes say.
  static constexpr std::uint8_t judged_bit = 1U << 7;
  static constexpr std::uint8_t admin_bits = role_bit(Role::admin) | role_bit(Role::superadmin);
  static constexpr std::uint8_t everyone_bits = role_bit(Role::user) | admin_bits;

  std::uint8_t roles = 0;  // a bit per role whose connections get it
  UserId user_id = 0;      // and all connections of this user; 0: none

  static constexpr Audience everyone() noexcept { return {everyone_bits, 0}; }
  static constexpr Audience admins() noexcept { return {admin_bits, 0}; }  // admin and superadmin
  static constexpr Audience exactly(Role role) noexcept { return {role_bit(role), 0}; }
  // Clients of feature flags, and users who are one: those whom the attributes name.
  static constexpr Audience clients() noexcept { return {judged_bit, 0}; }
  static constexpr Audience admins_and_clients() noexcept { return {admin_bits | judged_bit, 0}; }
  static constexpr Audience user(UserId id) noexcept { return {0, id}; }
  static constexpr Audience user_and_admins(UserId id) noexcept { return {admin_bits, id}; }
  static constexpr Audience one_connection() noexcept { return {0, 0}; }  // queued by hand; routed to nobody

  bool is_judged() const noexcept { return (roles & judged_bit) != 0; }
  // Without what is judged.
  bool includes(const Identity& who) const noexcept {
    return who.is_user() && ((roles & role_bit(who.role)) != 0 || (user_id != 0 && user_id == who.user_id));
  }
  bool operator==(const Audience&) const = default;
};

}  // namespace corohub::hub
