// What the query of a request says of events: from where, which types, how many. Pure.
#pragma once

#include "core/error.hpp"
#include "core/position.hpp"
#include "http/request.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway {

inline constexpr std::size_t subscriptions_max = 128;  // topics one connection or request may follow
inline constexpr std::size_t page_limit_max = 300;
inline constexpr std::size_t page_limit_default = 100;
inline constexpr std::chrono::seconds poll_timeout_max{30};
inline constexpr std::chrono::seconds poll_timeout_default{25};

// Which events are asked for, and from where.
struct EventQuery {
  std::optional<Position> since;    // ?since=; nothing if there is none
  std::vector<std::string> types;   // ?types=user.*,system.alert; empty: all
  std::vector<std::string> topics;  // ?topic=rooms/one, once for each; without doubles
};

// "user.*,system.alert": patterns of types. invalid_request.
Result<std::vector<std::string>> read_type_patterns(std::string_view list);

// invalid_since: malformed, or given twice; invalid_request for types and topics.
Result<EventQuery> read_event_query(const http::Request& request);
// The same for an event stream: a Last-Event-ID that is not empty beats ?lastEventId=, and that beats since.
Result<EventQuery> read_stream_query(const http::Request& request);

// ?since= alone. invalid_since.
Result<std::optional<Position>> read_since(const http::Request& request);
// ?limit= and ?timeout=. validation_failed.
Result<std::size_t> read_limit(const http::Request& request);
Result<std::chrono::seconds> read_timeout(const http::Request& request);

}  // namespace corohub::gateway
