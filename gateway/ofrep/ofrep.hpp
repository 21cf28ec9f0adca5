// Evaluation of flags over HTTP: OFREP 0.3.0, one flag or all of them, and the streams that say when to ask
// again. What memory can answer is answered on the request's shard without a lock or another thread.
#pragma once

#include "auth/key_ring.hpp"
#include "core/clock.hpp"
#include "gateway/ofrep/settings.hpp"
#include "gateway/session/desk.hpp"
#include "gateway/wire/event_stream.hpp"
#include "http/router.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace corohub::gateway::ofrep {

// All of it outlives what is served.
struct Parts {
  const auth::KeyStore& keys;
  const Clock& clock;
  const EventStreamSettings& streams;
  const std::atomic<bool>& draining;
  std::string epoch;
};

struct State;

// Safe from any shard's thread once all shards are there.
class Ofrep {
 public:
  Ofrep(Parts parts, const Settings& settings);

  // One desk for each shard, in their order, before anything is served.
  void add_shard(const Desk& desk);
  // POST /ofrep/v1/evaluate/flags, POST /ofrep/v1/evaluate/flags/{key}, GET /ofrep/v1/events
  void add_routes(http::Router& router);

 private:
  std::shared_ptr<State> state_;
};

}  // namespace corohub::gateway::ofrep
