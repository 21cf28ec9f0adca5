// SockJS on a WebSocket: o, arrays of messages, h, c[…] around what another listener says and hears. Its
// frames wait in that listener's own outbox. On its shard's thread only.
#pragma once

#include "core/wheel.hpp"
#include "gateway/wire/place.hpp"
#include "gateway/wire/transport.hpp"
#include "hub/outbox.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway::sockjs {

class SocketLink final : public TransportListener,
                         public Transport,
                         public Timed,
                         public std::enable_shared_from_this<SocketLink> {
 public:
  // In one WebSocket message; a client of ours sends one.
  static constexpr std::size_t messages_per_array_max = 256;

  // `outbox` is the listener's.
  SocketLink(std::shared_ptr<TransportListener> listener, hub::Outbox& outbox, const Place& place,
             std::chrono::milliseconds heartbeat) noexcept;
  ~SocketLink() override;

  // ---- TransportListener: of the WebSocket ----
  void on_open(Transport& socket) override;
  void on_message(MessageKind kind, std::string_view payload) override;
  void on_throttled() override { listener_->on_throttled(); }
  void on_low_water() override { listener_->on_low_water(); }
  std::string position_text() const override { return listener_->position_text(); }
  std::string farewell(CloseReason reason) override;
  std::string carrier_farewell(CloseReason reason) override;
  void on_closed(CloseReason reason) noexcept override;

  // ---- Transport: for the listener ----
  std::string_view name() const noexcept override { return "sockjs-websocket"; }
  const Wrap& wrap() const noexcept override;
  hub::Outlet& outlet() noexcept override { return socket_ != nullptr ? socket_->outlet() : *this; }
  void flush() noexcept override;
  bool is_full() const noexcept override { return socket_ != nullptr && socket_->is_full(); }
  void close(CloseReason reason, Drain drain) noexcept override;
  void abort() noexcept override;
  void pause_reading() noexcept override;
  void resume_reading() noexcept override;
  void allow_large_messages() noexcept override {
    if (socket_ != nullptr) socket_->allow_large_messages();
  }
  bool is_receiving() const noexcept override { return socket_ != nullptr && socket_->is_receiving(); }

  // ---- Timed: a heartbeat is due ----
  void on_due(SteadyTime now) noexcept override;

 private:
  struct Unread;  // what came in one array with a message that made the listener pause

  void hear(std::string_view payload);
  void read(std::vector<std::string>& messages, std::size_t& next);
  void read_on() noexcept;
  void resume() noexcept;

  std::shared_ptr<TransportListener> listener_;
  Transport* socket_ = nullptr;  // null before it is open and after its end
  hub::Outbox& outbox_;
  const Place& place_;
  const std::chrono::milliseconds heartbeat_;
  std::unique_ptr<Unread> unread_;
  bool paused_ = false;   // by the listener
  bool resumes_ = false;  // in a turn of its own
  bool closing_ = false;
};

}  // namespace corohub::gateway::sockjs
