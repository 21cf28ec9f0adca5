// A socket moves to the shard where the session lives that it belongs to.
#pragma once

#include "core/task.hpp"

#include <functional>

namespace corohub::gateway {

// Gives the socket to `arrive` on the home's thread, non-blocking as it was; nothing of it may be under way.
// Throws for memory, and for a socket that is broken; it is closed then, and also when the home stops before
// it arrives. What `arrive` throws is logged, and nobody else's concern.
void rehome(Socket socket, asio::io_context& home, std::function<void(Socket)> arrive);

}  // namespace corohub::gateway
