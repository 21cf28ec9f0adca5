// The bodies of the routes of clients: members, lengths, what only the server sets. What they name is looked
// for by the unit. Pure. Errors: validation_failed and field_not_allowed with every rejected member.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "flags/client_repository.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

inline constexpr std::size_t client_key_name_bytes_max = 128;
inline constexpr std::string_view client_key_name_characters = ":@";  // beside those of every key
inline constexpr std::size_t client_bytes_max = 4096;                 // attributes and overrides, as JSON
inline constexpr std::size_t attribute_levels_max = 8;                // one object or list inside another
inline constexpr std::size_t overrides_max = 100;                     // of a client; fewer have room
inline constexpr std::size_t reason_max = 500;                        // code points

// By the keys of what it names.
struct OverrideBody {
  std::string flag;
  bool granted = false;
  std::string reason;
  std::optional<UnixMs> expires_at;
};
struct ClientBody {
  std::string key;
  std::string name;
  std::optional<UserId> user_id;
  std::optional<std::string> package;
  std::optional<std::string> platform;
  std::optional<std::string> environment;
  std::string attributes = "{}";
  Client::Status status = Client::Status::active;
  std::vector<OverrideBody> overrides;
};

Result<ClientBody> read_new_client(const json::object& body);
// A whole client in place of this one: what is absent is as in a new one.
Result<ClientBody> read_client(const ShownClient& base, const json::object& body);
Result<ClientBody> patch_client(const ShownClient& base, const json::object& patch);
// What a client says of one flag.
Result<OverrideBody> read_override(std::string flag, const json::object& body);
// Whether attributes and overrides are within client_bytes_max.
bool has_room(const ShownClient& client);

// The text that a new key of a client is called by; it may be empty.
Result<std::string> read_client_key_name(const json::object& body);

}  // namespace corohub::flags
