#include "hub/type_filter.hpp"

#include <algorithm>

namespace corohub::hub {

bool matches_types(std::string_view type, const std::vector<std::string>& patterns) noexcept {
  const auto matches = [type](std::string_view pattern) {
    if (pattern == "*" || pattern == type) return true;
    return pattern.ends_with(".*") && type.starts_with(pattern.substr(0, pattern.size() - 1));
  };
  return patterns.empty() || std::ranges::any_of(patterns, matches);
}

}  // namespace corohub::hub
