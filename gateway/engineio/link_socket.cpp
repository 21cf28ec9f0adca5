// What a link does with the WebSocket of its client.
#include "core/log.hpp"
#include "gateway/engineio/counters.hpp"
#include "gateway/engineio/directory.hpp"
#include "gateway/engineio/link.hpp"
#include "gateway/engineio/packet.hpp"
#include "gateway/engineio/socket_leg.hpp"
#include "gateway/engineio/wraps.hpp"

#include <algorithm>
#include <exception>
#include <utility>

namespace corohub::gateway::engineio {
namespace {

constexpr SteadyTime never = SteadyTime::max();

}  // namespace

void Link::begin_with(SocketLeg& leg) noexcept {
  leg_ = &leg;
  polling_.reset();
}

hub::Outbox& Link::empty_outbox() noexcept { return directory_.empty_outbox(); }

void Link::enter(Ticket ticket) noexcept {
  if (stage_ != Stage::open) return ticket.answer({Reply::Kind::unknown, {}});
  if (limited_ && polling_) {
    InboundBudget& budget = polling_->budget;
    budget.refill(now());
    if (budget.in_debt()) return ticket.answer({Reply::Kind::refused, {}});
    budget.spend(0, 1, 0, now());
  }
  const bool is_of_no_use = leg_ != nullptr || probe_ != nullptr;
  ticket.answer({Reply::Kind::done, {}, is_of_no_use});
}

bool Link::may_probe(SocketLeg& leg) noexcept {
  if (stage_ != Stage::open || leg_ != nullptr || probe_ != nullptr) return false;
  probe_ = &leg;
  polling_->probe_until = now() + upgrade_time_max;
  arm();
  return true;
}

void Link::probe() noexcept {
  probing_ = true;
  if (polling_->young_turns == 0) say_noop();
}

void Link::lose_probe(const SocketLeg& leg) noexcept {
  if (probe_ != &leg) return;
  probe_ = nullptr;
  polling_->probe_until = never;
  counters().not_upgraded.Increment();
  polling_->noops = 0;
  if (!std::exchange(probing_, false)) return;
  if (pong_due_ != never) pong_due_ = std::max(pong_due_, now() + directory_.settings().ping_timeout);
  arm();
}

void Link::upgrade() noexcept {
  leg_ = std::exchange(probe_, nullptr);
  leg_->carry(*this);  // before anything can fail: whatever closes it from here on ends the session
  probing_ = false;
  polling_->probe_until = never;
  counters().upgraded.Increment();
  count_as(&counters().websocket);
  if (std::exchange(polling_->young_turns, std::uint8_t{0}) > 0) refuse_polls();
  say_noop();
  bool ping_waits = false;
  try {
    for (Channel& channel : channels_) channel.outbox_.rewrap(rewrap_item);
    for (Channel& channel : channels_) channel.ready_ = !channel.outbox_.empty();
    if (large_) leg_->allow_large_messages();
    ping_waits = std::exchange(polling_->ping_waits, false);
    leave_polling();
    listener_->on_rewrapped();
  } catch (const std::exception& failure) {
    log::error("engineio.upgrade_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
  if (stage_ != Stage::open) return;
  if (pong_due_ == never)
    begin_heartbeat(now());
  else
    pong_due_ = now() + directory_.settings().ping_timeout;
  if (ping_waits) leg_->send_ahead(ping_packet);
  leg_->flush();
  if (!leg_->is_full()) tell_low_water();
  arm();
}

void Link::hear_socket(MessageKind kind, std::string_view payload) {
  if (stage_ != Stage::open) return;
  if (kind == MessageKind::binary)
    hear_message(kind, payload);
  else
    hear_packet(payload);
}

void Link::lose_socket(CloseReason reason) noexcept {
  for (Channel& channel : channels_) leg_->leave(channel.outbox_);
  leg_ = nullptr;
  if (stage_ != Stage::ended) reason_ = reason;
  stage_ = Stage::ended;
  count_as(nullptr);
  for (Channel& channel : channels_) channel.outbox_.close_and_clear();
  forgotten_ = true;
  settle_later();
}

}  // namespace corohub::gateway::engineio
