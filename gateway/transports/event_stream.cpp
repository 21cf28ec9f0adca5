#include "gateway/transports/event_stream.hpp"

#include "core/json.hpp"
#include "core/log.hpp"
#include "core/random.hpp"
#include "gateway/transports/sender.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/json/serialize.hpp>

#include <netinet/tcp.h>
#include <sys/socket.h>

namespace corohub::gateway {
namespace {

using boost::system::error_code;

constexpr SteadyTime never = SteadyTime::max();
constexpr auto as_result = asio::as_tuple(asio::deferred);
constexpr std::string_view end_of_body = "0\r\n\r\n";

class EventStream final : public Transport, public Timed, public std::enable_shared_from_this<EventStream> {
 public:
  EventStream(Socket socket, const EventStreamPlace& place, hub::Outbox& outbox,
              std::shared_ptr<TransportListener> listener)
      : settings_(place.settings),
        wheel_(place.wheel),
        clock_(place.clock),
        listener_(std::move(listener)),
        sender_(std::move(socket), outbox) {}

  void open(std::string head);

  // ---- Transport ----
  std::string_view name() const noexcept override { return "sse"; }
  hub::WireFormat format() const noexcept override { return hub::WireFormat::event_stream; }
  void flush() noexcept override;
  void close(CloseReason reason, Drain drain) noexcept override;
  void abort() noexcept override;
  void pause_reading() noexcept override {}  // nothing is read
  void resume_reading() noexcept override {}

  // ---- Timed ----
  void on_due(SteadyTime now) noexcept override;

 private:
  Task<> run(std::shared_ptr<EventStream> self);
  Task<> write_loop(std::shared_ptr<EventStream> self);
  void finish() noexcept;

  Socket& socket() noexcept { return sender_.socket(); }
  bool discard_input() noexcept;
  std::string last_words() const;
  void end_sending(Drain drain) noexcept;
  void note_progress_of_end() noexcept;
  void start_write_loop();
  void send_comment_if_due(SteadyTime now) noexcept;
  SteadyTime next_due() const noexcept;
  void arm_by(SteadyTime due) noexcept;

  const EventStreamSettings& settings_;
  Wheel& wheel_;
  const Clock& clock_;
  std::shared_ptr<TransportListener> listener_;
  Sender sender_;
  std::size_t received_ = 0;

  SteadyTime armed_ = never;
  SteadyTime comment_due_ = never;
  SteadyTime write_due_ = never;
  SteadyTime close_due_ = never;  // of the drain, then of the peer's end

  CloseReason reason_ = CloseReason::peer_gone;
  bool writing_ = false;   // write_loop runs
  bool closing_ = false;   // reason_ is final
  bool last_out_ = false;  // the last event is on its way
  bool shut_ = false;      // our half of the connection is closed
  bool dead_ = false;      // the socket is closed
};

// ---- the beginning and the end ----

void EventStream::open(std::string head) {
  const std::uint32_t spread = settings_.retry_ms_max - settings_.retry_ms_min;
  const std::uint32_t retry = settings_.retry_ms_min + random_below(spread + 1);
  // A field of the event that follows, which is the welcome.
  head += hub::http_chunk("retry: " + std::to_string(retry) + "\n");
  sender_.add_control(head);
  const auto timeout = static_cast<unsigned>(settings_.dead_peer_timeout.count());
  ::setsockopt(socket().native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);

  const auto interval = static_cast<std::uint32_t>(settings_.comment_interval.count());
  // Many who connect at once must not be written to at once for ever after.
  comment_due_ = clock_.steady() + std::chrono::milliseconds(random_below(std::max(1U, interval)));
  arm_by(next_due());
  asio::co_spawn(socket().get_executor(), run(shared_from_this()), [](const std::exception_ptr& failure) {
    if (failure) log::error("stream.failed");
  });
  try {
    listener_->on_open(*this);
  } catch (const std::exception& failure) {
    log::error("stream.open_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
  flush();
}

// A client has nothing to say here; what is waited for is its end.
Task<> EventStream::run(std::shared_ptr<EventStream> /*keeps this*/) {
  while (!dead_) {
    const auto [error] = co_await socket().async_wait(Socket::wait_read, as_result);
    if (error || dead_ || !discard_input()) break;
  }
  finish();
}

// True while more may come.
bool EventStream::discard_input() noexcept {
  std::array<char, 4096> bytes;
  const ssize_t received = ::recv(socket().native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  if (received < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  received_ += static_cast<std::size_t>(received);
  return received > 0 && received_ <= settings_.inbound_bytes_max;
}

void EventStream::finish() noexcept {
  dead_ = true;
  closing_ = true;
  wheel_.disarm(*this);
  error_code ignored;
  socket().close(ignored);
  listener_->on_closed(reason_);
}

// ---- writing ----

void EventStream::flush() noexcept {
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

void EventStream::start_write_loop() {
  sender_.mark_backlog();
  write_due_ = clock_.steady() + settings_.write_timeout;
  arm_by(write_due_);
  try {
    asio::co_spawn(socket().get_executor(), write_loop(shared_from_this()),
                   [](const std::exception_ptr& failure) {
                     if (failure) log::error("stream.write_failed");
                   });
    writing_ = true;
  } catch (const std::bad_alloc&) {
    abort();
  }
}

// Lives only while the socket is full.
Task<> EventStream::write_loop(std::shared_ptr<EventStream> /*keeps this*/) {
  for (;;) {
    const auto [error] = co_await socket().async_wait(Socket::wait_write, as_result);
    if (dead_) co_return;
    if (error) co_return abort();
    const Sender::Flushed flushed = sender_.flush();
    if (flushed == Sender::Flushed::failed) co_return abort();
    note_progress_of_end();
    if (flushed == Sender::Flushed::all) break;
    if (sender_.backlog() == 0) {
      sender_.mark_backlog();
      write_due_ = clock_.steady() + settings_.write_timeout;
    }
  }
  writing_ = false;
  write_due_ = never;
  if (!closing_) listener_->on_low_water();
}

// ---- closing ----

void EventStream::close(CloseReason reason, Drain drain) noexcept {
  if (closing_) return;
  closing_ = true;
  reason_ = reason;
  close_due_ = clock_.steady() + settings_.drain_timeout;
  arm_by(close_due_);
  end_sending(drain);
}

std::string EventStream::last_words() const {
  const json::value data{{"code", close_code(reason_)}, {"reason", corohub::name(reason_)}};
  hub::EventDraft draft{"connection.closed", json::serialize(data), hub::Audience::one_connection()};
  const hub::Event event(std::move(draft), 0, clock_.unix_ms());
  std::string bytes(event.frame(format())->bytes());
  return bytes.append(end_of_body);
}

void EventStream::end_sending(Drain drain) noexcept {
  try {
    sender_.end(last_words(), drain);
  } catch (const std::bad_alloc&) {
    return abort();
  }
  if (dead_) return;
  note_progress_of_end();
  flush();
}

// Once all is out our half is closed, and the client's end is waited for: a socket closed with unread bytes
// would take our last words back.
void EventStream::note_progress_of_end() noexcept {
  if (!last_out_ && sender_.ended()) {
    last_out_ = true;
    close_due_ = clock_.steady() + settings_.close_timeout;
    arm_by(close_due_);
  }
  if (shut_ || !sender_.finished()) return;
  shut_ = true;
  error_code ignored;
  socket().shutdown(Socket::shutdown_send, ignored);
}

void EventStream::abort() noexcept {
  if (dead_) return;
  dead_ = true;
  closing_ = true;
  error_code ignored;
  socket().set_option(asio::socket_base::linger(true, 0), ignored);
  socket().close(ignored);
}

// ---- time ----

void EventStream::arm_by(SteadyTime due) noexcept {
  if (due >= armed_ || dead_) return;
  armed_ = due;
  wheel_.arm(*this, due);
}

SteadyTime EventStream::next_due() const noexcept {
  return closing_ ? close_due_ : std::min(comment_due_, write_due_);
}

void EventStream::on_due(SteadyTime now) noexcept {
  armed_ = never;
  if (dead_) return;
  if (closing_) {
    if (now >= close_due_ && last_out_) return abort();
    if (now >= close_due_) end_sending(Drain::no);
  } else if (now >= write_due_) {
    close(CloseReason::slow_consumer, Drain::no);
  } else {
    send_comment_if_due(now);
  }
  arm_by(next_due());
}

void EventStream::send_comment_if_due(SteadyTime now) noexcept {
  if (now < comment_due_) return;
  comment_due_ = std::max(comment_due_ + settings_.comment_interval, now);
  try {
    static const std::string comment = hub::http_chunk(":\n\n");
    if (!sender_.add_control(comment)) return close(CloseReason::slow_consumer, Drain::no);
  } catch (const std::bad_alloc&) {
    return;
  }
  flush();
}

}  // namespace

void start_event_stream(Socket socket, std::string head, const EventStreamPlace& place, hub::Outbox& outbox,
                        std::shared_ptr<TransportListener> listener) {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  const auto stream = std::make_shared<EventStream>(std::move(socket), place, outbox, std::move(listener));
  stream->open(std::move(head));
}

}  // namespace corohub::gateway
