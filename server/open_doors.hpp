// What is right on a test rig or behind something else, and seldom otherwise. Pure.
#pragma once

#include "server/settings.hpp"

#include <string_view>
#include <vector>

namespace corohub::server {

struct OpenDoor {
  std::string_view event;  // of the log: a stable name
  std::string_view why;    // one sentence
};

std::vector<OpenDoor> open_doors(const Settings& settings);

}  // namespace corohub::server
