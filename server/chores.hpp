// What is deleted in time: the work of the Housekeeper.
#pragma once

#include "server/housekeeping.hpp"
#include "server/settings.hpp"

#include <vector>

namespace corohub::server {

// In the order of a round.
std::vector<Chore> chores(const Settings& settings);

}  // namespace corohub::server
