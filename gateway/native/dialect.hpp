// Our own protocol in a session: JSON messages on a WebSocket, events alone on an event stream. It has no
// state, so all sessions share it. Used on each session's shard.
#pragma once

#include "gateway/session/dialect.hpp"

namespace corohub::gateway::native {

Dialect& dialect();

}  // namespace corohub::gateway::native
