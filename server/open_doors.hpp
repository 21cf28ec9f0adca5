// Settings that are right on a test rig or behind another server, and seldom otherwise: the log warns of
// them. Pure.
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
