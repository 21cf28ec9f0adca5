// The WebSocket of a session: from the beginning, or after it has proved that it gets through (upgrade). On
// its shard's thread only.
#pragma once

#include "gateway/engineio/link.hpp"
#include "gateway/wire/transport.hpp"
#include "hub/outbox.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace corohub::gateway::engineio {

class SocketLeg final : public TransportListener {
 public:
  enum class Begins : bool {
    as_session,  // it carries at once
    as_upgrade,  // of a session that polls
  };

  SocketLeg(std::shared_ptr<Link> link, Begins begins) noexcept;

  // What its transport begins with, and comes back to: nothing ever waits in it.
  hub::Outbox& outbox() noexcept { return link_->empty_outbox(); }

  // ---- for the link ----
  void carry(OutboxQueue& queue) noexcept;
  void flush() noexcept;
  bool is_full() const noexcept { return transport_ != nullptr && transport_->is_full(); }
  bool send_ahead(std::string_view text) noexcept;
  void leave(hub::Outbox& from) noexcept;
  void close(CloseReason reason, Drain drain) noexcept;
  void pause_reading() noexcept;
  void resume_reading() noexcept;
  void allow_large_messages() noexcept;

  // ---- TransportListener ----
  void on_open(Transport& transport) override;
  void on_message(MessageKind kind, std::string_view payload) override;
  bool is_heartbeat(std::string_view payload) const noexcept override;
  void on_throttled() override;
  void on_low_water() override;
  void on_closed(CloseReason reason) noexcept override;

 private:
  enum class Stage : std::uint8_t { new_session, new_upgrade, probed, carrying, refused };

  const std::shared_ptr<Link> link_;
  Transport* transport_ = nullptr;  // null before it is open and after its end
  Stage stage_;
};

}  // namespace corohub::gateway::engineio
