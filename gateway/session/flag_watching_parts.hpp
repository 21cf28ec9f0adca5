// What the two halves of FlagWatching share: whoever watches, and what is told.
#pragma once

#include "gateway/session/flag_watching.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway {

// Of an item. Never 0.
inline std::uint64_t hash_of(std::string_view item) noexcept {
  return std::hash<std::string_view>()(item) | 1;
}

inline bool wants(const std::optional<std::vector<std::string>>& keys, std::string_view key) noexcept {
  return !keys || std::ranges::binary_search(*keys, key, std::less<>());
}

// In this turn: where a viewer evaluates.
struct FlagWatching::Place {
  flags::Standing who;
  const flags::EnvironmentRef& environment;
};

// What a session asks for. It stays where it is, for the place looks at the viewer.
struct FlagWatching::Asked {
  flags::Viewer viewer{};
  Key key{};
  flags::Context context{};
  std::optional<Place> place{};
};

}  // namespace corohub::gateway
