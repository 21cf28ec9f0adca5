// GET /metrics for the admin listener: the registry, with the gauges that are only worth counting when asked.
#pragma once

#include "http/router.hpp"
#include "http/server.hpp"
#include "hub/hub.hpp"
#include "server/health.hpp"

namespace corohub::server {

// All of it outlives the router.
struct MetricsParts {
  const hub::Hub& hub;
  const http::Server& server;
  const HealthBoard& board;
};

void add_metrics_route(http::Router& router, MetricsParts parts);

}  // namespace corohub::server
