// The carriers' own Wraps. Each of them has an address of its own, the same as long as the process lives.
// Pure; safe from any thread.
#pragma once

#include "gateway/wire/transport.hpp"

namespace corohub::gateway {

// A WebSocket message (RFC 6455, section 5.4), unmasked: one frame; or a first frame without FIN and a final
// continuation, so that neither needs to know how long the other is.
const Wrap& websocket_text();
// The same bytes, on a connection that agreed on permessage-deflate (RFC 7692). It compresses nothing: what a
// front end shares among many is for its Form to compress.
const Wrap& websocket_deflate();
// A piece of a body with Transfer-Encoding: chunked (RFC 9112, section 7.1); two for a joined message.
const Wrap& http_chunk();
// The text as it is: a body that ends with its connection.
const Wrap& bare();

}  // namespace corohub::gateway
