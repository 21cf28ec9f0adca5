#include "gateway/engineio/socket_leg.hpp"

#include "gateway/engineio/packet.hpp"

#include <utility>

namespace corohub::gateway::engineio {

SocketLeg::SocketLeg(std::shared_ptr<Link> link, Begins begins) noexcept
    : link_(std::move(link)), stage_(begins == Begins::as_session ? Stage::new_session : Stage::new_upgrade) {
  if (begins == Begins::as_session) link_->begin_with(*this);
}

// ---- the link ----

void SocketLeg::carry(OutboxQueue& queue) noexcept {
  stage_ = Stage::carrying;
  if (transport_ != nullptr) transport_->take_turns(&queue);
}

void SocketLeg::flush() noexcept {
  if (transport_ != nullptr) transport_->flush_queue();
}

bool SocketLeg::send_ahead(std::string_view text) noexcept {
  return transport_ != nullptr && transport_->send_ahead(text);
}

void SocketLeg::leave(hub::Outbox& from) noexcept {
  if (transport_ != nullptr) transport_->leave(from, outbox());
}

void SocketLeg::close(CloseReason reason, Drain drain) noexcept {
  if (stage_ != Stage::carrying) {
    stage_ = Stage::refused;
    link_->lose_probe(*this);
  }
  if (transport_ != nullptr) transport_->close(reason, drain);
}

void SocketLeg::pause_reading() noexcept {
  if (transport_ != nullptr) transport_->pause_reading();
}

void SocketLeg::resume_reading() noexcept {
  if (transport_ != nullptr) transport_->resume_reading();
}

void SocketLeg::allow_large_messages() noexcept {
  if (transport_ != nullptr) transport_->allow_large_messages();
}

// ---- the WebSocket ----

void SocketLeg::on_open(Transport& transport) {
  transport_ = &transport;
  if (stage_ == Stage::new_session) return link_->open();
  if (!link_->may_probe(*this)) close(CloseReason::protocol_error, Drain::no);
}

void SocketLeg::on_message(MessageKind kind, std::string_view payload) {
  if (stage_ == Stage::carrying) return link_->hear_socket(kind, payload);
  const bool is_text = kind == MessageKind::text;
  if (is_text && stage_ == Stage::new_upgrade && payload == probe) {
    stage_ = Stage::probed;
    send_ahead(probe_answer);
    return link_->probe();
  }
  if (is_text && stage_ == Stage::probed && payload == upgrade_packet) return link_->upgrade();
  close(CloseReason::protocol_error, Drain::yes);
}

bool SocketLeg::is_heartbeat(std::string_view payload) const noexcept { return payload == pong_packet; }

void SocketLeg::on_throttled() {
  if (stage_ == Stage::carrying) link_->throttle_socket();
}

void SocketLeg::on_low_water() {
  if (stage_ == Stage::carrying) link_->socket_took_all();
}

void SocketLeg::on_closed(CloseReason reason) noexcept {
  transport_->take_turns(nullptr);
  if (stage_ == Stage::carrying)
    link_->lose_socket(reason);
  else
    link_->lose_probe(*this);
  transport_ = nullptr;  // only now: what it has in hand was an outbox of the link
}

}  // namespace corohub::gateway::engineio
