// The mirror behind /ws/echo: every message comes back as it was, so that a conformance suite can judge the
// WebSocket code. Not part of the hub.
#pragma once

#include "gateway/wire/transport.hpp"
#include "gateway/wire/websocket.hpp"
#include "hub/outbox.hpp"
#include "hub/shard.hpp"

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace corohub::gateway {

// Large messages, many fragments, no rates; deadlines are long but finite.
WebSocketSettings echo_settings() noexcept;

class Echo;

// The mirrors that are open, so that a drain finds them; the hub does not know them. Safe from any thread.
class Mirrors {
 public:
  void add(const std::shared_ptr<Echo>& echo);
  void remove(const Echo& echo) noexcept;
  // Tells all of them to go, also those who come later.
  void close_all();
  std::size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<const Echo*, std::weak_ptr<Echo>> open_;
  bool closing_ = false;
};

// On its shard's thread only.
class Echo final : public TransportListener, public std::enable_shared_from_this<Echo> {
 public:
  Echo(hub::Shard& shard, Mirrors& mirrors) noexcept;

  hub::Outbox& outbox() noexcept { return outbox_; }
  hub::Shard& shard() noexcept { return shard_; }
  void leave() noexcept;  // the server stops

  void on_open(Transport& transport) override;
  void on_message(MessageKind kind, std::string_view payload) override;
  void on_throttled() override {}
  void on_low_water() override;
  void on_closed(CloseReason) noexcept override;

 private:
  hub::Shard& shard_;
  Mirrors& mirrors_;
  hub::Outbox outbox_;
  Transport* transport_ = nullptr;
};

}  // namespace corohub::gateway
