// Admins hear of everybody who connects, up to half a second later. A test that does not ask for that by
// `types=` does not want it between the events it expects.
#pragma once

#include <string_view>

namespace corohub::test {

inline bool is_unasked_online_event(std::string_view target, std::string_view text) {
  const bool told =
      text.starts_with(R"({"type":"user.online")") || text.starts_with(R"({"type":"user.offline")");
  return told && target.find("types=") == std::string_view::npos;
}

}  // namespace corohub::test
