// Keys of other services, by which these publish or work with flags: what keys are made of, what they may,
// and where they are kept.
//
// Only the SHA-256 of a key is stored, and a key is looked up by that. The time of such a search tells
// nothing: whoever could steer the hash towards a stored one would have broken SHA-256, and 256 random bits
// need no slow hash.
#pragma once

#include "core/account.hpp"
#include "core/clock.hpp"
#include "hub/audience.hpp"
#include "storage/unit_of_work.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::users {

using ServiceKeyId = std::int64_t;  // positive, never reused

struct ServiceKey {
  ServiceKeyId id = 0;
  std::string name;
  std::vector<std::string> scopes;
  std::optional<UserId> created_by;
  UnixMs created_at = 0;
  std::optional<UnixMs> expires_at;    // null: never
  std::optional<UnixMs> last_used_at;  // to the minute
  bool active = true;                  // not past its end, and its maker is an active admin
};

inline constexpr std::string_view service_key_prefix = "chk_";
inline constexpr std::size_t service_keys_max = 1000;

// "chk_" and 32 random bytes. Shown once, to the administrator who makes the key.
std::string make_service_key();
bool looks_like_service_key(std::string_view text) noexcept;

// "publish" (anything), "publish:user", "publish:role", "publish:all", "publish:topic" (any),
// "publish:topic:<pattern>"; "config:emit"; "flags:read", "flags:write", "flags:evaluate", "flags:ingest" and
// "config:read", in every namespace of flags, or with ":<namespace>" in that one.
bool is_scope(std::string_view text) noexcept;
// Whether the scopes allow to publish in the topic or, if that is empty, to the audience.
bool scopes_allow(const std::vector<std::string>& scopes, std::string_view topic,
                  const hub::Audience& audience) noexcept;

// Whether one of the scopes is `right` ("flags:read") for every namespace, or for this one.
bool scopes_allow(const std::vector<std::string>& scopes, std::string_view right,
                  std::string_view name_space) noexcept;

// ---- storage ----
// Only one that is active.
std::optional<ServiceKey> find_service_key(storage::Snapshot& snapshot, std::string_view key, UnixMs now);
std::optional<ServiceKey> find_service_key(storage::Snapshot& snapshot, ServiceKeyId id, UnixMs now);
std::vector<ServiceKey> list_service_keys(storage::Snapshot& snapshot, UnixMs now);
// The key's scopes now; nothing if the key has been revoked, or is not active any more.
std::optional<std::vector<std::string>> scopes_of(storage::UnitOfWork& work, ServiceKeyId id);
void note_use(storage::UnitOfWork& work, ServiceKeyId id);
// Stores a key; `made` has everything but its id and times. validation_failed: there are too many.
Result<ServiceKey> add_service_key(storage::UnitOfWork& work, std::string_view key, ServiceKey made);
// The revoked key's name; nothing if there is none.
std::optional<std::string> remove_service_key(storage::UnitOfWork& work, ServiceKeyId id);

}  // namespace corohub::users
