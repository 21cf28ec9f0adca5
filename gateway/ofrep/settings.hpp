// What can be set of the evaluation over HTTP. Plain values.
#pragma once

#include "auth/rate_limit.hpp"

#include <chrono>
#include <cstdint>

namespace corohub::gateway::ofrep {

struct Settings {
  auth::Rate requests{50, std::chrono::seconds(1), 50};  // of a user, or of an address of guests
  auth::Rate service_requests{20'000, std::chrono::seconds(1), 20'000};  // of a service's key
  std::chrono::seconds stream_token_ttl{3600};
  std::uint32_t refetches_per_second = 10'000;  // of the process, asked of a crowd; 0: of all at once
};

}  // namespace corohub::gateway::ofrep
