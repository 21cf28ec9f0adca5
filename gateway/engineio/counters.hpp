// What the sessions of Engine.IO of all shards are counted by. Safe from any thread.
#pragma once

#include "core/metrics.hpp"

namespace corohub::gateway::engineio {

struct Counters {
  Counters();

  metrics::Gauge& polling;
  metrics::Gauge& websocket;
  metrics::Counter& upgraded;
  metrics::Counter& not_upgraded;
};

Counters& counters();

}  // namespace corohub::gateway::engineio
