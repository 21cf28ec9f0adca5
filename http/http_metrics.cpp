#include "http/http_metrics.hpp"

#include <string>

namespace corohub::http {
namespace {

constexpr std::size_t methods = static_cast<std::size_t>(Method::other) + 1;
const std::vector<double> duration_buckets_s{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                             0.1,    0.25,  0.5,    1,     2.5,  5,     10};

metrics::Counter& refused(const std::string& reason) {
  return metrics::counter("corohub_http_connections_refused_total",
                          "Connections answered 503 or 429, or closed, at once.", {{"reason", reason}});
}

metrics::Counter& timed_out(const std::string& phase) {
  return metrics::counter("corohub_http_timeouts_total", "Connections ended by a deadline.",
                          {{"phase", phase}});
}

std::string pattern_of(const Route* route) { return route == nullptr ? "none" : route->pattern; }

}  // namespace

HttpMetrics::HttpMetrics(const Router& router)
    : connections_refused(refused("connections_max")),
      connections_crowded(refused("connections_per_address")),
      connections_shed(refused("descriptors")),
      header_timeouts(timed_out("header")),
      body_timeouts(timed_out("body")),
      write_timeouts(timed_out("write")),
      connections(metrics::gauge("corohub_http_connections", "Open HTTP connections.")),
      newcomers_waiting(metrics::gauge("corohub_http_newcomers_waiting",
                                       "Connections whose first request waits for its turn.")),
      router_(router) {}

void HttpMetrics::count(const Route* route, Method method, int status,
                        std::optional<std::chrono::duration<double>> took) {
  const std::vector<Route>& routes = router_.routes();
  if (slots_.empty()) slots_.resize((routes.size() + 1) * methods);
  const std::size_t row = route == nullptr ? routes.size() : static_cast<std::size_t>(route - routes.data());
  Slot& slot = slots_[row * methods + static_cast<std::size_t>(method)];
  counter(slot, route, method, status).Increment();
  if (!took) return;
  if (slot.duration == nullptr)
    slot.duration = &metrics::histogram(
        "corohub_http_request_duration_seconds", "From the end of the head to the answer.",
        duration_buckets_s, {{"route", pattern_of(route)}, {"method", std::string(name(method))}});
  slot.duration->Observe(took->count());
}

metrics::Counter& HttpMetrics::counter(Slot& slot, const Route* route, Method method, int status) {
  for (const auto& [known, found] : slot.by_status)
    if (known == status) return *found;
  metrics::Counter& made = metrics::counter("corohub_http_requests_total", "Requests answered.",
                                            {{"route", pattern_of(route)},
                                             {"method", std::string(name(method))},
                                             {"status", std::to_string(status)}});
  slot.by_status.emplace_back(status, &made);
  return made;
}

}  // namespace corohub::http
