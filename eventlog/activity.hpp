// What the audit trail tells administrators as it grows.
#pragma once

#include <string_view>

namespace corohub::eventlog {

// The type of these events. The answer of a unit does not count whom they reach: they are about what was
// done, and not what was asked for.
inline constexpr std::string_view activity_type = "activity";

}  // namespace corohub::eventlog
