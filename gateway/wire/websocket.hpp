// One WebSocket connection (RFC 6455) from the 101 to the end: heartbeat, limits, deadlines, closing.
#pragma once

#include "core/task.hpp"
#include "core/wheel.hpp"
#include "gateway/wire/frame_decoder.hpp"
#include "gateway/wire/inbound_budget.hpp"
#include "gateway/wire/socket_transport.hpp"
#include "gateway/wire/transport.hpp"
#include "hub/outbox.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

namespace corohub::gateway {

// The same for all connections of a route.
struct WebSocketSettings {
  std::chrono::milliseconds ping_interval{54'000};    // 0: no heartbeat, as the protocol above has its own
  std::chrono::milliseconds pong_timeout{60'000};     // from the 101, then from pong to pong
  std::chrono::milliseconds message_timeout{10'000};  // from a message's first byte to its last
  WriteTimeouts timeouts;
  MessageLimits messages;
  Drain on_client_close = Drain::no;  // before the answer to a client's close
  InboundRates rates;
};

// A checked upgrade request and its socket.
struct WebSocketStart {
  Socket socket;         // with TCP_NODELAY, as the listener gives them
  std::string unread;    // bytes that came behind the request
  std::string head;      // the 101
  bool limited = true;   // by the inbound rates
  bool deflate = false;  // permessage-deflate is agreed on
};

// What a connection lives in; all of it outlives it.
struct WebSocketPlace {
  const WebSocketSettings& settings;
  Wheel& wheel;
  const Clock& clock;
  // Counts those that exist, also one whose listener is gone and whose TCP connection is not: a drain waits
  // for them.
  std::atomic<std::size_t>* open = nullptr;
};

// Sends the head and serves until the end; on_open() is called inside. `outbox` belongs to the listener.
// Throws for memory alone; then the listener was not told anything.
void start_websocket(WebSocketStart start, const WebSocketPlace& place, hub::Outbox& outbox,
                     std::shared_ptr<TransportListener> listener);

}  // namespace corohub::gateway
