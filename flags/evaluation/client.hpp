// A client of a namespace: somebody's program or customer that has a package of flags. Immutable, shared by
// every thread; a change makes a new one.
#pragma once

#include "core/account.hpp"
#include "core/clock.hpp"
#include "flags/evaluation/environment.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

// What is said of one flag for one client, whatever its package says.
struct Override {
  std::int64_t flag_id = 0;
  bool granted = false;
  std::string reason{};
  std::optional<UnixMs> expires_at{};  // nothing: never

  bool operator==(const Override&) const = default;
  bool holds(UnixMs now) const noexcept { return !expires_at || *expires_at > now; }
};

struct Client : Entity {
  enum class Status : std::uint8_t { active, disabled };

  std::int64_t namespace_id = 0;
  std::optional<UserId> user_id;    // the user whose client it is
  std::int64_t package_id = 0;      // 0: none
  std::int64_t platform_id = 0;     // 0: none
  std::int64_t environment_id = 0;  // 0: the default one
  std::string attributes = "{}";    // JSON text of an object
  Status status = Status::active;
  std::vector<Override> overrides;  // sorted by flag_id

  bool is_active() const noexcept { return status == Status::active; }
  const Override* override_of(std::int64_t flag_id) const noexcept;  // null: none
};
using ClientRef = std::shared_ptr<const Client>;

std::string_view name(Client::Status status) noexcept;  // "active", "disabled"
std::optional<Client::Status> parse_client_status(std::string_view word) noexcept;

}  // namespace corohub::flags
