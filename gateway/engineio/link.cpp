#include "gateway/engineio/link.hpp"

#include "core/log.hpp"
#include "gateway/engineio/counters.hpp"
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
constexpr std::chrono::milliseconds not_kept{0};

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

hub::Outbox* Link::next_outbox(const hub::Outbox& in_hand) noexcept {
  const auto is_unfinished = [&](const Channel& channel) {
    return &channel.outbox_ == &in_hand && !in_hand.empty();
  };
  if (const auto found = std::ranges::find_if(channels_, is_unfinished); found != channels_.end()) {
    found->ready_ = true;
    channels_.splice(channels_.end(), channels_, found);
  }
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
      polling_->poll.answer({Reply::Kind::frame, std::move(payload)});
      return consume_all();
    }
  } catch (const std::bad_alloc&) {
    log::error("engineio.out_of_memory");
  }
  note_waiting();
}

void Link::note_waiting() noexcept {
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
  const bool is_kept = leg_ == nullptr && !(polling_ && polling_->poll);
  for (Channel& channel : channels_) {
    if (is_kept) channel.outbox_.discard_from_first_impersonal(0);
    channel.ready_ = !channel.outbox_.empty();
  }
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
  if (polls) polling_->poll.answer({Reply::Kind::frame, std::move(words)});
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

void Link::give_up() noexcept {
  leg_ = nullptr;
  end(CloseReason::internal_error, Drain::no, {}, not_kept);
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
  const bool is_asked = pong_due_ != never && !(polling_ && polling_->ping_waits);
  if (!is_asked) return;
  begin_heartbeat(now());
  arm();
}

}  // namespace corohub::gateway::engineio
