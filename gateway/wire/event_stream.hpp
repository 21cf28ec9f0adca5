// One event stream (server-sent events, WHATWG HTML section 9.2) from the head of its answer to its end: a
// body that the client only reads, in chunks or, for HTTP/1.0, until the connection ends. Every reason of
// ours to end it is a last event, connection.closed, and then the body's end.
#pragma once

#include "core/task.hpp"
#include "core/wheel.hpp"
#include "gateway/wire/socket_transport.hpp"
#include "gateway/wire/transport.hpp"
#include "hub/outbox.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace corohub::gateway {

// The same for all streams.
struct EventStreamSettings {
  std::chrono::milliseconds comment_interval{20'000};  // so that nobody in between takes it for dead
  WriteTimeouts timeouts;
  std::chrono::milliseconds dead_peer_timeout{60'000};  // for a peer that confirms nothing any more
  std::uint32_t retry_ms_min = 1000;  // what a browser waits before it comes back, at random
  std::uint32_t retry_ms_max = 5000;
  std::size_t inbound_bytes_max = 16 * 1024;  // of what a client says nevertheless
};

// What a stream lives in; all of it outlives it.
struct EventStreamPlace {
  const EventStreamSettings& settings;
  Wheel& wheel;
  const Clock& clock;
};

// A checked request and its socket.
struct EventStreamStart {
  Socket socket;        // with TCP_NODELAY, as the listener gives them
  std::string head;     // the answer's status line and headers
  bool chunked = true;  // the head says so, too
};

// Sends the head and serves until the end; on_open() is called inside. `outbox` belongs to the listener.
// Throws for memory alone; then the listener was not told anything.
void start_event_stream(EventStreamStart start, const EventStreamPlace& place, hub::Outbox& outbox,
                        std::shared_ptr<TransportListener> listener);

}  // namespace corohub::gateway
