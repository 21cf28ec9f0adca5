#include "gateway/transports/websocket.hpp"

#include "core/encoding.hpp"
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "core/random.hpp"
#include "gateway/transports/frame_scanner.hpp"
#include "gateway/transports/frames.hpp"
#include "gateway/transports/gate.hpp"
#include "gateway/transports/sender.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <memory>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/websocket/stream.hpp>

#include <sys/socket.h>

namespace corohub::gateway {
namespace {

namespace beast_http = beast::http;
namespace websocket = beast::websocket;

constexpr SteadyTime never = SteadyTime::max();
// Operations cost least with this token: no coroutine of their own.
constexpr auto as_result = asio::as_tuple(asio::deferred);

// Asio keeps the memory of coroutines that ended for those that come next, however much smaller they are:
// good for a request, but a connection would sit for hours in what a request left, a kilobyte too large.
// Placeholders hold what is kept while the connection's own coroutine is born.
Task<> placeholder() { co_return; }

struct Counters {
  metrics::Counter& pings = metrics::counter("corohub_websocket_pings_total", "Heartbeat pings sent.");
  metrics::Counter& throttled = metrics::counter(
      "corohub_websocket_throttled_total", "Times a client was not read from because it sent too much.");
};

Counters& counters() {
  static Counters all;
  return all;
}

CloseReason reason_of(std::uint16_t code) noexcept {
  switch (code) {
    case websocket::close_code::bad_payload:
      return CloseReason::invalid_utf8;
    case websocket::close_code::too_big:
      return CloseReason::message_too_big;
    default:
      return CloseReason::protocol_error;
  }
}

std::uint16_t code_in(std::string_view frame) noexcept {
  if (frame.size() < 4) return 0;
  return static_cast<std::uint16_t>(static_cast<unsigned char>(frame[2]) << 8 |
                                    static_cast<unsigned char>(frame[3]));
}

// The message that is coming in: in place while it is small, on the heap when it grows, nothing while idle.
class Incoming {
 public:
  asio::mutable_buffer room() {
    if (large_.empty() && size_ < small_.size()) return {small_.data() + size_, small_.size() - size_};
    if (large_.empty()) large_.assign(small_.data(), size_);
    if (size_ == large_.size()) large_.resize(std::max(first_large_bytes, 2 * size_));
    return {large_.data() + size_, large_.size() - size_};
  }
  void add(std::size_t bytes) noexcept { size_ += bytes; }
  std::string_view view() const noexcept { return {large_.empty() ? small_.data() : large_.data(), size_}; }
  void clear() noexcept {
    size_ = 0;
    std::string().swap(large_);
  }

 private:
  static constexpr std::size_t first_large_bytes = 512;

  std::array<char, 64> small_;
  std::string large_;
  std::size_t size_ = 0;
};

class WebSocket final : public Transport,
                        public GateKeeper,
                        public Timed,
                        public std::enable_shared_from_this<WebSocket> {
 public:
  WebSocket(WebSocketStart& start, const WebSocketPlace& place, hub::Outbox& outbox,
            std::shared_ptr<TransportListener> listener);
  ~WebSocket() override;

  void accept(const WebSocketStart& start);
  void open();

  // ---- Transport ----
  std::string_view name() const noexcept override { return "websocket"; }
  hub::WireFormat format() const noexcept override { return hub::WireFormat::websocket_text; }
  void flush() noexcept override;
  void close(CloseReason reason, Drain drain) noexcept override;
  void abort() noexcept override;
  void pause_reading() noexcept override { paused_ = true; }
  void resume_reading() noexcept override;

  // ---- GateKeeper ----
  Socket& socket() noexcept override { return sender_.socket(); }
  bool has_unread() const noexcept override { return !unread_.empty(); }
  std::size_t receive(char* data, std::size_t size, error_code& error) noexcept override;
  bool reading_held() const noexcept override;
  beast::saved_handler& parked() noexcept override { return parked_; }
  void write(std::string_view bytes, error_code& error) noexcept override;

  // ---- Timed ----
  void on_due(SteadyTime now) noexcept override;

 private:
  void start_read_loop();
  Task<> run(std::shared_ptr<WebSocket> self);
  Task<> write_loop(std::shared_ptr<WebSocket> self);
  Task<> say_goodbye();
  void finish() noexcept;
  void tell_closed() noexcept;

  void on_control(websocket::frame_type kind) noexcept;
  void take_in(std::size_t bytes);
  void deliver(MessageKind kind, std::string_view payload) noexcept;
  void look_at(std::string_view bytes) noexcept;
  void charge(std::size_t bytes, const ScannedBytes& seen, SteadyTime now) noexcept;

  void answer_close(std::string_view frame) noexcept;
  void begin_closing(CloseReason reason) noexcept;
  void end_sending(std::string last_bytes, Drain drain) noexcept;
  void note_close_frame_out() noexcept;
  void send_now() noexcept;
  void start_write_loop();
  bool discard_input() noexcept;
  void wake_parked() noexcept;

  void closing_due(SteadyTime now) noexcept;
  bool broke_deadline(SteadyTime now) noexcept;
  void check_budget(SteadyTime now) noexcept;
  void send_ping_if_due(SteadyTime now) noexcept;
  SteadyTime next_due() const noexcept;
  void arm_by(SteadyTime due) noexcept;

  const WebSocketSettings& settings_;
  Wheel& wheel_;
  const Clock& clock_;
  std::shared_ptr<TransportListener> listener_;
  Sender sender_;
  websocket::stream<Gate, false> stream_;
  beast::saved_handler parked_;
  std::string unread_;
  Incoming incoming_;
  FrameScanner scanner_;
  InboundBudget budget_;

  SteadyTime armed_ = never;
  SteadyTime ping_due_ = never;
  SteadyTime pong_due_ = never;
  SteadyTime message_due_ = never;
  SteadyTime write_due_ = never;
  SteadyTime close_due_ = never;  // of the drain, then of the peer's close frame

  CloseReason reason_ = CloseReason::peer_gone;
  bool limited_;
  std::atomic<std::size_t>* open_count_;
  bool open_ = false;
  bool paused_ = false;         // by the listener
  bool held_ = false;           // by the budget
  bool writing_ = false;        // write_loop runs
  bool peer_closed_ = false;    // a valid close frame came
  bool closing_ = false;        // reason_ is final
  bool awaiting_peer_ = false;  // our close frame is on its way
  bool dead_ = false;           // the socket is closed
  bool told_closed_ = false;
};

WebSocket::WebSocket(WebSocketStart& start, const WebSocketPlace& place, hub::Outbox& outbox,
                     std::shared_ptr<TransportListener> listener)
    : settings_(place.settings),
      wheel_(place.wheel),
      clock_(place.clock),
      listener_(std::move(listener)),
      sender_(std::move(start.socket), outbox),
      stream_(static_cast<GateKeeper&>(*this)),
      unread_(std::move(start.unread)),
      budget_(place.settings.rates, place.clock.steady()),
      limited_(start.limited),
      open_count_(place.open) {
  if (open_count_ != nullptr) open_count_->fetch_add(1, std::memory_order_relaxed);
}

WebSocket::~WebSocket() {
  if (open_count_ != nullptr) open_count_->fetch_sub(1, std::memory_order_relaxed);
}

// ---- the beginning ----

// Beast wants a request: the checked one comes down to its key.
void WebSocket::accept(const WebSocketStart& start) {
  beast_http::request<beast_http::empty_body> request(beast_http::verb::get, "/", 11);
  request.set(beast_http::field::host, "corohub");
  request.set(beast_http::field::connection, "upgrade");
  request.set(beast_http::field::upgrade, "websocket");
  request.set(beast_http::field::sec_websocket_key, start.key);
  request.set(beast_http::field::sec_websocket_version, "13");
  stream_.set_option(websocket::stream_base::decorator([&start](websocket::response_type& response) {
    response.set(beast_http::field::server, "corohub");
    if (!start.request_id.empty()) response.set("X-Request-Id", start.request_id);
    if (start.subprotocol) response.set(beast_http::field::sec_websocket_protocol, "corohub.v1");
  }));
  stream_.read_message_max(settings_.max_message_bytes);
  stream_.control_callback([this](websocket::frame_type kind, std::string_view) { on_control(kind); });
  stream_.accept(request);
  stream_.set_option(websocket::stream_base::decorator([](websocket::response_type&) {}));
}

void WebSocket::open() {
  open_ = true;
  const SteadyTime now = clock_.steady();
  const auto interval = static_cast<std::uint32_t>(settings_.ping_interval.count());
  // Many who connect at once must not be pinged at once for ever after.
  ping_due_ = now + std::chrono::milliseconds(random_below(std::max(1U, interval)));
  pong_due_ = now + settings_.pong_timeout;
  arm_by(next_due());
  start_read_loop();
  try {
    listener_->on_open(*this);
  } catch (const std::exception& failure) {
    log::error("websocket.open_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
  flush();
}

// ---- reading ----

void WebSocket::start_read_loop() {
  const Task<> first = placeholder();
  const Task<> second = placeholder();
  asio::co_spawn(socket().get_executor(), run(shared_from_this()), [](const std::exception_ptr& failure) {
    if (failure) log::error("websocket.failed");
  });
}

Task<> WebSocket::run(std::shared_ptr<WebSocket> /*keeps this*/) {
  bool at_end_of_file = false;
  try {
    for (;;) {
      const asio::mutable_buffer room = incoming_.room();
      const auto [error, bytes] = co_await stream_.async_read_some(room, as_result);
      at_end_of_file = error == asio::error::eof;
      if (error) break;
      take_in(bytes);
    }
  } catch (const std::exception& failure) {
    log::error("websocket.read_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
  incoming_.clear();
  // Nothing is left but the end of the TCP connection: the session need not wait for that.
  if (closing_ && sender_.finished()) tell_closed();
  if (closing_ && !at_end_of_file) co_await say_goodbye();
  finish();
}

void WebSocket::take_in(std::size_t bytes) {
  incoming_.add(bytes);
  const bool text = stream_.got_text();
  if (!text && settings_.text_only) close(CloseReason::binary_not_supported, Drain::yes);
  if (closing_) return incoming_.clear();
  if (!stream_.is_message_done()) return;
  // Beast does not finish its UTF-8 check when the last fragment is empty.
  if (text && bytes == 0 && !is_utf8(incoming_.view()))
    close(CloseReason::invalid_utf8, Drain::yes);
  else
    deliver(text ? MessageKind::text : MessageKind::binary, incoming_.view());
  incoming_.clear();
}

void WebSocket::deliver(MessageKind kind, std::string_view payload) noexcept {
  try {
    listener_->on_message(kind, payload);
  } catch (const std::exception& failure) {
    log::error("websocket.message_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
}

void WebSocket::on_control(websocket::frame_type kind) noexcept {
  if (kind == websocket::frame_type::close) peer_closed_ = true;
  // Later than what is armed: on_due() finds out by itself.
  if (kind == websocket::frame_type::pong) pong_due_ = clock_.steady() + settings_.pong_timeout;
}

std::size_t WebSocket::receive(char* data, std::size_t size, error_code& error) noexcept {
  if (!unread_.empty()) {
    const std::size_t taken = std::min(size, unread_.size());
    std::memcpy(data, unread_.data(), taken);
    unread_.erase(0, taken);
    if (unread_.empty()) std::string().swap(unread_);
    look_at({data, taken});
    return taken;
  }
  const ssize_t received = ::recv(socket().native_handle(), data, size, MSG_DONTWAIT);
  if (received > 0) {
    look_at({data, static_cast<std::size_t>(received)});
    return static_cast<std::size_t>(received);
  }
  if (received == 0)
    error = asio::error::eof;
  else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
    error = asio::error::would_block;
  else
    error.assign(errno, boost::system::system_category());
  return 0;
}

// Before Beast sees them: deadlines and budgets must hold for what it swallows without a word.
void WebSocket::look_at(std::string_view bytes) noexcept {
  const ScannedBytes seen = scanner_.scan(bytes);
  if (closing_) return;
  const SteadyTime now = clock_.steady();
  if (!scanner_.unfinished()) {
    message_due_ = never;
  } else if (seen.began || message_due_ == never) {
    message_due_ = now + settings_.message_timeout;
    arm_by(message_due_);
  }
  if (scanner_.fragments() > settings_.max_fragments) return close(CloseReason::message_timeout, Drain::yes);
  if (limited_) charge(bytes.size(), seen, now);
}

void WebSocket::charge(std::size_t bytes, const ScannedBytes& seen, SteadyTime now) noexcept {
  const bool was_in_episode = budget_.in_episode();
  budget_.spend(bytes, seen.messages, seen.control_frames, now);
  if (!budget_.in_debt()) return;
  held_ = true;
  arm_by(next_due());
  if (was_in_episode) return;
  counters().throttled.Increment();
  try {
    listener_->on_throttled();
  } catch (const std::exception&) {
    close(CloseReason::internal_error, Drain::no);
  }
}

bool WebSocket::reading_held() const noexcept { return !dead_ && (paused_ || (held_ && !closing_)); }

void WebSocket::resume_reading() noexcept {
  paused_ = false;
  wake_parked();
}

// In a turn of its own: whoever calls is in the middle of something.
void WebSocket::wake_parked() noexcept {
  if (!parked_.has_value()) return;
  try {
    asio::post(socket().get_executor(), [self = shared_from_this()] { self->parked_.maybe_invoke(); });
  } catch (const std::exception&) {
    log::error("websocket.out_of_memory");  // the next tick or the end tries again
  }
}

// ---- writing ----

void WebSocket::write(std::string_view bytes, error_code& error) noexcept {
  if (dead_) {
    error = asio::error::broken_pipe;
    return;
  }
  try {
    const bool is_close = open_ && (static_cast<unsigned char>(bytes.front()) & 0x0F) == 0x8;
    if (is_close) return answer_close(bytes);
    if (!sender_.add_control(bytes)) return close(CloseReason::slow_consumer, Drain::no);
    if (open_) flush();
  } catch (const std::bad_alloc&) {
    error = asio::error::no_memory;
  }
}

// Beast writes a close frame for two reasons: the client's own, or a broken protocol.
void WebSocket::answer_close(std::string_view frame) noexcept {
  if (!peer_closed_) return close(reason_of(code_in(frame)), Drain::yes);
  begin_closing(CloseReason::normal);
  end_sending(std::string(frame), settings_.on_client_close);
}

void WebSocket::flush() noexcept {
  if (dead_ || writing_) return;
  send_now();
}

void WebSocket::send_now() noexcept {
  switch (sender_.flush()) {
    case Sender::Flushed::all:
      break;
    case Sender::Flushed::failed:
      return abort();
    case Sender::Flushed::some:
      if (!writing_) start_write_loop();
      break;
  }
  note_close_frame_out();
}

void WebSocket::start_write_loop() {
  sender_.mark_backlog();
  write_due_ = clock_.steady() + settings_.write_timeout;
  arm_by(write_due_);
  try {
    asio::co_spawn(socket().get_executor(), write_loop(shared_from_this()),
                   [](const std::exception_ptr& failure) {
                     if (failure) log::error("websocket.write_failed");
                   });
    writing_ = true;
  } catch (const std::bad_alloc&) {
    abort();
  }
}

// Lives only while the socket is full.
Task<> WebSocket::write_loop(std::shared_ptr<WebSocket> /*keeps this*/) {
  for (;;) {
    const auto [error] = co_await socket().async_wait(Socket::wait_write, as_result);
    if (dead_) co_return;
    if (error) co_return abort();
    const Sender::Flushed flushed = sender_.flush();
    if (flushed == Sender::Flushed::failed) co_return abort();
    note_close_frame_out();
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

void WebSocket::close(CloseReason reason, Drain drain) noexcept {
  if (closing_) return;
  begin_closing(reason);
  try {
    end_sending(close_frame(reason), drain);
  } catch (const std::bad_alloc&) {
    abort();
  }
}

void WebSocket::begin_closing(CloseReason reason) noexcept {
  if (closing_) return;
  closing_ = true;
  reason_ = reason;
  close_due_ = clock_.steady() + settings_.drain_timeout;
  arm_by(close_due_);
  wake_parked();  // the peer's close frame is to be read
}

void WebSocket::end_sending(std::string last_bytes, Drain drain) noexcept {
  try {
    sender_.end(std::move(last_bytes), drain);
  } catch (const std::bad_alloc&) {
    return abort();
  }
  if (dead_) return;
  note_close_frame_out();
  flush();
}

void WebSocket::note_close_frame_out() noexcept {
  if (awaiting_peer_ || !sender_.ended()) return;
  awaiting_peer_ = true;
  close_due_ = clock_.steady() + settings_.close_timeout;
  arm_by(close_due_);
}

void WebSocket::abort() noexcept {
  if (dead_) return;
  dead_ = true;
  closing_ = true;
  error_code ignored;
  socket().set_option(asio::socket_base::linger(true, 0), ignored);
  socket().close(ignored);
  wake_parked();
}

// The closing handshake is done or useless. What we still owe leaves; then our half is closed, and what the
// client sends is thrown away until it closes too: a socket closed with unread bytes would take our last
// words back. close_due_ ends every wait in here.
Task<> WebSocket::say_goodbye() {
  while (!dead_ && !sender_.finished()) {
    const auto [error] = co_await socket().async_wait(Socket::wait_write, as_result);
    if (error) co_return;
    flush();
  }
  if (dead_) co_return;
  error_code ignored;
  socket().shutdown(Socket::shutdown_send, ignored);
  while (!dead_ && discard_input()) {
    const auto [error] = co_await socket().async_wait(Socket::wait_read, as_result);
    if (error) co_return;
  }
}

// True while more may come.
bool WebSocket::discard_input() noexcept {
  std::array<char, 4096> bytes;
  const ssize_t received = ::recv(socket().native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT);
  return received > 0 || (received < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

void WebSocket::finish() noexcept {
  dead_ = true;
  closing_ = true;
  wheel_.disarm(*this);
  error_code ignored;
  socket().close(ignored);
  tell_closed();
}

void WebSocket::tell_closed() noexcept {
  if (!std::exchange(told_closed_, true)) listener_->on_closed(reason_);
}

// ---- time ----

void WebSocket::arm_by(SteadyTime due) noexcept {
  if (due >= armed_ || dead_) return;
  armed_ = due;
  wheel_.arm(*this, due);
}

SteadyTime WebSocket::next_due() const noexcept {
  if (closing_) return close_due_;
  const SteadyTime budget_due =
      limited_ ? std::min(budget_.patience_ends(), held_ ? budget_.out_of_debt() : never) : never;
  return std::min({ping_due_, pong_due_, message_due_, write_due_, budget_due});
}

void WebSocket::on_due(SteadyTime now) noexcept {
  armed_ = never;
  if (dead_) return;
  if (closing_) {
    closing_due(now);
  } else if (!broke_deadline(now)) {
    if (limited_) check_budget(now);
    send_ping_if_due(now);
  }
  arm_by(next_due());
}

void WebSocket::closing_due(SteadyTime now) noexcept {
  if (now < close_due_) return;
  if (awaiting_peer_) return abort();
  end_sending(close_frame(reason_), Drain::no);
}

bool WebSocket::broke_deadline(SteadyTime now) noexcept {
  if (now >= write_due_)
    close(CloseReason::slow_consumer, Drain::no);
  else if (now >= pong_due_)
    close(CloseReason::pong_timeout, Drain::yes);
  else if (now >= message_due_)
    close(CloseReason::message_timeout, Drain::yes);
  return closing_;
}

void WebSocket::check_budget(SteadyTime now) noexcept {
  budget_.refill(now);
  if (now >= budget_.patience_ends()) return close(CloseReason::rate_limited, Drain::yes);
  if (!held_ || budget_.in_debt()) return;
  held_ = false;
  wake_parked();
}

void WebSocket::send_ping_if_due(SteadyTime now) noexcept {
  if (closing_ || now < ping_due_) return;
  ping_due_ = std::max(ping_due_ + settings_.ping_interval, now);
  counters().pings.Increment();
  error_code ignored;
  write(ping_frame, ignored);
}

}  // namespace

void start_websocket(WebSocketStart start, const WebSocketPlace& place, hub::Outbox& outbox,
                     std::shared_ptr<TransportListener> listener) {
  error_code ignored;
  start.socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  const auto connection = std::make_shared<WebSocket>(start, place, outbox, std::move(listener));
  connection->accept(start);
  connection->open();
}

}  // namespace corohub::gateway
