#include "core/account.hpp"

#include "core/json.hpp"

#include <algorithm>

namespace corohub {

std::string_view name(Role role) noexcept {
  switch (role) {
    case Role::user:
      return "user";
    case Role::admin:
      return "admin";
    case Role::superadmin:
      return "superadmin";
  }
  return "user";
}

std::optional<Role> parse_role(std::string_view text) noexcept {
  for (const Role role : {Role::user, Role::admin, Role::superadmin})
    if (text == name(role)) return role;
  return std::nullopt;
}

std::string_view name(UserStatus status) noexcept {
  return status == UserStatus::active ? "active" : "disabled";
}

std::optional<UserStatus> parse_status(std::string_view text) noexcept {
  if (text == "active") return UserStatus::active;
  if (text == "disabled") return UserStatus::disabled;
  return std::nullopt;
}

bool Account::has_session(const SessionId& session) const noexcept {
  return std::ranges::find(sessions, session) != sessions.end();
}

boost::json::object to_json(const Account& account) {
  boost::json::object out;
  out["id"] = account.id;
  out["name"] = account.name;
  out["email"] = account.email;
  if (account.age)
    out["age"] = *account.age;
  else
    out["age"] = nullptr;
  out["role"] = name(account.role);
  out["status"] = name(account.status);
  out["created_at"] = rfc3339(account.created_at);
  out["updated_at"] = rfc3339(account.updated_at);
  return out;
}

void append_json(std::string& out, const Account& account) {
  out.append("{\"id\":").append(std::to_string(account.id)).append(",\"name\":");
  append_json(out, account.name);
  out += ",\"email\":";
  append_json(out, account.email);
  out.append(",\"age\":").append(account.age ? std::to_string(*account.age) : "null");
  out.append(",\"role\":\"").append(name(account.role));
  out.append("\",\"status\":\"").append(name(account.status));
  out += "\",\"created_at\":\"";
  append_rfc3339(out, account.created_at);
  out += "\",\"updated_at\":\"";
  append_rfc3339(out, account.updated_at);
  out += "\"}";
}

}  // namespace corohub
