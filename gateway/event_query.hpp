// What the query of a request says of events: from where, which types, how many. Pure.
#pragma once

#include "core/error.hpp"
#include "core/position.hpp"
#include "http/request.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace corohub::gateway {

inline constexpr std::size_t page_limit_max = 300;
inline constexpr std::size_t page_limit_default = 100;
inline constexpr std::chrono::seconds poll_timeout_max{30};
inline constexpr std::chrono::seconds poll_timeout_default{25};

// ?since=; nothing if there is none. invalid_since: malformed, or given twice.
Result<std::optional<Position>> read_since(const http::Request& request);
// The same for an event stream: a Last-Event-ID that is not empty beats it.
Result<std::optional<Position>> read_stream_since(const http::Request& request);

// ?types=user.*,system.alert; empty: all. invalid_request.
Result<std::vector<std::string>> read_types(const http::Request& request);

// ?limit= and ?timeout=. validation_failed.
Result<std::size_t> read_limit(const http::Request& request);
Result<std::chrono::seconds> read_timeout(const http::Request& request);

}  // namespace corohub::gateway
