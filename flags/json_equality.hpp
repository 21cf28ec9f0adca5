// Whether two texts are the same JSON. Pure.
#pragma once

#include "core/json.hpp"

#include <string>

namespace corohub::flags {

// Members in another order are the same. Both texts are JSON.
inline bool are_equal_as_json(const std::string& one, const std::string& other) {
  if (one == other) return true;
  const auto parse = [](const std::string& text) {
    return parse_json(text, {.depth = 128, .members = text.size()}).value();
  };
  return parse(one) == parse(other);
}

}  // namespace corohub::flags
