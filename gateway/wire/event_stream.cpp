#include "gateway/wire/event_stream.hpp"

#include "core/random.hpp"
#include "gateway/wire/body_transport.hpp"
#include "gateway/wire/frames.hpp"

#include <algorithm>
#include <utility>

namespace corohub::gateway {
namespace {

class EventStream final : public BodyTransport {
 public:
  EventStream(EventStreamStart& start, const EventStreamPlace& place, hub::Outbox& outbox,
              std::shared_ptr<TransportListener> listener)
      : BodyTransport(std::move(start.socket), place.wheel, place.clock, place.settings.timeouts, outbox,
                      std::move(listener), {start.chunked, place.settings.inbound_bytes_max}),
        settings_(place.settings) {}

  void open(std::string head);

  // ---- Transport ----
  std::string_view name() const noexcept override { return "sse"; }

 private:
  // ---- SocketTransport ----
  SteadyTime open_due() const noexcept override { return comment_due_; }
  void on_open_due(SteadyTime now) noexcept override;
  std::string comment();

  // As a piece of the body.
  std::string piece(std::string_view text) const { return is_chunked() ? chunk_of(text) : std::string(text); }

  const EventStreamSettings& settings_;
  SteadyTime comment_due_ = never;
};

void EventStream::open(std::string head) {
  const std::uint32_t spread = settings_.retry_ms_max - settings_.retry_ms_min;
  const std::uint32_t retry = settings_.retry_ms_min + random_below(spread + 1);
  // A field of the event that follows, which is the welcome.
  head += piece("retry: " + std::to_string(retry) + "\n");
  sender().add_control(head);
  give_up_dead_peer_after(settings_.dead_peer_timeout);

  const auto interval = static_cast<std::uint32_t>(settings_.comment_interval.count());
  // Many who connect at once must not be written to at once for ever after.
  comment_due_ = now() + std::chrono::milliseconds(random_below(std::max(1U, interval)));
  arm_by(comment_due_);
  serve();
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
