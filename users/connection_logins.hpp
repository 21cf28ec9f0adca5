// Logins by password that last as long as one connection. Safe from any shard's thread.
#pragma once

#include "auth/password_login.hpp"

#include <string>

namespace corohub::users {

struct Services;  // users/services.hpp

class ConnectionLogins final : public auth::PasswordLogin {
 public:
  explicit ConnectionLogins(Services& services) : services_(services) {}

  // The login lives as long as an access token, so that one whose end was lost with the process is soon gone.
  Task<Result<auth::Principal>> log_in(std::string email, Secret password, Caller caller) override;
  void log_out(const auth::Principal& login) noexcept override;

 private:
  Services& services_;
};

}  // namespace corohub::users
