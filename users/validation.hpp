// What a name, an e-mail address, a password and an age may be, in one place, and the request bodies made of
// them. Pure. Errors: validation_failed and field_not_allowed with every rejected member.
#pragma once

#include "core/json.hpp"
#include "core/secret.hpp"
#include "users/users.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::users {

// Whether the address has one @ between a dot-atom and a host name, in ASCII (RFC 5321 without quoting,
// comments and literals).
bool is_plausible_email(std::string_view email) noexcept;

struct Credentials {
  std::string email;
  Secret password;
};

struct ProfileChange {
  std::optional<std::string> name;
  std::optional<std::string> email;
  bool sets_age = false;
  std::optional<std::int64_t> age;  // with sets_age: null clears it
  Secret current_password;          // empty: not given
};

struct PasswordChange {
  Secret current;
  Secret next;
};

struct TokenAndPassword {
  std::string token;
  Secret password;
};

Result<NewUser> read_registration(const json::object& body);
Result<NewUser> read_new_user(const json::object& body);  // from an administrator: `role` as well
Result<NewUser> checked(const NewUser& user);             // from the command line: as it will be stored
Result<> check_new_password(const Secret& password, const Account& account);  // from the command line
Result<Credentials> read_credentials(const json::object& body);
Result<ProfileChange> read_own_profile_change(const json::object& body);
Result<ProfileChange> read_profile_change(const json::object& body);  // from an administrator
Result<PasswordChange> read_password_change(const json::object& body);
Result<Secret> read_current_password(const json::object& body);  // empty: not given
Result<TokenAndPassword> read_password_reset(const json::object& body);
Result<std::string> read_setup_token(const json::object& body);
Result<std::string> read_refresh_token(const json::object& body);
Result<Role> read_role(const json::object& body);
Result<UserStatus> read_status(const json::object& body);

}  // namespace corohub::users
