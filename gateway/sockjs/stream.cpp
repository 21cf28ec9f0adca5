#include "gateway/sockjs/stream.hpp"

#include "gateway/wire/body_transport.hpp"

#include <utility>

namespace corohub::gateway::sockjs {
namespace {

constexpr std::size_t prelude_bytes = 2048;  // some browsers show nothing before

std::string prelude(StreamKind kind) {
  return kind == StreamKind::xhr ? std::string(prelude_bytes, 'h') + "\n" : "\r\n";
}

// The carrier: its listener is the Stream.
class Body final : public BodyTransport {
 public:
  Body(StreamStart& start, const StreamSettings& settings, const Place& place, hub::Outbox& outbox,
       std::shared_ptr<TransportListener> listener)
      : BodyTransport(std::move(start.socket), place.wheel, place.clock, settings.timeouts, outbox,
                      std::move(listener), {start.chunked, settings.inbound_bytes_max}),
        settings_(settings) {
    if (settings_.open != nullptr) settings_.open->fetch_add(1, std::memory_order_relaxed);
  }
  ~Body() override {
    if (settings_.open != nullptr) settings_.open->fetch_sub(1, std::memory_order_relaxed);
  }

  void open(const std::string& head, const std::string& beginning) {
    sender().add_control(head);
    sender().add_control(
        wrap().frame(beginning, Wrap::Part::whole, hub::Audience::one_connection())->bytes());
    give_up_dead_peer_after(settings_.dead_peer_timeout);
    serve();
  }

  // ---- Transport ----
  std::string_view name() const noexcept override { return "sockjs-stream"; }

 private:
  // ---- SocketTransport ----
  // Most of what a stream says may still be with the kernel when its body ends, and none of it is said again.
  bool end_waits_for_reader() const noexcept override { return true; }
  SteadyTime open_due() const noexcept override { return never; }
  void on_open_due(SteadyTime) noexcept override {}

  const StreamSettings& settings_;
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
