// The counters of one shard's requests. A metric is looked up when a route answers a status for the first
// time, and kept; after that counting is one increment. Shard's thread only.
#pragma once

#include "core/metrics.hpp"
#include "http/router.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace corohub::http {

class HttpMetrics {
 public:
  explicit HttpMetrics(const Router& router);

  // `route` is null for a request that no route took: paths of strangers never become labels.
  // No duration: the request waited for what others do.
  void count(const Route* route, Method method, int status,
             std::optional<std::chrono::duration<double>> took);

  metrics::Counter& connections_refused;  // by http.connections_max
  metrics::Counter& connections_crowded;  // by http.connections_per_address
  metrics::Counter& connections_shed;     // because there was no descriptor
  metrics::Counter& header_timeouts;
  metrics::Counter& body_timeouts;
  metrics::Counter& write_timeouts;
  metrics::Gauge& connections;
  metrics::Gauge& newcomers_waiting;

 private:
  struct Slot {
    metrics::Histogram* duration = nullptr;
    std::vector<std::pair<int, metrics::Counter*>> by_status;
  };
  metrics::Counter& counter(Slot& slot, const Route* route, Method method, int status);

  const Router& router_;
  std::vector<Slot> slots_;  // one per route and method; the last row is for requests without a route
};

}  // namespace corohub::http
