// What somebody asks gateways of APIs to be told: the one check of it, over whatever protocol it comes. Pure.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "flags/cache_events.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace corohub::flags {

struct CacheOrder {
  CacheEvent event;
  std::string source;
  std::optional<UnixMs> time{};  // as it was given; nothing: it was not, or is no time
};

// The members of the payload, or all that gateways are to hear. validation_failed: a type that is none of the
// four, a member that its type needs, one that is unknown or too long.
Result<CacheOrder> read_cache_order(const json::object& body);

// The same of JSON text of a body, or of a text that is one, and as gateways are to read it: always all of
// it. `now` where no time is given.
Result<std::string> read_cache_text(std::string_view data, UnixMs now);

}  // namespace corohub::flags
