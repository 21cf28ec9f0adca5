// Socket.IO on /socket.io/: who may connect, and the namespaces that are served. Safe from any shard's
// thread.
#pragma once

#include "gateway/engineio/routes.hpp"
#include "gateway/socketio/namespaces.hpp"
#include "gateway/state.hpp"

#include <memory>

namespace corohub::gateway {

// The namespaces of this server. The state outlives them.
std::unique_ptr<socketio::Namespaces> socketio_namespaces(GatewayState& state);

// The state, which has the namespaces, outlives the routes' requests.
std::shared_ptr<engineio::Service> socketio_connections(std::shared_ptr<GatewayState> state);

}  // namespace corohub::gateway
