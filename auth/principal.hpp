// Who asks: an authenticated caller with the live account.
#pragma once

#include "core/account.hpp"

#include <cstdint>
#include <string>

namespace corohub::auth {

struct Principal {
  AccountRef account;  // live at the moment of authentication
  SessionId session{};
  std::int64_t token_expires_at = 0;  // seconds since 1970
  std::string key_id{};  // the key that verified the token; short, so that a copy allocates nothing

  UserId user_id() const noexcept { return account->id; }
  Role role() const noexcept { return account->role; }
};

}  // namespace corohub::auth
