// What an access token says (RFC 7519, RFC 9068). No claim is believed before the signature is checked.
#pragma once

#include "core/account.hpp"

#include <cstdint>
#include <string>

namespace corohub::auth {

struct Claims {
  UserId user_id = 0;              // sub, a decimal string
  SessionId session{};             // sid
  std::int64_t token_version = 0;  // tv
  Role role = Role::user;          // role: information only; rights come from the live account
  std::int64_t issued_at = 0;      // iat, seconds
  std::int64_t not_before = 0;     // nbf
  std::int64_t expires_at = 0;     // exp
  std::string id;                  // jti
  std::string key_id;              // kid of the header: the key that verified the token
};

}  // namespace corohub::auth
