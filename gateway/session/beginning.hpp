// How a session begins, whatever its carrier: where in the log, and judged when it is registered.
#pragma once

#include "core/error.hpp"
#include "core/position.hpp"
#include "core/task.hpp"
#include "gateway/session/event_query.hpp"
#include "gateway/session/session.hpp"

#include <memory>

namespace corohub::gateway {

// What the log has of it, for a session on this desk's shard. `committed` is the log's newest.
Task<Result<Beginning>> look_up(const Desk& desk, Seq committed, EventQuery events);

// A new session, judged in the turn that registers it, so that no change of rights falls in between.
std::shared_ptr<Session> make_session(const Desk& desk, Dialect& dialect, Arrival arrival);

}  // namespace corohub::gateway
