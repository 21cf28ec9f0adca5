// The work of the Housekeeper: rows that are deleted once their time has come.
#pragma once

#include "server/housekeeping.hpp"
#include "server/settings.hpp"

#include <vector>

namespace corohub::server {

// All chores, in the order of a round.
std::vector<Chore> chores(const Settings& settings);

}  // namespace corohub::server
