// Publishes one volatile entry and resumes the caller, at home, when every shard has applied it.
#pragma once

#include "core/error.hpp"
#include "core/task.hpp"
#include "hub/hub.hpp"

#include <cstdint>

namespace corohub::gateway {

// How many outboxes it reached, or connections it closed. overloaded: a shard had no room for it.
Task<Result<std::uint32_t>> publish_and_wait(hub::Hub& hub, hub::Entry entry);

}  // namespace corohub::gateway
