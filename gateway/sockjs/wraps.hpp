// How messages of a protocol become bytes of SockJS. Each Wrap has an address of its own, the same as long as
// the process lives. Pure; safe from any thread.
#pragma once

#include "gateway/wire/transport.hpp"

namespace corohub::gateway::sockjs {

// A WebSocket message a["…"]: one text frame, or an unfinished one with what the first part says and a final
// continuation.
const Wrap& socket_wrap();

// The message as a JSON string, and nothing around it: carriers over HTTP make an array of all that waits
// when they send. A first part has the opening quote, a last part the closing one.
const Wrap& item_wrap();

}  // namespace corohub::gateway::sockjs
