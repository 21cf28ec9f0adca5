// What the protocol's own conformance tests expect of a server: two namespaces without credentials that send
// back what they are sent. Off unless a setting of diagnostics turns it on.
#pragma once

#include "gateway/socketio/namespaces.hpp"

#include <memory>

namespace corohub::gateway::socketio {

// `/` and `/custom`. Each says `auth` with what CONNECT said, a moment later or before its first answer,
// answers `message` with `message-back` and the same arguments, and acknowledges `message-with-ack` with its
// arguments.
std::unique_ptr<const Fixture> echo_namespaces();

}  // namespace corohub::gateway::socketio
