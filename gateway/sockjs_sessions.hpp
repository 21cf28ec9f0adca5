// What SockJS needs of the gateway for its sessions: who may connect, and sessions that speak a row's
// dialect. Safe from any shard's thread.
#pragma once

#include "gateway/sockjs/routes.hpp"
#include "gateway/state.hpp"

#include <memory>

namespace corohub::gateway {

class Dialect;

// `dialect` makes one for each session. The state outlives the routes' requests.
std::shared_ptr<sockjs::Service> sockjs_sessions(std::shared_ptr<GatewayState> state,
                                                 Dialect& (*dialect)(GatewayState&));

}  // namespace corohub::gateway
