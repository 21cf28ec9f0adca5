#include "gateway/wire/event_stream.hpp"

#include "core/log.hpp"
#include "core/random.hpp"
#include "gateway/wire/frames.hpp"
#include "gateway/wire/wraps.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include <netinet/tcp.h>
#include <sys/socket.h>

namespace corohub::gateway {
namespace {

using boost::system::error_code;

constexpr std::string_view end_of_body = "0\r\n\r\n";

class EventStream final : public SocketTransport {
 public:
  EventStream(EventStreamStart& start, const EventStreamPlace& place, hub::Outbox& outbox,
              std::shared_ptr<TransportListener> listener)
      : SocketTransport(std::move(start.socket), place.wheel, place.clock, place.settings.timeouts, outbox,
                        std::move(listener)),
        settings_(place.settings),
        chunked_(start.chunked) {}

  void open(std::string head);

  // ---- Transport ----
  std::string_view name() const noexcept override { return "sse"; }
  const Wrap& wrap() const noexcept override { return chunked_ ? http_chunk() : bare(); }
  void pause_reading() noexcept override {}  // nothing is read
  void resume_reading() noexcept override {}

 private:
  // ---- SocketTransport ----
  std::string last_bytes(CloseReason reason) const override;
  void on_all_sent() noexcept override;
  SteadyTime open_due() const noexcept override { return comment_due_; }
  void on_open_due(SteadyTime now) noexcept override;
  std::string comment();

  Detached run(std::shared_ptr<SocketTransport> self);
  // As a piece of the body.
  std::string piece(std::string_view text) const { return chunked_ ? chunk_of(text) : std::string(text); }

  const EventStreamSettings& settings_;
  std::size_t received_ = 0;
  SteadyTime comment_due_ = never;
  const bool chunked_;
  bool shut_ = false;  // our half of the connection is closed
};

void EventStream::open(std::string head) {
  const std::uint32_t spread = settings_.retry_ms_max - settings_.retry_ms_min;
  const std::uint32_t retry = settings_.retry_ms_min + random_below(spread + 1);
  // A field of the event that follows, which is the welcome.
  head += piece("retry: " + std::to_string(retry) + "\n");
  sender().add_control(head);
  const auto timeout = static_cast<unsigned>(settings_.dead_peer_timeout.count());
  ::setsockopt(socket().native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);

  const auto interval = static_cast<std::uint32_t>(settings_.comment_interval.count());
  // Many who connect at once must not be written to at once for ever after.
  comment_due_ = now() + std::chrono::milliseconds(random_below(std::max(1U, interval)));
  arm_by(comment_due_);
  tell_open();
  try {
    run(shared_from_this());
  } catch (const std::bad_alloc&) {
    abort();
    finish();
  }
}

// A client has nothing to say here; what is waited for is its end.
Detached EventStream::run(std::shared_ptr<SocketTransport> /*keeps this*/) {
  try {
    while (!dead()) {
      const error_code error = co_await SocketReady(socket(), Socket::wait_read);
      if (error || dead()) break;
      const std::optional<std::size_t> bytes = discard_input();
      received_ += bytes.value_or(0);
      if (!bytes || received_ > settings_.inbound_bytes_max) break;
    }
  } catch (const std::exception& failure) {
    log::error("stream.failed", {{"cause", failure.what()}});
  }
  finish();
}

std::string EventStream::last_bytes(CloseReason) const {
  return chunked_ ? std::string(end_of_body) : std::string();
}

// Once all is out our half is closed, and the client's end is waited for: a socket closed with unread bytes
// would take our last words back.
void EventStream::on_all_sent() noexcept {
  if (std::exchange(shut_, true)) return;
  error_code ignored;
  socket().shutdown(Socket::shutdown_send, ignored);
}

// A comment overtakes what waits, so that it names a position only when nothing does. An event without data
// is none, but its id counts: so a client that hears of nothing for long does not fall behind the log's
// floor.
std::string EventStream::comment() {
  std::string text = ":\n";
  if (sender().is_idle()) {
    const std::string position = listener().position_text();
    if (!position.empty()) text.append("id: ").append(position).append("\n");
  }
  return piece(text.append("\n"));
}

void EventStream::on_open_due(SteadyTime now) noexcept {
  if (now < comment_due_) return;
  comment_due_ = std::max(comment_due_ + settings_.comment_interval, now);
  try {
    if (!sender().add_control(comment())) return close(CloseReason::slow_consumer, Drain::no);
  } catch (const std::bad_alloc&) {
    return;
  }
  flush();
}

}  // namespace

void start_event_stream(EventStreamStart start, const EventStreamPlace& place, hub::Outbox& outbox,
                        std::shared_ptr<TransportListener> listener) {
  const auto stream = std::make_shared<EventStream>(start, place, outbox, std::move(listener));
  stream->open(std::move(start.head));
}

}  // namespace corohub::gateway
