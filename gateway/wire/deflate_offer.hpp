// The negotiation of permessage-deflate (RFC 7692 section 7.1, RFC 6455 section 9.1). Pure.
#pragma once

#include "core/error.hpp"
#include "http/request.hpp"

#include <string>

namespace corohub::gateway {

// What the 101 says as Sec-WebSocket-Extensions; empty: nothing is agreed, the connection goes on without.
// Accepts the first offer that can be kept: messages without context in both directions, a window of 2^11 for
// ours and, of a client that lets us ask for it, at most that for its own. Not acceptable is an offer that
// wants a smaller window of ours, or has a parameter twice, an unknown one, or one with an impossible value.
// invalid_request: the header is no list of extensions. That is judged without `compression`, too.
Result<std::string> answer_extensions(const http::Request& request, bool compression);

}  // namespace corohub::gateway
