#include "flags/edits.hpp"

#include <algorithm>

namespace corohub::flags {

bool Difference::empty() const noexcept {
  if (is_new() || !after || !changes.empty() || !flags.empty() || !platforms.empty() || !packages.empty())
    return false;
  return std::ranges::all_of(environments, [](const auto& entry) {
    const EnvironmentChange& one = entry.second;
    return !one.is_new() && !one.goes() && one.changes.empty() && one.definitions.empty() &&
           one.segments.empty();
  });
}

const FlagIdentity* Difference::flag(std::string_view key) const noexcept {
  if (const auto changed = flags.find(key); changed != flags.end()) return changed->second.after.get();
  const Flag* there = is_new() ? nullptr : before->default_environment().find(key);
  return there == nullptr ? nullptr : there->identity.get();
}

std::size_t Difference::flag_count() const noexcept {
  std::size_t count = is_new() ? 0 : before->default_environment().flags().size();
  for (const auto& [key, change] : flags) {
    if (!change.before) ++count;
    if (!change.after) --count;
  }
  return count;
}

}  // namespace corohub::flags
