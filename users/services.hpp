// Everything the routes of this room work with. For this room only; users.hpp is what others see.
#pragma once

#include "users/account_service.hpp"
#include "users/admin_service.hpp"
#include "users/connection_logins.hpp"
#include "users/login_service.hpp"
#include "users/rate_limits.hpp"
#include "users/setup_service.hpp"
#include "users/users.hpp"

namespace corohub::users {

struct Services {
  Services(UsersParts its_parts, UsersSettings its_settings);

  const UsersParts parts;
  const UsersSettings settings;
  const LoginRules rules;
  RateLimits limits;
  AccountService accounts;
  LoginService logins;
  AdminService admin;
  SetupService setup;
  ConnectionLogins connection_logins;
};

}  // namespace corohub::users
