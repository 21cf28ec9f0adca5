// Keys of clients: what they are made of, and where they are kept. Such a key may be shipped in a program: it
// opens no more than what its client may evaluate and hear.
//
// Only the SHA-256 of a key is stored, as of the keys of services, and for the same reason.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "storage/unit_of_work.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

using ClientKeyId = std::int64_t;  // positive, never reused

struct ClientKey {
  ClientKeyId id = 0;
  std::int64_t client_id = 0;
  std::string name;
  UnixMs created_at = 0;
};

inline constexpr std::string_view client_key_prefix = "chc_";
inline constexpr std::size_t client_keys_max = 20;  // of a client

// "chc_" and 32 random bytes. Shown once, to whoever makes the key.
std::string make_client_key();
bool looks_like_client_key(std::string_view text) noexcept;

// ---- storage ----
std::optional<ClientKey> find_client_key(storage::Snapshot& snapshot, std::string_view key);
std::optional<ClientKey> find_client_key(storage::Snapshot& snapshot, ClientKeyId id);
std::vector<ClientKey> list_client_keys(storage::Snapshot& snapshot, std::int64_t client_id);
// Stores a key, whose id and time it sets. limit_reached.
Result<ClientKey> add_client_key(storage::UnitOfWork& work, std::string_view key, ClientKey made);
// The revoked key; nothing if the client has no such key.
std::optional<ClientKey> remove_client_key(storage::UnitOfWork& work, std::int64_t client_id, ClientKeyId id);

}  // namespace corohub::flags
