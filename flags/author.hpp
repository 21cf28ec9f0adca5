// Who changes flags, by which right, and how the trail and the events name it. Plain values.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "storage/unit_of_work.hpp"
#include "users/caller.hpp"
#include "users/service_keys.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::flags {

// Where a change comes from; `redis` and `http` are messages that tell of a change made elsewhere.
enum class Source : std::uint8_t { api, schedule, import, copy, redis, http };
std::string_view name(Source source) noexcept;

struct Author {
  users::Caller caller;                              // user_id null: a key, or the command line
  std::optional<users::ServiceKeyId> service_key{};  // of a service
  Source source = Source::api;
  std::string comment{};                // for the audit row
  std::optional<UnixMs> occurred_at{};  // when it was changed elsewhere, if a message says so
};

enum class Right : std::uint8_t {
  read,         // by flags:read or flags:write
  write,        // by flags:write
  ingest,       // by flags:ingest
  read_routes,  // of gateways: as read, and by config:read
  emit,         // to gateways, by config:emit
};

// Whether the author may do it now, as the unit sees the account or the key: administrators, the command
// line, and keys with such a scope for every namespace or for this one. Errors: invalid_token, forbidden.
Result<> check_right(storage::UnitOfWork& work, const Author& author, Right right,
                     std::string_view name_space);

// The same of a key's scopes.
bool scopes_manage(const std::vector<std::string>& scopes, Right right, std::string_view name_space) noexcept;
// Whether they allow it in some namespace.
bool scopes_manage_somewhere(const std::vector<std::string>& scopes, Right right) noexcept;

}  // namespace corohub::flags
