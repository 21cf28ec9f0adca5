// What proves in a STOMP frame who the client is. Pure.
#pragma once

#include "gateway/session/credential.hpp"
#include "gateway/stomp/body.hpp"
#include "gateway/stomp/frame.hpp"

#include <optional>

namespace corohub::gateway::stomp {

// The header `authorization` (Bearer), however its letters are written; and in a CONNECT `login` and
// `passcode`, where the passcode may be a token itself. Nothing: the frame has none. invalid_token: no
// Bearer; invalid_request: several.
std::optional<Understood<Credential>> read_credential(const ClientFrame& frame);

}  // namespace corohub::gateway::stomp
