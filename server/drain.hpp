// The end of a server that serves, in the numbered steps of docs/ARCHITECTURE.md, section 8.
#pragma once

#include "core/clock.hpp"
#include "gateway/gateway.hpp"
#include "http/server.hpp"
#include "server/health.hpp"
#include "server/services.hpp"
#include "server/settings.hpp"
#include "server/shards.hpp"
#include "server/supervisor.hpp"

namespace corohub::server {

struct DrainParts {
  const DrainSettings& settings;
  const Clock& clock;
  HealthBoard& board;
  gateway::Gateway& gateway;
  http::Server& server;
  Shards& shards;
  http::Server& admin_server;
  http::ShardServer& admin_shard;  // on the first shard
  Supervisor& supervisor;
  Services& services;
};

// Blocks for at most settings.total. False: something had to be cut off. Once, from a thread that is none of
// the server's own. Also ends a server whose start has failed.
bool drain(const DrainParts& parts);

}  // namespace corohub::server
