// The mirror behind /ws/echo: every message comes back as it was, so that a conformance suite can judge the
// WebSocket code. Not part of the hub.
#pragma once

#include "gateway/transport.hpp"
#include "gateway/transports/websocket.hpp"
#include "hub/outbox.hpp"

#include <memory>

namespace corohub::gateway {

// Large messages, many fragments, no rates; deadlines are long but finite.
WebSocketSettings echo_settings() noexcept;

class Echo final : public TransportListener {
 public:
  Echo() noexcept;

  hub::Outbox& outbox() noexcept { return outbox_; }

  void on_open(Transport& transport) override { transport_ = &transport; }
  void on_message(MessageKind kind, std::string_view payload) override;
  void on_throttled() override {}
  void on_low_water() override;
  void on_closed(CloseReason) noexcept override { transport_ = nullptr; }

 private:
  hub::Outbox outbox_;
  Transport* transport_ = nullptr;
};

}  // namespace corohub::gateway
