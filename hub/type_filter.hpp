// Which types of events somebody asked for: "user.*", "system.alert". Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace corohub::hub {

// True when an event type is named by one of the patterns; an empty list names all.
bool matches_types(std::string_view type, const std::vector<std::string>& patterns) noexcept;

}  // namespace corohub::hub
