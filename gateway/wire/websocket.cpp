#include "gateway/wire/websocket.hpp"

#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/random.hpp"
#include "gateway/wire/frames.hpp"
#include "gateway/wire/wraps.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <memory>
#include <span>
#include <utility>

#include <boost/asio/post.hpp>

#include <sys/socket.h>

namespace corohub::gateway {
namespace {

using boost::system::error_code;

// What one read takes: a bit of everybody's, or much of a large frame that is under way.
constexpr std::size_t read_bytes_min = 4096;
constexpr std::size_t read_bytes_max = 65'536;

struct Counters {
  metrics::Counter& pings = metrics::counter("corohub_websocket_pings_total", "Heartbeat pings sent.");
  metrics::Counter& throttled = metrics::counter(
      "corohub_websocket_throttled_total", "Times a client was not read from because it sent too much.");
};

Counters& counters() {
  static Counters all;
  return all;
}

class WebSocket final : public SocketTransport {
 public:
  WebSocket(WebSocketStart& start, const WebSocketPlace& place, hub::Outbox& outbox,
            std::shared_ptr<TransportListener> listener);
  ~WebSocket() override;

  void open(const std::string& head);

  // ---- Transport ----
  std::string_view name() const noexcept override { return "websocket"; }
  const Wrap& wrap() const noexcept override {
    return decoder_.deflate() ? websocket_deflate() : websocket_text();
  }
  void pause_reading() noexcept override { paused_ = true; }
  void resume_reading() noexcept override;
  void allow_large_messages() noexcept override { decoder_.limit_bytes(0); }
  bool is_receiving() const noexcept override { return decoder_.in_message(); }
  bool send_ahead(std::string_view text) noexcept override;
  void count_messages(std::uint32_t more) noexcept override { spend(0, more, 0); }

 private:
  // ---- SocketTransport ----
  std::string last_bytes(CloseReason reason) const override { return close_frame(reason); }
  void on_closing() noexcept override { wake(); }  // the peer's close frame is to be read
  SteadyTime open_due() const noexcept override;
  void on_open_due(SteadyTime now) noexcept override;

  void begin_heartbeat() noexcept;
  Detached run(std::shared_ptr<SocketTransport> self);
  bool reading_held() const noexcept { return !closing() && (paused_ || held_); }
  void begin_reading() noexcept;
  void park();
  void wake() noexcept;

  enum class Intake : std::uint8_t { more, end_of_messages, end_of_file };
  Intake receive();
  Intake take_in(std::span<char> bytes);
  bool act_on(const Received& received);
  void deliver(MessageKind kind, std::string_view payload) noexcept;
  void send_control(std::string_view frame) noexcept;
  void charge(std::size_t bytes, const Received& received) noexcept;
  void spend(std::size_t bytes, std::uint32_t messages, std::uint32_t control) noexcept;
  void note_unfinished(bool began) noexcept;

  void check_budget(SteadyTime now) noexcept;
  void send_ping_if_due(SteadyTime now) noexcept;

  const WebSocketSettings& settings_;
  std::string unread_;  // received, and not looked at
  FrameDecoder decoder_;
  InboundBudget budget_;
  std::shared_ptr<WebSocket> parked_;  // this, while nothing is read: run() has ended and begins anew

  SteadyTime ping_due_ = never;
  SteadyTime pong_due_ = never;
  SteadyTime message_due_ = never;

  std::atomic<std::size_t>* open_count_;
  bool limited_;
  bool paused_ = false;  // by the listener
  bool held_ = false;    // by the budget
};

WebSocket::WebSocket(WebSocketStart& start, const WebSocketPlace& place, hub::Outbox& outbox,
                     std::shared_ptr<TransportListener> listener)
    : SocketTransport(std::move(start.socket), place.wheel, place.clock, place.settings.timeouts, outbox,
                      std::move(listener)),
      settings_(place.settings),
      unread_(std::move(start.unread)),
      decoder_(place.settings.messages, start.deflate),
      budget_(place.settings.rates, now()),
      open_count_(place.open),
      limited_(start.limited) {
  decoder_.limit_bytes(small_message_bytes);
  if (open_count_ != nullptr) open_count_->fetch_add(1, std::memory_order_relaxed);
}

WebSocket::~WebSocket() {
  if (open_count_ != nullptr) open_count_->fetch_sub(1, std::memory_order_relaxed);
}

void WebSocket::open(const std::string& head) {
  sender().add_control(head);
  begin_heartbeat();
  arm_by(open_due());
  tell_open();
  begin_reading();
}

void WebSocket::begin_heartbeat() noexcept {
  if (settings_.ping_interval.count() == 0) return;
  const auto interval = static_cast<std::uint32_t>(settings_.ping_interval.count());
  // Many who connect at once must not be pinged at once for ever after.
  ping_due_ = now() + std::chrono::milliseconds(random_below(interval));
  pong_due_ = now() + settings_.pong_timeout;
}

// ---- reading ----

void WebSocket::begin_reading() noexcept {
  const std::shared_ptr<SocketTransport> self = shared_from_this();
  try {
    run(self);
  } catch (const std::bad_alloc&) {
    abort();
    finish();
  }
}

Detached WebSocket::run(std::shared_ptr<SocketTransport> /*keeps this*/) {
  Intake intake = Intake::more;
  try {
    while (intake == Intake::more) {
      if (reading_held()) co_return park();
      if (unread_.empty()) {
        const error_code error = co_await SocketReady(socket(), Socket::wait_read);
        if (error) break;
        if (reading_held()) continue;
      }
      intake = receive();
    }
  } catch (const std::exception& failure) {
    log::error("websocket.read_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
  // The closing handshake is done or useless. Nothing is left but the end of the TCP connection, and the
  // session need not wait for that.
  if (closing() && sender().finished()) tell_closed();
  // What we still owe leaves; then our half is closed, and what the client sends is thrown away until it
  // closes too: a socket closed with unread bytes would take our last words back. A deadline ends every wait.
  try {
    bool waiting = closing() && intake != Intake::end_of_file;
    while (waiting && !dead() && !sender().finished()) {
      const error_code error = co_await SocketReady(socket(), Socket::wait_write);
      waiting = !error;
      flush();
    }
    if (waiting && !dead()) {
      error_code ignored;
      socket().shutdown(Socket::shutdown_send, ignored);
    }
    while (waiting && !dead() && discard_input().has_value()) {
      const error_code error = co_await SocketReady(socket(), Socket::wait_read);
      waiting = !error;
    }
  } catch (const std::exception& failure) {
    log::error("websocket.goodbye_failed", {{"cause", failure.what()}});
  }
  finish();
}

void WebSocket::park() { parked_ = std::static_pointer_cast<WebSocket>(shared_from_this()); }

// In a turn of its own: whoever calls is in the middle of something.
void WebSocket::wake() noexcept {
  if (!parked_) return;
  try {
    asio::post(socket().get_executor(), [self = parked_] {
      if (std::exchange(self->parked_, nullptr)) self->begin_reading();
    });
  } catch (const std::exception&) {
    log::error("websocket.out_of_memory");  // the next deadline tries again
  }
}

void WebSocket::resume_reading() noexcept {
  paused_ = false;
  wake();
}

// What is there, once: then the others of the thread have their turn.
WebSocket::Intake WebSocket::receive() {
  if (!unread_.empty()) {
    std::string bytes = std::exchange(unread_, {});
    return take_in(bytes);
  }
  static thread_local std::array<char, read_bytes_max> buffer;
  const auto wanted = std::clamp<std::uint64_t>(decoder_.left(), read_bytes_min, read_bytes_max);
  const ssize_t size =
      ::recv(socket().native_handle(), buffer.data(), static_cast<std::size_t>(wanted), MSG_DONTWAIT);
  if (size > 0) return take_in(std::span(buffer).first(static_cast<std::size_t>(size)));
  if (size == 0) return Intake::end_of_file;
  const bool nothing_there = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return nothing_there ? Intake::more : Intake::end_of_file;
}

WebSocket::Intake WebSocket::take_in(std::span<char> bytes) {
  bool began = !decoder_.unfinished();
  while (!reading_held()) {
    const std::size_t before = bytes.size();
    const Received received = decoder_.next(bytes);
    // What inflating adds is work too.
    charge(before - bytes.size() + received.grown, received);
    if (received.kind == Received::Kind::nothing) break;
    if (!act_on(received)) return Intake::end_of_messages;
    began = began || !decoder_.unfinished();
  }
  unread_.assign(bytes.begin(), bytes.end());
  if (budget_.is_behind() && unread_.empty() && arrived_bytes() == 0) budget_.caught_up();
  note_unfinished(began);
  flush();  // the answers to pings, together
  return Intake::more;
}

// False: nothing more is to be read.
bool WebSocket::act_on(const Received& received) {
  switch (received.kind) {
    case Received::Kind::text:
      deliver(MessageKind::text, received.payload);
      return true;
    case Received::Kind::binary:
      deliver(MessageKind::binary, received.payload);
      return true;
    case Received::Kind::ping:
      send_control(control_frame(Opcode::pong, received.payload));
      return true;
    case Received::Kind::pong:
      // Later than what is armed: on_due() finds out by itself.
      if (pong_due_ != never) pong_due_ = now() + settings_.pong_timeout;
      return true;
    case Received::Kind::close:
      if (closing()) return false;
      begin_closing(CloseReason::normal);
      end_sending(control_frame(Opcode::close, received.payload), settings_.on_client_close);
      return false;
    case Received::Kind::broken:
      close(received.reason, Drain::yes);
      return false;
    case Received::Kind::nothing:
      break;
  }
  return true;
}

void WebSocket::deliver(MessageKind kind, std::string_view payload) noexcept {
  if (closing()) return;
  try {
    listener().on_message(kind, payload);
  } catch (const std::exception& failure) {
    log::error("websocket.message_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
}

// Leaves with the next flush. One who does not read what he asks for is slow.
void WebSocket::send_control(std::string_view frame) noexcept {
  if (closing()) return;
  try {
    if (!sender().add_control(frame)) close(CloseReason::slow_consumer, Drain::no);
  } catch (const std::bad_alloc&) {
    close(CloseReason::internal_error, Drain::no);
  }
}

bool WebSocket::send_ahead(std::string_view text) noexcept {
  if (closing()) return false;
  try {
    send_control(message_frame(Opcode::text, text)->bytes());
  } catch (const std::bad_alloc&) {
    close(CloseReason::internal_error, Drain::no);
  }
  flush();
  return !closing();
}

void WebSocket::note_unfinished(bool began) noexcept {
  if (closing()) return;
  if (!decoder_.unfinished()) {
    message_due_ = never;
  } else if (began || message_due_ == never) {
    message_due_ = now() + settings_.message_timeout;
    arm_by(message_due_);
  }
}

void WebSocket::charge(std::size_t bytes, const Received& received) noexcept {
  using Kind = Received::Kind;
  if (!limited_ || closing()) return;
  const Kind kind = received.kind;
  const bool whole = kind == Kind::text || kind == Kind::binary;
  const bool heartbeat = whole && listener().is_heartbeat(received.payload);
  const bool message = whole && !heartbeat;
  const bool control = heartbeat || kind == Kind::ping || kind == Kind::pong || kind == Kind::close;
  spend(bytes, message ? 1 : 0, control ? 1 : 0);
}

void WebSocket::spend(std::size_t bytes, std::uint32_t messages, std::uint32_t control) noexcept {
  if (!limited_ || closing()) return;
  const bool was_in_episode = budget_.in_episode();
  budget_.spend(bytes, messages, control, now());
  if (!budget_.in_debt()) return;
  held_ = true;
  arm_by(open_due());
  if (was_in_episode) return;
  counters().throttled.Increment();
  try {
    listener().on_throttled();
  } catch (const std::exception&) {
    close(CloseReason::internal_error, Drain::no);
  }
}

// ---- time ----

SteadyTime WebSocket::open_due() const noexcept {
  const SteadyTime budget_due =
      limited_ ? std::min(budget_.patience_ends(), held_ ? budget_.out_of_debt() : never) : never;
  return std::min({ping_due_, pong_due_, message_due_, budget_due});
}

void WebSocket::on_open_due(SteadyTime now) noexcept {
  if (!reading_held()) wake();
  if (now >= pong_due_) return close(CloseReason::pong_timeout, Drain::yes);
  if (now >= message_due_) return close(CloseReason::message_timeout, Drain::yes);
  if (limited_) check_budget(now);
  send_ping_if_due(now);
}

void WebSocket::check_budget(SteadyTime now) noexcept {
  budget_.refill(now);
  if (now >= budget_.patience_ends()) return close(CloseReason::rate_limited, Drain::yes);
  if (!held_ || budget_.in_debt()) return;
  held_ = false;
  wake();
}

void WebSocket::send_ping_if_due(SteadyTime now) noexcept {
  if (closing() || now < ping_due_) return;
  ping_due_ = std::max(ping_due_ + settings_.ping_interval, now);
  counters().pings.Increment();
  send_control(ping_frame);
  flush();
}

}  // namespace

void start_websocket(WebSocketStart start, const WebSocketPlace& place, hub::Outbox& outbox,
                     std::shared_ptr<TransportListener> listener) {
  const auto connection = std::make_shared<WebSocket>(start, place, outbox, std::move(listener));
  connection->open(start.head);
}

}  // namespace corohub::gateway
