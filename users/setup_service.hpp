// The first superadmin: a one-time token, printed at the first start, and what its holder may do with it.
// Safe from any shard's thread.
#pragma once

#include "users/login_service.hpp"
#include "users/validation.hpp"

#include <mutex>
#include <optional>
#include <string>

namespace corohub::users {

class SetupService {
 public:
  SetupService(const UsersParts& parts, LoginRules rules, std::chrono::seconds ttl)
      : parts_(parts), rules_(rules), ttl_(ttl) {}

  // Issues a fresh token, and the old one is dead; nothing once there is a superadmin.
  Task<Result<std::optional<std::string>>> issue();

  // setup_closed for a wrong, used or late token, and for any token once a superadmin exists. Says nothing
  // else.
  Result<> check(const std::string& token);

  // Makes the first superadmin and begins the first login. A token that was good and came to nothing
  // (email_taken, a full disk) may be used again.
  Task<Outcome<Login>> create_superadmin(std::string token, NewUser user, Caller caller);

 private:
  struct Token {
    std::string hash;
    SteadyTime expires;
  };
  std::optional<Token> take(const std::string& token);
  void put_back(Token token);
  bool is_good(const std::string& token) const;  // under the mutex

  const UsersParts& parts_;
  const LoginRules rules_;
  const std::chrono::seconds ttl_;
  std::mutex mutex_;
  std::optional<Token> token_;
};

}  // namespace corohub::users
