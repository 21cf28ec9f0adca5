#include "gateway/engineio/counters.hpp"

namespace corohub::gateway::engineio {
namespace {

metrics::Gauge& sessions(const char* transport) {
  return metrics::gauge("corohub_engineio_sessions", "Sessions of Engine.IO, by what carries them.",
                        {{"transport", transport}});
}

metrics::Counter& upgrades(const char* outcome) {
  return metrics::counter("corohub_engineio_upgrades_total",
                          "WebSockets of sessions that polled, by what became of them.",
                          {{"outcome", outcome}});
}

}  // namespace

Counters::Counters()
    : polling(sessions("polling")),
      websocket(sessions("websocket")),
      upgraded(upgrades("done")),
      not_upgraded(upgrades("failed")) {}

Counters& counters() {
  static Counters all;
  return all;
}

}  // namespace corohub::gateway::engineio
