// What the process does to itself before it serves.
#pragma once

#include <cstddef>

namespace corohub::server {

// umask 077, SIGPIPE ignored, the soft limit of descriptors raised to the hard one, no core dumps or tracing
// by others (the signing keys are in memory). Call first.
void prepare_process();

// The soft limit now in force.
std::size_t descriptor_limit() noexcept;

}  // namespace corohub::server
