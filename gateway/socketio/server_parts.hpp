// What the namespaces for administrators and for clients work with beside a seat's desk. Safe from any
// shard's thread; it outlives them.
#pragma once

#include "auth/rate_limit.hpp"
#include "gateway/session/session.hpp"
#include "hub/hub.hpp"
#include "storage/writer.hpp"

#include <atomic>

namespace corohub::gateway::socketio {

struct ServerParts {
  hub::Hub& hub;
  storage::Writer& writer;
  auth::RateLimiter& broadcasts;  // by administrator, however they are sent
  auth::RateLimiter& reports;     // of clients' figures, by whoever reports over all its connections
  const std::atomic<bool>& draining;
};

// What the server says of itself goes to this session, too, as to everybody who is told how it is.
void follow_server_status(Session& session);

}  // namespace corohub::gateway::socketio
