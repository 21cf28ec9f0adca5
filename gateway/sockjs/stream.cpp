#include "gateway/sockjs/stream.hpp"

#include "core/log.hpp"
#include "gateway/wire/wraps.hpp"

#include <exception>
#include <optional>
#include <utility>

#include <netinet/tcp.h>
#include <sys/socket.h>

namespace corohub::gateway::sockjs {
namespace {

using boost::system::error_code;

constexpr std::string_view end_of_body = "0\r\n\r\n";
constexpr std::size_t prelude_bytes = 2048;  // some browsers show nothing before

std::string prelude(StreamKind kind) {
  return kind == StreamKind::xhr ? std::string(prelude_bytes, 'h') + "\n" : "\r\n";
}

// The carrier: its listener is the Stream.
class Body final : public SocketTransport {
 public:
  Body(StreamStart& start, const StreamSettings& settings, const Place& place, hub::Outbox& outbox,
       std::shared_ptr<TransportListener> listener)
      : SocketTransport(std::move(start.socket), place.wheel, place.clock, settings.timeouts, outbox,
                        std::move(listener)),
        settings_(settings),
        chunked_(start.chunked) {
    if (settings_.open != nullptr) settings_.open->fetch_add(1, std::memory_order_relaxed);
  }
  ~Body() override {
    if (settings_.open != nullptr) settings_.open->fetch_sub(1, std::memory_order_relaxed);
  }

  void open(const std::string& head, const std::string& beginning) {
    sender().add_control(head);
    sender().add_control(
        wrap().frame(beginning, Wrap::Part::whole, hub::Audience::one_connection())->bytes());
    const auto timeout = static_cast<unsigned>(settings_.dead_peer_timeout.count());
    ::setsockopt(socket().native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
    tell_open();
    try {
      run(shared_from_this());
    } catch (const std::bad_alloc&) {
      abort();
      finish();
    }
  }

  // ---- Transport ----
  std::string_view name() const noexcept override { return "sockjs-stream"; }
  const Wrap& wrap() const noexcept override { return chunked_ ? http_chunk() : bare(); }
  void pause_reading() noexcept override {}  // nothing is read
  void resume_reading() noexcept override {}

 private:
  // ---- SocketTransport ----
  std::string last_bytes(CloseReason) const override {
    return chunked_ ? std::string(end_of_body) : std::string();
  }
  // Once all is out our half is closed, and the client's end is waited for: a socket closed with unread bytes
  // would take our last words back.
  void on_all_sent() noexcept override {
    if (std::exchange(shut_, true)) return;
    error_code ignored;
    socket().shutdown(Socket::shutdown_send, ignored);
  }
  // Most of what a stream says may still be with the kernel when its body ends, and none of it is said again.
  bool end_waits_for_reader() const noexcept override { return true; }
  SteadyTime open_due() const noexcept override { return never; }
  void on_open_due(SteadyTime) noexcept override {}

  // A client has nothing to say here; what is waited for is its end.
  Detached run(std::shared_ptr<SocketTransport> /*keeps this*/) {
    try {
      while (!dead()) {
        const error_code error = co_await SocketReady(socket(), Socket::wait_read);
        if (error || dead()) break;
        const std::optional<std::size_t> bytes = discard_input();
        received_ += bytes.value_or(0);
        if (!bytes || received_ > settings_.inbound_bytes_max) break;
      }
    } catch (const std::exception& failure) {
      log::error("sockjs.stream_failed", {{"cause", failure.what()}});
    }
    finish();
  }

  const StreamSettings& settings_;
  std::size_t received_ = 0;
  const bool chunked_;
  bool shut_ = false;  // our half of the connection is closed
};

}  // namespace

std::string_view content_type(StreamKind kind) noexcept {
  return kind == StreamKind::xhr ? "application/javascript; charset=UTF-8"
                                 : "text/event-stream; charset=UTF-8";
}

std::shared_ptr<Stream> Stream::start(StreamStart start, const StreamSettings& settings, const Place& place) {
  auto stream = std::make_shared<Stream>(settings, start.kind, start.chunked);
  const std::string head = std::move(start.head);
  const auto body = std::make_shared<Body>(start, settings, place, stream->outbox_, stream);
  body->open(head, prelude(stream->kind_));
  return stream;
}

void Stream::say(std::string_view frame) {
  if (transport_ == nullptr) return;
  std::string text;
  text.reserve(frame.size() + 12);
  if (kind_ == StreamKind::xhr)
    text.append(frame).append("\n");
  else
    text.append("data: ").append(frame).append("\r\n\r\n");
  outbox_.push(transport_->wrap().frame(text, Wrap::Part::whole, hub::Audience::one_connection()));
  said_bytes_ += frame.size();
  transport_->flush();
}

void Stream::end() noexcept {
  user_.reset();
  if (transport_ != nullptr) transport_->close(CloseReason::normal, Drain::yes);
}

void Stream::abort() noexcept {
  user_.reset();
  if (transport_ != nullptr) transport_->abort();
}

void Stream::on_low_water() {
  if (const auto user = user_.lock()) user->on_stream_ready();
}

void Stream::on_closed(CloseReason reason) noexcept {
  transport_ = nullptr;
  if (const auto user = user_.lock()) user->on_stream_lost(reason);
}

}  // namespace corohub::gateway::sockjs
