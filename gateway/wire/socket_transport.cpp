#include "gateway/wire/socket_transport.hpp"

#include "core/departures.hpp"
#include "core/log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <new>
#include <utility>

#include <sys/ioctl.h>
#include <sys/socket.h>

namespace corohub::gateway {

using boost::system::error_code;

SocketTransport::SocketTransport(Socket socket, Wheel& wheel, const Clock& clock,
                                 const WriteTimeouts& timeouts, hub::Outbox& outbox,
                                 std::shared_ptr<TransportListener> listener) noexcept
    : sender_(std::move(socket), outbox),
      wheel_(wheel),
      clock_(clock),
      timeouts_(timeouts),
      listener_(std::move(listener)) {}

void SocketTransport::tell_open() noexcept {
  try {
    listener_->on_open(*this);
  } catch (const std::exception& failure) {
    log::error("transport.open_failed", {{"transport", name()}, {"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
  flush();
}

// ---- writing ----

void SocketTransport::flush() noexcept {
  if (dead_ || writing_) return;
  switch (sender_.flush()) {
    case Sender::Flushed::all:
      break;
    case Sender::Flushed::failed:
      return abort();
    case Sender::Flushed::some:
      start_write_loop();
      break;
  }
  note_progress_of_end();
}

void SocketTransport::flush_queue() noexcept {
  sender_.look_further();
  flush();
}

void SocketTransport::leave(hub::Outbox& from, hub::Outbox& to) noexcept {
  try {
    sender_.leave(from, to);
  } catch (const std::bad_alloc&) {
    abort();
  }
}

void SocketTransport::start_write_loop() noexcept {
  writing_ = true;
  try {
    progress_ = std::make_unique<SendProgress>(timeouts_.write, sender_.acknowledged(), now());
    arm_by(progress_->next_look());
    write_loop(shared_from_this());
  } catch (const std::bad_alloc&) {
    abort();
  }
}

// Lives only while the socket is full.
Detached SocketTransport::write_loop(std::shared_ptr<SocketTransport> /*keeps this*/) {
  try {
    for (;;) {
      const error_code error = co_await SocketReady(socket(), Socket::wait_write);
      if (dead_) co_return;
      if (error) co_return abort();
      const Sender::Flushed flushed = sender_.flush();
      if (flushed == Sender::Flushed::failed) co_return abort();
      note_progress_of_end();
      if (flushed == Sender::Flushed::all) break;
    }
    writing_ = false;
    progress_.reset();
    if (!closing_) listener_->on_low_water();
  } catch (const std::exception& failure) {
    log::error("transport.write_failed", {{"transport", name()}, {"cause", failure.what()}});
    abort();
  }
}

// ---- closing ----

void SocketTransport::close(CloseReason reason, Drain drain) noexcept {
  if (closing_) return;
  begin_closing(reason);
  try {
    end_sending(farewell(reason) + last_bytes(reason), drain);
  } catch (const std::bad_alloc&) {
    abort();
  }
}

// The last messages of the protocol, as this carrier's bytes.
std::string SocketTransport::farewell(CloseReason reason) {
  std::string bytes;
  for (const std::string& text : {listener_->farewell(reason), listener_->carrier_farewell(reason)}) {
    if (!text.empty())
      bytes += wrap().frame(text, Wrap::Part::whole, hub::Audience::one_connection())->bytes();
  }
  return bytes;
}

void SocketTransport::begin_closing(CloseReason reason) noexcept {
  if (closing_) return;
  closing_ = true;
  reason_ = reason;
  close_due_ = now() + timeouts_.drain;
  arm_by(close_due_);
  on_closing();
}

void SocketTransport::end_sending(std::string last_bytes, Drain drain) noexcept {
  try {
    sender_.end(std::move(last_bytes), drain);
  } catch (const std::bad_alloc&) {
    return abort();
  }
  if (dead_) return;
  note_progress_of_end();
  flush();
}

void SocketTransport::note_progress_of_end() noexcept {
  if (!last_out_ && sender_.ended()) {
    last_out_ = true;
    close_due_ = now() + timeouts_.close;
    arm_by(close_due_);
  }
  if (last_out_ && sender_.finished()) on_all_sent();
}

void SocketTransport::abort() noexcept {
  if (dead_) return;
  dead_ = true;
  closing_ = true;
  error_code ignored;
  socket().set_option(asio::socket_base::linger(true, 0), ignored);
  socket().close(ignored);
  on_closing();
}

std::optional<std::size_t> SocketTransport::discard_input() noexcept {
  std::array<char, 4096> bytes;
  const ssize_t received = ::recv(socket().native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (received > 0) return static_cast<std::size_t>(received);
  const bool nothing_yet = received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  return nothing_yet ? std::optional<std::size_t>(0) : std::nullopt;
}

std::size_t SocketTransport::arrived_bytes() noexcept {
  int bytes = 0;
  return ::ioctl(socket().native_handle(), FIONREAD, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

void SocketTransport::finish() noexcept {
  dead_ = true;
  closing_ = true;
  wheel_.disarm(*this);
  try {
    asio::io_context& context = socket().get_executor().context();
    asio::use_service<Departures>(context).let_go([self = shared_from_this()] { self->finish_now(); });
  } catch (const std::bad_alloc&) {
    finish_now();
  }
}

void SocketTransport::finish_now() noexcept {
  error_code ignored;
  socket().close(ignored);
  tell_closed();
}

void SocketTransport::tell_closed() noexcept {
  if (!std::exchange(told_closed_, true)) listener_->on_closed(reason_);
}

// ---- time ----

void SocketTransport::arm_by(SteadyTime due) noexcept {
  if (due >= armed_ || dead_) return;
  armed_ = due;
  wheel_.arm(*this, due);
}

void SocketTransport::on_due(SteadyTime now) noexcept {
  armed_ = never;
  if (dead_) return;
  if (closing_)
    closing_due(now);
  else if (progress_ && !progress_->look(sender_.acknowledged(), now))
    close(CloseReason::slow_consumer, Drain::no);
  else
    on_open_due(now);
  arm_by(next_due());
}

void SocketTransport::closing_due(SteadyTime now) noexcept {
  if (now < close_due_) return;
  try {
    if (last_out_) {
      if (!end_waits_for_reader() || !is_still_taken(now)) abort();
      return;
    }
    sender_.end_now();
  } catch (const std::bad_alloc&) {
    return abort();
  }
  note_progress_of_end();
  flush();
}

// The peer reads on, so that its end has more time: while it acknowledges, and then once more for its end.
bool SocketTransport::is_still_taken(SteadyTime now) {
  const bool all_taken = sender_.finished() && unacknowledged_bytes(socket().native_handle()) == 0;
  if (all_taken) {
    close_due_ = now + timeouts_.close;
    return std::exchange(progress_, nullptr) != nullptr;
  }
  if (!progress_)
    progress_ = std::make_unique<SendProgress>(timeouts_.write, sender_.acknowledged(), now);
  else if (!progress_->look(sender_.acknowledged(), now))
    return false;
  close_due_ = progress_->next_look();
  return true;
}

}  // namespace corohub::gateway
