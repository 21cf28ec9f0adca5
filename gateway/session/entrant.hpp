// Somebody with a good credential who wants to hear: a user, a client of feature flags with its key, or a
// service with its key. Plain values; what judges them is used on its shard's thread.
#pragma once

#include "auth/principal.hpp"
#include "core/error.hpp"
#include "core/task.hpp"
#include "flags/client_key_cache.hpp"
#include "hub/audience.hpp"
#include "hub/roster.hpp"
#include "users/service_key_cache.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::gateway {

class Reception;
struct Desk;

// A key, by its beginning.
bool looks_like_key(std::string_view text) noexcept;

class Entrant {
 public:
  explicit Entrant(auth::Principal principal);
  // `text` is the key itself: by it each shard judges the entrant again.
  Entrant(const users::ServiceKey& key, std::string text);
  Entrant(const flags::ClientKey& key, std::string text);

  const hub::Identity& identity() const noexcept { return identity_; }
  UserId user_id() const noexcept { return identity_.user_id; }  // 0: no user
  // Seconds since 1970; nothing: a key without an end.
  std::optional<std::int64_t> ends_at() const noexcept { return ends_at_; }

 private:
  friend Task<Result<Entrant>> know(const Desk& desk, Entrant entrant);
  friend Result<Entrant> judge_again(const Desk& desk, const Entrant& entrant);

  hub::Identity identity_;
  std::optional<std::int64_t> ends_at_;
  std::optional<auth::Principal> principal_{};  // of a user
  std::string key_{};                           // otherwise
};

// A place among the connections: of a user, or, with a key, of nobody but the address. See
// Reception::admit().
Result<hub::Roster::Admission> place_for(Reception& reception, const Entrant& entrant,
                                         const boost::asio::ip::address& address, bool exempt);

// Whose token or key this is. invalid_token.
Task<Result<Entrant>> find_entrant(const Desk& desk, std::string credential);
// The same one on the desk's shard, which may not know it yet. invalid_token.
Task<Result<Entrant>> know(const Desk& desk, Entrant entrant);
// As it is now, without suspending. invalid_token, also if the shard knows nothing of it. Call this in the
// turn that registers a connection, soon after one of the others.
Result<Entrant> judge_again(const Desk& desk, const Entrant& entrant);

}  // namespace corohub::gateway
