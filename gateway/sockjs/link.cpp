#include "gateway/sockjs/link.hpp"

#include "core/log.hpp"
#include "gateway/sockjs/directory.hpp"
#include "gateway/sockjs/messages.hpp"
#include "gateway/sockjs/wraps.hpp"

#include <algorithm>
#include <exception>
#include <limits>
#include <new>
#include <utility>

namespace corohub::gateway::sockjs {
namespace {

constexpr SteadyTime never = SteadyTime::max();
constexpr std::size_t whole_outbox = std::numeric_limits<std::size_t>::max();
constexpr std::string_view another_receiver = R"(c[2010,"Another connection still open"])";
constexpr std::string_view interrupted = R"(c[1002,"Connection interrupted"])";

Reply frame(std::string_view text, bool stray = false) {
  return {Reply::Kind::frame, std::string(text), stray};
}

}  // namespace

Link::Link(Directory& directory, std::string id, Owner owner, Listening listening)
    : directory_(directory),
      id_(std::move(id)),
      owner_(std::move(owner)),
      listener_(std::move(listening.listener)),
      outbox_(listening.outbox),
      receiver_due_(directory.place().now() + directory.settings().gone_after),
      budget_(directory.settings().rates, directory.place().now()),
      limited_(listening.limited) {
  arm();
}

Link::~Link() {
  if (stage_ == Stage::ended) directory_.let_go_of_ended(kept_bytes_);
}

const Wrap& Link::wrap() const noexcept { return item_wrap(); }

// ---- receivers ----

void Link::poll(std::uint64_t number, Ticket ticket) noexcept {
  try {
    if (has_receiver()) return ticket.answer(frame(another_receiver, true));
  } catch (const std::bad_alloc&) {
    return;
  }
  poll_ = std::move(ticket);
  poll_number_ = number;
  try {
    receiver_came();
  } catch (const std::bad_alloc&) {
    poll_ = Ticket();
    receiver_left();
  }
}

void Link::stream(std::shared_ptr<Stream> stream) noexcept {
  try {
    if (has_receiver()) {
      stream->say(another_receiver);
      return stream->end();
    }
  } catch (const std::bad_alloc&) {
    return stream->abort();
  }
  stream_ = stream;
  stream->belong_to(weak_from_this());
  if (!stream->is_open()) return on_stream_lost(CloseReason::peer_gone);
  try {
    receiver_came();
  } catch (const std::bad_alloc&) {
    stream->abort();
    receiver_left();
  }
}

void Link::receiver_came() {
  if (stage_ == Stage::ended) return say_last_words(true);
  receiver_due_ = now() + directory_.settings().heartbeat;
  const bool was_full = full_;
  if (stage_ == Stage::opening) open();
  if (stage_ == Stage::open) deliver();
  if (was_full && !full_) tell_low_water();
  hear();
}

void Link::open() {
  if (poll_) {
    poll_.answer(frame(open_frame));
    receiver_left();
  } else {
    stream_->say(open_frame);
  }
  stage_ = Stage::open;
  busy_ = true;
  try {
    listener_->on_open(*this);
  } catch (const std::exception& failure) {
    log::error("sockjs.open_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
  busy_ = false;
}

// Its client has gone away, and does not come back.
void Link::lose_poll(std::uint64_t number) noexcept {
  if (!poll_ || poll_number_ != number) return;
  poll_.answer(Reply{Reply::Kind::done, {}});  // nobody reads it
  lose_receiver(CloseReason::peer_gone);
}

void Link::on_stream_lost(CloseReason reason) noexcept {
  stream_.reset();
  lose_receiver(reason);
}

void Link::lose_receiver(CloseReason reason) noexcept {
  if (stage_ == Stage::ended) return receiver_left();
  std::string why;
  try {
    why = reason == CloseReason::peer_gone ? std::string(interrupted) : close_frame_text(reason);
  } catch (const std::bad_alloc&) {
    forgotten_ = true;  // there is no memory to say it
  }
  end(reason, std::move(why));
}

// From now on the client has the time to send another. A session that has ended is not kept longer by those
// who ask.
void Link::receiver_left() noexcept {
  stream_.reset();
  if (stage_ != Stage::ended) receiver_due_ = now() + directory_.settings().gone_after;
  arm();
}

// ---- what waits ----

// Whole messages, as one frame: at least one of them, and more while there is room.
Link::Batch Link::next_batch(std::size_t bytes_max) const {
  Batch batch{"a[", 0};
  auto& [text, bytes] = batch;
  std::uint32_t frames = 0;
  while (frames < outbox_->frames() && (bytes == 0 || bytes < bytes_max)) {
    if (bytes > 0) text += ',';
    bool joined = true;
    for (; joined && frames < outbox_->frames(); ++frames) {
      const hub::Frame& part = outbox_->at(frames);
      text += part.bytes();
      bytes += part.size();
      joined = part.is_joined_to_next();
    }
  }
  text += ']';
  return batch;
}

// To whoever receives. What has no memory on its way is still in the outbox. A stream that is spent ends once
// its socket has taken all: the deadline for a client that does not read is the stream's own.
void Link::deliver() noexcept {
  try {
    if (poll_ && !outbox_->empty()) {
      Batch batch = next_batch(whole_outbox);
      poll_.answer({Reply::Kind::frame, std::move(batch.frame)});
      outbox_->consume(batch.bytes);
      receiver_left();
    }
    while (stream_ && !stream_->is_full() && !stream_->is_spent() && !outbox_->empty()) {
      const Batch batch = next_batch(stream_frame_bytes);
      stream_->say(batch.frame);
      outbox_->consume(batch.bytes);
    }
    const bool has_had_all = stream_ && (stream_->is_spent() || (stream_->is_short() && stream_->has_said()));
    if (has_had_all && !stream_->is_full()) {
      spent_stream_ = stream_;
      stream_->end();
      receiver_left();
    }
  } catch (const std::bad_alloc&) {
    log::error("sockjs.out_of_memory");  // what waits goes on waiting
  }
  full_ = !outbox_->empty();
}

// What has room for one batch gets all at once that a beginning or an array of messages causes.
void Link::flush() noexcept {
  const bool once = poll_ || (stream_ && stream_->is_short());
  if (stage_ == Stage::open && !(busy_ && once)) deliver();
}

void Link::on_stream_ready() noexcept {
  if (stage_ != Stage::open) return;
  const bool was_full = full_;
  deliver();
  if (was_full && !full_) tell_low_water();
}

void Link::tell_low_water() noexcept {
  try {
    listener_->on_low_water();
  } catch (const std::exception& failure) {
    log::error("sockjs.low_water_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
}

// ---- the end ----

void Link::close(CloseReason reason, Drain drain) noexcept {
  if (stage_ == Stage::ended) return;
  std::string why;
  try {
    if (drain == Drain::yes && !outbox_->empty()) words_.push_back(next_batch(whole_outbox).frame);
    const std::string farewell = listener_->farewell(reason);
    if (!farewell.empty()) words_.push_back(message_frame_text(farewell));
    why = close_frame_text(reason);
  } catch (const std::exception&) {
    forgotten_ = true;  // there is no memory to say it
  }
  end(reason, std::move(why));
}

void Link::abort() noexcept {
  if (stream_) stream_->abort();
  stream_.reset();
  lose_receiver(CloseReason::peer_gone);
}

// The listener is told in a turn of its own: whoever calls may be the listener.
void Link::end(CloseReason reason, std::string close_frame) noexcept {
  if (stage_ == Stage::ended) return;
  opened_ = stage_ == Stage::open;
  stage_ = Stage::ended;
  reason_ = reason;
  close_frame_ = std::move(close_frame);
  full_ = false;
  for (const std::string& word : words_) kept_bytes_ += word.size();
  receiver_due_ = now() + directory_.settings().gone_after;
  say_last_words(false);
  if (!directory_.keeps_ended(kept_bytes_)) forgotten_ = true;
  settle_later();
}

// What is left, and why it has ended: to whoever receives, if anybody does. Late: the request came after the
// end; the first such request is a client's ordinary next one.
void Link::say_last_words(bool late) noexcept {
  try {
    if (poll_) {
      std::string words = close_frame_;
      if (!words_.empty()) {
        words = std::move(words_.front());
        words_.erase(words_.begin());
      }
      poll_.answer({Reply::Kind::frame, std::move(words), late && told_end_});
      told_end_ = true;  // whoever asks again is of no use
    } else if (stream_) {
      for (const std::string& word : words_) stream_->say(word);
      words_.clear();
      stream_->say(close_frame_);
      stream_->end();
    }
  } catch (const std::bad_alloc&) {
    poll_ = Ticket();
    if (stream_) stream_->abort();
  }
  receiver_left();
}

// ---- what the client says ----

void Link::send(std::vector<std::string> messages, Ticket ticket) {
  if (stage_ == Stage::ended) return ticket.answer({Reply::Kind::done, {}, true});  // as behind a close frame
  if (sends_.size() >= sends_waiting_max) return ticket.answer({Reply::Kind::busy, {}});
  // A request without messages counts as one.
  if (limited_ && messages.empty()) budget_.spend(0, 1, 0, now());
  sends_.push_back({std::move(messages), 0, std::move(ticket)});
  hear();
}

bool Link::may_hear() const noexcept {
  return stage_ == Stage::open && !paused_ && !(limited_ && budget_.in_debt());
}

void Link::hear() noexcept {
  if (std::exchange(busy_, true)) return;
  while (may_hear() && !sends_.empty()) {
    Sending& sending = sends_.front();
    while (may_hear() && sending.next < sending.messages.size())
      hear_one(std::move(sending.messages[sending.next++]));
    if (!may_hear()) break;  // its answer waits, too: so the client does
    sending.ticket.answer({Reply::Kind::done, {}});
    sends_.erase(sends_.begin());
  }
  busy_ = false;
  if (stage_ != Stage::open) return;
  if (sends_.empty() && !budget_.in_debt()) budget_.caught_up();
  flush();
  arm();
}

void Link::hear_one(const std::string& message) noexcept {
  try {
    const bool was_in_episode = budget_.in_episode();
    const bool heartbeat = listener_->is_heartbeat(message);
    if (limited_) budget_.spend(message.size(), heartbeat ? 0 : 1, heartbeat ? 1 : 0, now());
    listener_->on_message(MessageKind::text, message);
    if (stage_ == Stage::open && budget_.in_episode() && !was_in_episode) listener_->on_throttled();
  } catch (const std::exception& failure) {
    log::error("sockjs.message_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
}

void Link::resume_reading() noexcept {
  paused_ = false;
  if (!sends_.empty()) settle_later();
}

// ---- what waits for a turn of its own ----

void Link::settle_later() noexcept {
  if (std::exchange(settles_, true)) return;
  later_.post(directory_.place().context, [self = shared_from_this()]() noexcept { self->settle(); });
}

void Link::settle() noexcept {
  settles_ = false;
  if (stage_ != Stage::ended) return hear();
  for (Sending& sending : std::exchange(sends_, {})) sending.ticket.answer({Reply::Kind::done, {}});
  outbox_ = nullptr;
  const std::shared_ptr<TransportListener> listener = std::move(listener_);
  if (listener && opened_) listener->on_closed(reason_);
  if (forgotten_) directory_.remove(*this);
}

// ---- time ----

SteadyTime Link::now() const noexcept { return directory_.place().now(); }

SteadyTime Link::next_due() const noexcept {
  if (stage_ != Stage::open || !limited_) return receiver_due_;
  const SteadyTime debt_due = budget_.in_debt() ? budget_.out_of_debt() : never;
  return std::min({receiver_due_, debt_due, budget_.patience_ends()});
}

void Link::arm() noexcept { directory_.place().wheel.arm_by(*this, next_due()); }

void Link::on_due(SteadyTime now) noexcept {
  if (stage_ == Stage::open && limited_) pay(now);
  if (now >= receiver_due_) {
    if (has_receiver())
      say_heartbeat(now);
    else if (is_being_read())
      receiver_due_ = now + directory_.settings().gone_after;
    else
      forget();
  }
  if (!forgotten_) arm();
}

void Link::pay(SteadyTime now) noexcept {
  budget_.refill(now);
  if (now >= budget_.patience_ends()) return close(CloseReason::rate_limited, Drain::yes);
  hear();
}

void Link::say_heartbeat(SteadyTime now) noexcept {
  receiver_due_ = now + directory_.settings().heartbeat;
  try {
    if (poll_) {
      poll_.answer(frame(heartbeat_frame));
      receiver_left();
    } else if (!stream_->is_full()) {
      stream_->say(heartbeat_frame);
    }
  } catch (const std::bad_alloc&) {
    log::error("sockjs.out_of_memory");  // the next one tries again
  }
}

// The client can't ask anew before it has read what the kernel has.
bool Link::is_being_read() const noexcept {
  const std::shared_ptr<Stream> spent = spent_stream_.lock();
  return stage_ == Stage::open && spent && spent->is_open();
}

// Nobody has asked for long.
void Link::forget() noexcept {
  forgotten_ = true;
  end(CloseReason::peer_gone, {});
  settle_later();
}

}  // namespace corohub::gateway::sockjs
