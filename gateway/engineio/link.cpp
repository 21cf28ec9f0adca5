#include "gateway/engineio/link.hpp"

#include "core/log.hpp"
#include "gateway/engineio/directory.hpp"
#include "gateway/engineio/packet.hpp"
#include "gateway/engineio/payload.hpp"
#include "gateway/engineio/socket_leg.hpp"
#include "gateway/engineio/wraps.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::gateway::engineio {
namespace {

namespace json = boost::json;

constexpr SteadyTime never = SteadyTime::max();
// What one client has done on two connections may come in the other order: a poll and the close packet behind
// it, the end of a poll and the next poll.
constexpr std::chrono::milliseconds overtaking_max = Wheel::tick;
// A request that comes so close to the end of its session comes too late.
constexpr std::chrono::milliseconds close_to_end{10};
constexpr std::chrono::milliseconds not_kept{0};

struct Counters {
  metrics::Gauge& polling = sessions("polling");
  metrics::Gauge& websocket = sessions("websocket");
  metrics::Counter& upgraded = upgrades("done");
  metrics::Counter& not_upgraded = upgrades("failed");

 private:
  static metrics::Gauge& sessions(const char* transport) {
    return metrics::gauge("corohub_engineio_sessions", "Sessions of Engine.IO, by what carries them.",
                          {{"transport", transport}});
  }
  static metrics::Counter& upgrades(const char* outcome) {
    return metrics::counter("corohub_engineio_upgrades_total",
                            "WebSockets of sessions that polled, by what became of them.",
                            {{"outcome", outcome}});
  }
};

Counters& counters() {
  static Counters all;
  return all;
}

Reply frame(std::string payload) { return {Reply::Kind::frame, std::move(payload)}; }

}  // namespace

Link::Link(Directory& directory, const LinkId& id, std::shared_ptr<Listener> listener, bool limited)
    : directory_(directory),
      id_(id),
      listener_(std::move(listener)),
      own_outbox_(directory.settings().outbox),
      polling_(std::make_unique<Polling>(directory.settings().rates, directory.place().now())),
      limited_(limited) {}

Link::~Link() {
  channels_.clear_and_dispose([](Channel* channel) { channel->link_ = nullptr; });
  count_as(nullptr);
  drop_words();
}

const Place& Link::place() const noexcept { return directory_.place(); }

const Wrap& Link::wrap() const noexcept { return leg_ != nullptr ? socket_wrap() : item_wrap(); }

std::string Link::open_packet(bool may_upgrade) const {
  const LinkSettings& settings = directory_.settings();
  json::array upgrades;
  if (may_upgrade) upgrades.push_back("websocket");
  const json::object said{{"sid", id_.text()},
                          {"upgrades", std::move(upgrades)},
                          {"pingInterval", settings.ping_interval.count()},
                          {"pingTimeout", settings.ping_timeout.count()},
                          {"maxPayload", settings.payload_bytes_max}};
  return '0' + json::serialize(said);
}

void Link::open() noexcept {
  if (stage_ != Stage::opening) return;
  stage_ = Stage::open;
  opened_ = true;
  count_as(leg_ != nullptr ? &counters().websocket : &counters().polling);
  begin_heartbeat(now());
  busy_ = true;
  try {
    if (leg_ != nullptr) leg_->carry(*this);
    listener_->on_open(*this);
  } catch (const std::exception& failure) {
    log::error("engineio.open_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
  busy_ = false;
  arm();
}

// ---- what waits ----

void Link::flush(Channel& channel) noexcept {
  if (stage_ != Stage::open || channel.outbox_.empty()) return;
  if (!channel.ready_) {
    channel.ready_ = true;
    channels_.splice(channels_.end(), channels_, channels_.iterator_to(channel));
  }
  if (leg_ != nullptr) {
    leg_->flush();
    if (!channel.outbox_.empty()) channel.waited_ = true;
  } else if (!busy_) {  // one answer gets all at once that a payload causes
    deliver();
  }
}

bool Link::is_full(const Channel& channel) const noexcept {
  return leg_ != nullptr ? leg_->is_full() : channel.waited_;
}

void Link::leave(Channel& channel) noexcept {
  if (leg_ != nullptr) leg_->leave(channel.outbox_);
  channels_.erase(channels_.iterator_to(channel));
}

hub::Outbox* Link::next_outbox() noexcept {
  for (Channel& channel : channels_)
    if (std::exchange(channel.ready_, false) && !channel.outbox_.empty()) return &channel.outbox_;
  return nullptr;
}

// Whole messages, in the order in which their channels became ready.
std::string Link::waiting_payload() const {
  std::string payload(polling_->ping_waits ? ping_packet : std::string_view());
  for (const Channel& channel : channels_) {
    if (!channel.ready_) continue;
    bool is_rest = false;
    for (std::uint32_t i = 0; i < channel.outbox_.frames(); ++i) {
      const hub::Frame& part = channel.outbox_.at(i);
      if (is_rest)
        payload += part.bytes();
      else
        append_item(payload, part.bytes());
      is_rest = part.is_joined_to_next();
    }
  }
  return payload;
}

void Link::consume_all() noexcept {
  polling_->ping_waits = false;
  for (Channel& channel : channels_)
    if (std::exchange(channel.ready_, false)) channel.outbox_.consume(channel.outbox_.bytes());
}

// To the poll that waits. What has no memory on its way is still in its outbox.
void Link::deliver() noexcept {
  try {
    if (polling_->poll && !polling_->second && polling_->young_turns == 0) {
      std::string payload = waiting_payload();
      if (payload.empty()) return;
      polling_->poll.answer(frame(std::move(payload)));
      return consume_all();
    }
  } catch (const std::bad_alloc&) {
    log::error("engineio.out_of_memory");
  }
  for (Channel& channel : channels_) channel.waited_ = channel.waited_ || channel.ready_;
}

void Link::tell_low_water() noexcept {
  const auto has_waited = [](const Channel& channel) { return channel.waited_ && channel.outbox_.empty(); };
  for (;;) {
    const auto found = std::ranges::find_if(channels_, has_waited);
    if (found == channels_.end()) return;
    found->waited_ = false;
    found->on_low_water();
  }
}

// ---- polls ----

void Link::poll(std::uint64_t number, Ticket ticket) noexcept {
  look_at_heartbeat(now() + close_to_end);
  if (stage_ == Stage::ended) {
    if (!polling_ || !polling_->words) return ticket.answer({Reply::Kind::unknown, {}});
    ticket.answer(frame(std::move(*polling_->words)));
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
    return deliver();
  }
  if (!polling_->poll || polling_->poll_number != number) return;
  polling_->poll.answer(unread);
  if (!polling_->second) return;
  take_second();
  begin_poll();
}

// A poll that has nothing to wait for.
void Link::say_noop() noexcept {
  try {
    while (polling_ && polling_->poll) {
      polling_->poll.answer({Reply::Kind::frame, std::string(noop_packet), true});
      if (polling_->second) take_second();
    }
  } catch (const std::bad_alloc&) {
    polling_->poll = Ticket();
    polling_->second = Ticket();
  }
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
  if (leg_ == nullptr)
    deliver();
  else
    leave_polling();
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

// ---- the WebSocket ----

void Link::begin_with(SocketLeg& leg) noexcept {
  leg_ = &leg;
  polling_.reset();
}

hub::Outbox& Link::empty_outbox() noexcept { return directory_.empty_outbox(); }

void Link::give_up() noexcept {
  leg_ = nullptr;
  end(CloseReason::internal_error, Drain::no, {}, not_kept);
}

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
  if (!std::exchange(probing_, false)) return;
  if (pong_due_ != never) pong_due_ = std::max(pong_due_, now() + directory_.settings().ping_timeout);
  arm();
}

void Link::upgrade() noexcept {
  leg_ = std::exchange(probe_, nullptr);
  probing_ = false;
  polling_->probe_until = never;
  counters().upgraded.Increment();
  count_as(&counters().websocket);
  if (std::exchange(polling_->young_turns, std::uint8_t{0}) > 0)
    polling_->poll.answer({Reply::Kind::refused, {}});
  say_noop();
  bool ping_waits = false;
  try {
    for (Channel& channel : channels_) channel.outbox_.rewrap(rewrap_item);
    for (Channel& channel : channels_) channel.ready_ = !channel.outbox_.empty();
    leg_->carry(*this);
    if (large_) leg_->allow_large_messages();
    ping_waits = polling_->ping_waits;
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

// ---- the end ----

void Link::close(CloseReason reason, Drain drain) noexcept {
  end(reason, drain, close_packet, drain == Drain::yes ? kept_after_end : not_kept);
}

// The client has broken the rules, or gone.
void Link::break_off() noexcept { end(CloseReason::protocol_error, Drain::no, close_packet, not_kept); }

// Its poll may be still on its way, and that is answered before the close packet is: afterwards the session
// is gone.
void Link::end_by_client() noexcept { end(CloseReason::normal, Drain::no, noop_packet, overtaking_max); }

void Link::end(CloseReason reason, Drain drain, std::string_view last_packet,
               std::chrono::milliseconds kept) noexcept {
  if (stage_ == Stage::ended) return;
  stage_ = Stage::ended;
  reason_ = reason;
  count_as(nullptr);
  if (probe_ != nullptr) probe_->close(reason, Drain::no);
  for (Channel& channel : channels_) channel.ready_ = !channel.outbox_.empty();
  std::string words;
  try {
    if (leg_ == nullptr && drain == Drain::yes) words = waiting_payload();
    append_item(words, last_packet);
  } catch (const std::bad_alloc&) {
    kept = not_kept;
  }
  for (Channel& channel : channels_) {
    if (leg_ != nullptr && drain == Drain::yes)
      channel.outbox_.close();
    else
      channel.outbox_.close_and_clear();
  }
  if (leg_ != nullptr) return leg_->close(reason, drain);
  end_polling(std::move(words), kept);
}

void Link::end_polling(std::string words, std::chrono::milliseconds kept) noexcept {
  const bool polls = polling_ && polling_->poll;
  const bool is_heard = !polling_ || polls || kept == not_kept;
  if (polls) polling_->poll.answer(frame(std::move(words)));
  if (polls) polling_->second.answer({Reply::Kind::refused, {}});
  if (!is_heard && directory_.keep_ended(words.size())) {
    polling_->words_bytes = words.size();
    polling_->words = std::move(words);
    polling_->words_until = now() + kept;
    arm();
  } else {
    forgotten_ = true;
  }
  settle_later();
}

void Link::count_as(metrics::Gauge* sessions) noexcept {
  if (counted_ != nullptr) counted_->Decrement();
  if (sessions != nullptr) sessions->Increment();
  counted_ = sessions;
}

void Link::tell_end() noexcept {
  if (leg_ != nullptr) return;  // until its last bytes are gone
  const bool poll_may_come = polling_ && polling_->words && reason_ == CloseReason::normal;
  if (!poll_may_come) finish_sending(Reply::Kind::done);
  const std::shared_ptr<Listener> listener = std::move(listener_);
  if (listener && opened_) listener->on_closed(reason_);
}

void Link::drop_words() noexcept {
  if (!polling_ || !polling_->words) return;
  polling_->words.reset();
  directory_.let_go_of_ended(polling_->words_bytes);
}

void Link::forget() noexcept {
  drop_words();
  finish_sending(Reply::Kind::done);
  forgotten_ = true;
  settle_later();
}

// ---- turns of its own ----

void Link::settle_later() noexcept {
  if (std::exchange(settles_, true)) return;
  try {
    asio::post(place().context, [self = shared_from_this()] { self->settle(); });
  } catch (const std::bad_alloc&) {
    settles_by_wheel_ = true;
    place().wheel.arm_by(*this, now());
  }
}

void Link::settle() noexcept {
  settles_ = false;
  if (stage_ == Stage::ended) {
    tell_end();
    if (forgotten_) directory_.remove(*this);
    return;
  }
  if (polling_ && polling_->young_turns > 0) {
    if (--polling_->young_turns > 0) return settle_later();
    deliver();
    tell_low_water();
    if (probing_) say_noop();
  }
  hear();
}

// ---- time ----

SteadyTime Link::now() const noexcept { return place().now(); }

SteadyTime Link::next_due() const noexcept {
  if (stage_ == Stage::ended) return polling_ && polling_->words ? polling_->words_until : never;
  SteadyTime due = probing_ ? never : std::min(ping_due_, pong_due_);
  if (limited_ && polling_) {
    const InboundBudget& budget = polling_->budget;
    due = std::min({due, budget.patience_ends(), budget.in_debt() ? budget.out_of_debt() : never});
  }
  return polling_ ? std::min({due, polling_->second_until, polling_->probe_until}) : due;
}

void Link::arm() noexcept {
  if (const SteadyTime due = next_due(); due != never) place().wheel.arm_by(*this, due);
}

void Link::on_due(SteadyTime now) noexcept {
  const std::shared_ptr<Link> self = shared_from_this();
  if (std::exchange(settles_by_wheel_, false)) settle();
  if (stage_ == Stage::ended) {
    if (polling_ && polling_->words && now >= polling_->words_until) forget();
  } else {
    if (limited_ && polling_) pay(now);
    look_at_heartbeat(now);
    if (stage_ == Stage::open && polling_ && now >= polling_->second_until) break_off();
    if (probe_ != nullptr && now >= polling_->probe_until)
      probe_->close(CloseReason::message_timeout, Drain::no);
  }
  if (!forgotten_) arm();
}

void Link::pay(SteadyTime now) noexcept {
  polling_->budget.refill(now);
  if (now >= polling_->budget.patience_ends()) return close(CloseReason::rate_limited, Drain::yes);
  hear();
}

// ---- heartbeat ----

// The wheel is late by up to a tick, so the ping is early by as much: the client has all of its time.
void Link::begin_heartbeat(SteadyTime from) noexcept {
  const std::chrono::milliseconds interval = directory_.settings().ping_interval;
  pong_due_ = never;
  ping_due_ = from + interval - std::min<std::chrono::milliseconds>(Wheel::tick, interval / 2);
}

void Link::look_at_heartbeat(SteadyTime now) noexcept {
  if (stage_ != Stage::open || probing_) return;
  if (now >= pong_due_) return end(CloseReason::pong_timeout, Drain::no, close_packet, not_kept);
  if (now >= ping_due_) send_ping(now);
}

void Link::send_ping(SteadyTime now) noexcept {
  const LinkSettings& settings = directory_.settings();
  const SteadyTime latest =
      ping_due_ + std::min<std::chrono::milliseconds>(Wheel::tick, settings.ping_interval / 2);
  // Only a shard that was busy for long gives more time, from when it could ask.
  pong_due_ = std::max(latest + settings.ping_timeout, now + settings.ping_timeout / 4);
  ping_due_ = never;
  if (leg_ != nullptr) {
    leg_->send_ahead(ping_packet);
    return;
  }
  polling_->ping_waits = true;
  deliver();
}

void Link::hear_pong() noexcept {
  if (pong_due_ == never) return;
  begin_heartbeat(now());
  arm();
}

// ---- channels ----

Channel::Channel(Link& link, hub::Outbox& outbox) noexcept : link_(&link), outbox_(outbox) {
  link.channels_.push_back(*this);
}

Channel::~Channel() {
  if (link_ != nullptr) link_->leave(*this);
}

void Channel::flush() noexcept {
  if (link_ != nullptr) link_->flush(*this);
}

bool Channel::is_full() const noexcept { return link_ != nullptr && link_->is_full(*this); }

bool Channel::hand_over() noexcept {
  if (link_ == nullptr || outbox_.empty()) return true;
  hub::Outbox& to = link_->own_outbox_;
  const hub::OutboxLimits& limits = to.limits();
  const bool has_room = !to.closed() && to.messages() + outbox_.messages() <= limits.messages_max &&
                        std::size_t{to.bytes()} + outbox_.bytes() <= limits.bytes_max;
  if (!has_room) return false;
  for (std::uint32_t i = outbox_.begun(); i < outbox_.frames(); ++i) {
    const hub::FrameRef first(&outbox_.at(i));
    const bool is_pair = first->is_joined_to_next();
    const hub::Push pushed = is_pair ? to.push(first, hub::FrameRef(&outbox_.at(++i))) : to.push(first);
    if (pushed != hub::Push::queued) return false;
  }
  outbox_.close_and_clear();
  link_->flush(link_->own_channel_);
  return true;
}

}  // namespace corohub::gateway::engineio
