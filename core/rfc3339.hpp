// Times as others write them. rfc3339(), in core/clock.hpp, is how we do. Pure.
#pragma once

#include "core/clock.hpp"

#include <optional>
#include <string_view>

namespace corohub {

// Any date-time of RFC 3339, section 5.6, in whatever zone, to the millisecond; nothing for any other text.
std::optional<UnixMs> parse_rfc3339(std::string_view text) noexcept;

}  // namespace corohub
