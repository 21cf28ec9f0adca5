// The mirror behind /ws/echo: every message comes back as it was, so that a conformance suite can judge the
// WebSocket code. Not part of the hub.
#pragma once

#include "gateway/session/reception.hpp"
#include "gateway/wire/transport.hpp"
#include "gateway/wire/websocket.hpp"
#include "hub/outbox.hpp"
#include "hub/shard.hpp"

#include <memory>
#include <string_view>

namespace corohub::gateway {

// Large messages, many fragments, no rates; deadlines are long but finite.
WebSocketSettings echo_settings() noexcept;

// On its shard's thread only.
class Echo final : public TransportListener, private Outsider, public std::enable_shared_from_this<Echo> {
 public:
  Echo(hub::Shard& shard, Outsiders& outsiders) noexcept;

  hub::Outbox& outbox() noexcept { return outbox_; }

  void on_open(Transport& transport) override;
  void on_message(MessageKind kind, std::string_view payload) override;
  void on_throttled() override {}
  void on_low_water() override;
  void on_closed(CloseReason) noexcept override;

 private:
  void send_away() noexcept override;

  hub::Shard& shard_;
  Outsiders& outsiders_;
  hub::Outbox outbox_;
  Transport* transport_ = nullptr;
};

}  // namespace corohub::gateway
