// A login by e-mail address and password for one connection, for protocols that carry them in their first
// message. The rules of accounts implement it; whoever serves such a protocol is given it. Safe from any
// shard's thread.
#pragma once

#include "auth/principal.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"
#include "core/task.hpp"

#include <string>

#include <boost/asio/ip/address.hpp>

namespace corohub::auth {

class PasswordLogin {
 public:
  // Who asks, for the limits, the audit trail and the list of logins.
  struct Caller {
    boost::asio::ip::address address;
    std::string user_agent;  // cut, printable; may be empty
    bool exempt = false;     // from limits of rate
  };

  virtual ~PasswordLogin() = default;
  // A new login under the limits of POST /auth/login: invalid_credentials, rate_limited, overloaded and what
  // the storage says. The principal's token_expires_at is the end of an access token made now.
  virtual Task<Result<Principal>> log_in(std::string email, Secret password, Caller caller) = 0;
  // Ends that login, because its connection has ended. Does not wait; a login it cannot end expires soon.
  virtual void log_out(const Principal& login) noexcept = 0;
};

}  // namespace corohub::auth
