// A user as every room may see them: the public row, what tokens are judged by, and the live logins.
#pragma once

#include "core/clock.hpp"
#include "core/random.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>

namespace corohub {

using UserId = std::int64_t;  // positive, never reused

enum class Role : std::uint8_t { user = 0, admin = 1, superadmin = 2 };  // in rank order
inline constexpr std::size_t role_count = 3;

std::string_view name(Role role) noexcept;
std::optional<Role> parse_role(std::string_view text) noexcept;

enum class UserStatus : std::uint8_t { active, disabled };

std::string_view name(UserStatus status) noexcept;
std::optional<UserStatus> parse_status(std::string_view text) noexcept;

// Immutable once shared between threads: a change makes a new one.
struct Account {
  UserId id = 0;
  std::string name;
  std::string email;
  std::optional<std::int64_t> age;
  Role role = Role::user;
  UserStatus status = UserStatus::active;
  UnixMs created_at = 0;
  UnixMs updated_at = 0;
  std::int64_t token_version = 0;   // claim `tv`: an access token with another value is dead
  std::vector<SessionId> sessions;  // live logins; at most 20

  bool has_session(const SessionId& id) const noexcept;
};

using AccountRef = std::shared_ptr<const Account>;

// The user object of the API, as GET /api/v1/users/me answers it.
boost::json::object to_json(const Account& account);
// The same object, as text.
void append_json(std::string& out, const Account& account);

}  // namespace corohub
