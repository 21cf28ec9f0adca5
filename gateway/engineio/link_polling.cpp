// What a link has of its client by long-polling: polls, and what it posts.
#include "core/log.hpp"
#include "gateway/engineio/link.hpp"
#include "gateway/engineio/packet.hpp"
#include "gateway/engineio/payload.hpp"
#include "gateway/engineio/socket_leg.hpp"

#include <exception>
#include <new>
#include <optional>
#include <utility>

namespace corohub::gateway::engineio {
namespace {

constexpr SteadyTime never = SteadyTime::max();
// A request that comes so close to the end of its session comes too late.
constexpr std::chrono::milliseconds close_to_end{10};
constexpr std::uint8_t noops_spared = 2;

}  // namespace

// ---- polls ----

void Link::poll(std::uint64_t number, Ticket ticket) noexcept {
  look_at_heartbeat(now() + close_to_end);
  if (stage_ == Stage::ended) {
    if (!polling_ || !polling_->words) return ticket.answer({Reply::Kind::unknown, {}});
    ticket.answer({Reply::Kind::frame, std::move(*polling_->words)});
    return forget();
  }
  if (leg_ != nullptr) return ticket.answer({Reply::Kind::refused, {}});
  if (polling_->second) {
    ticket.answer({Reply::Kind::refused, {}});
    return break_off();
  }
  const bool is_second = static_cast<bool>(polling_->poll);
  (is_second ? polling_->second : polling_->poll) = std::move(ticket);
  (is_second ? polling_->second_number : polling_->poll_number) = number;
  if (!is_second) return begin_poll();
  polling_->second_until = now() + overtaking_max;
  arm();
}

// What the client of an upgrade has said on its WebSocket before it polled is read by then: the two come by
// connections of their own.
void Link::begin_poll() noexcept {
  if (probe_ != nullptr) {
    polling_->young_turns = 2;
    return settle_later();
  }
  deliver();
  tell_low_water();
}

void Link::take_second() noexcept {
  polling_->poll = std::move(polling_->second);
  polling_->poll_number = polling_->second_number;
  polling_->second_until = never;
}

void Link::lose_poll(std::uint64_t number) noexcept {
  if (!polling_) return;
  const Reply unread{Reply::Kind::done, {}, true};
  if (polling_->second && polling_->second_number == number) {
    polling_->second.answer(unread);
    polling_->second_until = never;
    deliver();
    return tell_low_water();
  }
  if (!polling_->poll || polling_->poll_number != number) return;
  polling_->poll.answer(unread);
  if (!polling_->second) return;
  take_second();
  begin_poll();
}

// A poll that has nothing to wait for. The one that waits when an upgrade begins is its session's, and so is
// the next, whose client may not have read the answer to its probe; those beyond are counted by address.
void Link::say_noop() noexcept {
  try {
    while (polling_ && polling_->poll) {
      const bool is_stray = polling_->noops == noops_spared;
      if (!is_stray) ++polling_->noops;
      polling_->poll.answer({Reply::Kind::frame, std::string(noop_packet), is_stray});
      if (polling_->second) take_second();
    }
  } catch (const std::bad_alloc&) {
    polling_->poll = Ticket();
    polling_->second = Ticket();
  }
}

void Link::refuse_polls() noexcept {
  polling_->poll.answer({Reply::Kind::refused, {}});
  polling_->second.answer({Reply::Kind::refused, {}});
  polling_->second_until = never;
}

// ---- what the client says ----

void Link::send(std::string payload, Ticket ticket) noexcept {
  look_at_heartbeat(now() + close_to_end);
  if (stage_ == Stage::ended) return ticket.answer({Reply::Kind::unknown, {}});
  if (leg_ != nullptr) return ticket.answer({Reply::Kind::refused, {}});
  if (is_sending()) {  // two at once have no order
    finish_sending(Reply::Kind::refused);
    ticket.answer({Reply::Kind::refused, {}});
    return break_off();
  }
  try {
    if (!is_clients_payload(payload)) {
      ticket.answer({Reply::Kind::refused, {}});
      return break_off();
    }
  } catch (const std::bad_alloc&) {
    return;
  }
  polling_->sending.emplace(Sending{std::move(payload), 0, std::move(ticket)});
  hear();
}

void Link::finish_sending(Reply::Kind kind) noexcept {
  if (!is_sending()) return;
  Ticket ticket = std::move(polling_->sending->ticket);
  polling_->sending.reset();
  ticket.answer({kind, {}});
}

bool Link::may_hear() const noexcept {
  return stage_ == Stage::open && !paused_ && !(limited_ && polling_->budget.in_debt());
}

void Link::hear() noexcept {
  if (!polling_ || std::exchange(busy_, true)) return;
  while (may_hear() && is_sending()) {
    Sending& sending = *polling_->sending;
    std::string_view rest = std::string_view(sending.payload).substr(sending.next);
    if (rest.empty()) {
      finish_sending(Reply::Kind::done);
      break;
    }
    const std::string_view item = take_item(rest);
    sending.next = sending.payload.size() - rest.size();
    hear_item(item);
  }
  busy_ = false;
  if (stage_ != Stage::open) return;
  if (!is_sending() && !polling_->budget.in_debt()) polling_->budget.caught_up();
  if (leg_ == nullptr) {
    note_waiting();  // all that was said meanwhile
    deliver();
    tell_low_water();
  } else {
    leave_polling();
  }
  arm();
}

// What came by the last POST is heard before what comes by the WebSocket.
void Link::leave_polling() noexcept {
  if (!is_sending()) polling_.reset();
  hold_socket();
}

void Link::hear_item(std::string_view item) noexcept {
  try {
    InboundBudget& budget = polling_->budget;
    const bool was_in_episode = budget.in_episode();
    const bool control = item == pong_packet || item == noop_packet;
    if (limited_) budget.spend(item.size(), control ? 0 : 1, control ? 1 : 0, now());
    if (item.starts_with(binary_mark))
      hear_message(MessageKind::binary, binary_of(item));
    else
      hear_packet(item);
    if (stage_ == Stage::open && budget.in_episode() && !was_in_episode) listener_->on_throttled();
  } catch (const std::exception& failure) {
    log::error("engineio.message_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
}

void Link::hear_packet(std::string_view text) {
  const std::optional<Packet> packet = read_packet(text);
  if (!packet) return close(CloseReason::protocol_error, Drain::yes);
  switch (packet->type) {
    case PacketType::message:
      return hear_message(MessageKind::text, packet->data);
    case PacketType::pong:
      return hear_pong();
    case PacketType::close:
      return end_by_client();
    case PacketType::noop:
      return;
    case PacketType::open:
    case PacketType::ping:
    case PacketType::upgrade:
      return close(CloseReason::protocol_error, Drain::yes);
  }
}

void Link::hear_message(MessageKind kind, std::string_view payload) {
  if (!large_ && payload.size() > small_message_bytes) return close(CloseReason::message_too_big, Drain::yes);
  listener_->on_message(kind, payload);
}

void Link::pause_reading() noexcept {
  paused_ = true;
  hold_socket();
}

// In a turn of its own: whoever calls is in the middle of something.
void Link::resume_reading() noexcept {
  paused_ = false;
  if (is_sending()) return settle_later();
  hold_socket();
}

void Link::allow_large_messages() noexcept {
  large_ = true;
  if (leg_ != nullptr) leg_->allow_large_messages();
}

void Link::hold_socket() noexcept {
  if (leg_ == nullptr) return;
  if (paused_ || is_sending())
    leg_->pause_reading();
  else
    leg_->resume_reading();
}

}  // namespace corohub::gateway::engineio
