// A place in the event log: `<epoch>:<seq>`.
#pragma once

#include "core/error.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace corohub {

using Seq = std::int64_t;  // durable events count from 1; 0 stands before the first

struct Position {
  std::string epoch;  // [A-Za-z0-9_-]{1,64}; empty: the caller named none and means ours
  Seq seq = 0;

  std::string text() const { return epoch + ":" + std::to_string(seq); }
};

// `<epoch>:<seq>` or `<seq>`; anything else is invalid_since.
Result<Position> parse_position(std::string_view text);

}  // namespace corohub
