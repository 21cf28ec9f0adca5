#include "gateway/socketio/berth.hpp"

#include "core/log.hpp"
#include "gateway/socketio/connection.hpp"

#include <exception>
#include <utility>

namespace corohub::gateway::socketio {

bool is_for_good(CloseReason reason) noexcept {
  switch (reason) {
    case CloseReason::normal:
    case CloseReason::session_revoked:
    case CloseReason::logged_out:
    case CloseReason::credentials_changed:
    case CloseReason::account_deleted:
    case CloseReason::account_disabled:
    case CloseReason::kicked:
      return true;
    case CloseReason::peer_gone:
    case CloseReason::draining:
    case CloseReason::pong_timeout:
    case CloseReason::protocol_error:
    case CloseReason::binary_not_supported:
    case CloseReason::invalid_utf8:
    case CloseReason::invalid_payload:
    case CloseReason::token_expired:
    case CloseReason::auth_timeout:
    case CloseReason::rate_limited:
    case CloseReason::message_timeout:
    case CloseReason::message_too_big:
    case CloseReason::internal_error:
    case CloseReason::slow_consumer:
    case CloseReason::overloaded:
      break;
  }
  return false;
}

Berth::Berth(Connection& connection, std::shared_ptr<Session> session, Seat& seat)
    : connection_(connection),
      session_(std::move(session)),
      seat_(seat),
      channel_(connection.link(), *session_) {}

void Berth::open() { session_->on_open(*this); }

std::string_view Berth::name() const noexcept {
  return connection_.link().polls() ? "socketio-polling" : "socketio-websocket";
}

const Wrap& Berth::wrap() const noexcept { return connection_.link().wrap(); }

void Berth::hear(Call&& call) {
  if (!session_->is_closing()) seat_.hear(std::move(call));
}

void Berth::refuse(const AckId& ack, const Refusal& refusal) {
  if (!session_->is_closing()) seat_.refuse(ack, refusal);
}

// What waits has been wrapped anew, and what comes leaves in another form.
void Berth::on_rewrapped() {
  if (session_->is_identified()) connection_.desk().shard.form_changed(*session_);
}

void Berth::pause_reading() noexcept { connection_.link().pause_reading(); }

void Berth::resume_reading() noexcept { connection_.link().resume_reading(); }

void Berth::Way::on_low_water() noexcept {
  try {
    session_.on_low_water();
  } catch (const std::exception& failure) {
    log::error("socketio.low_water_failed", {{"cause", failure.what()}});
    session_.close(CloseReason::internal_error);
  }
}

// ---- the end ----

void Berth::on_left() noexcept {
  if (has_ended_) return;
  session_->outbox().close_and_clear();
  end(CloseReason::normal);
}

void Berth::end(CloseReason reason) noexcept {
  has_ended_ = true;
  reason_ = reason;
  session_->outbox().close();
}

void Berth::close(CloseReason reason, Drain drain) noexcept {
  if (has_ended_) return;
  if (!is_for_good(reason)) return connection_.link().close(reason, drain);
  if (drain == Drain::no) session_->outbox().close_and_clear();
  end(reason);
  connection_.send_off(*this);
}

void Berth::on_closed(CloseReason reason) noexcept {
  seat_.end(!has_ended_);
  session_->on_closed(has_ended_ ? reason_ : reason);
}

}  // namespace corohub::gateway::socketio
