#include "gateway/echo.hpp"

#include "gateway/wire/frames.hpp"

#include <boost/asio/post.hpp>

namespace corohub::gateway {
namespace {

constexpr std::size_t message_bytes_max = 16 << 20;
// While more waits, the client is not read from. One read can still bring a few hundred small messages.
constexpr std::uint32_t waiting_bytes_max = 1 << 20;
constexpr std::uint32_t waiting_messages_max = 1024;

constexpr hub::OutboxLimits outbox_limits{.messages_max = 16 * waiting_messages_max,
                                          .bytes_max = 4 * message_bytes_max};

}  // namespace

WebSocketSettings echo_settings() noexcept {
  using namespace std::chrono_literals;
  WebSocketSettings settings;
  settings.ping_interval = 5min;
  settings.pong_timeout = 6min;
  settings.message_timeout = 5min;
  settings.timeouts.write = 1min;
  settings.timeouts.drain = 1min;
  settings.messages = {.bytes = message_bytes_max, .fragments = 1 << 20, .text_only = false};
  settings.on_client_close = Drain::yes;
  return settings;
}

void Mirrors::add(const std::shared_ptr<Echo>& echo) {
  bool closing = false;
  {
    const std::scoped_lock lock(mutex_);
    open_.emplace(echo.get(), echo);
    closing = closing_;
  }
  if (closing) echo->leave();
}

void Mirrors::remove(const Echo& echo) noexcept {
  const std::scoped_lock lock(mutex_);
  open_.erase(&echo);
}

void Mirrors::close_all() {
  const std::scoped_lock lock(mutex_);
  closing_ = true;
  for (const auto& [address, known] : open_)
    if (const std::shared_ptr<Echo> echo = known.lock())
      asio::post(echo->shard().context(), [echo] { echo->leave(); });
}

std::size_t Mirrors::size() const {
  const std::scoped_lock lock(mutex_);
  return open_.size();
}

Echo::Echo(hub::Shard& shard, Mirrors& mirrors) noexcept
    : shard_(shard), mirrors_(mirrors), outbox_(outbox_limits) {}

void Echo::on_open(Transport& transport) {
  transport_ = &transport;
  mirrors_.add(shared_from_this());
}

void Echo::on_closed(CloseReason) noexcept {
  transport_ = nullptr;
  mirrors_.remove(*this);
}

void Echo::leave() noexcept {
  if (transport_ != nullptr) transport_->close(CloseReason::draining, Drain::no);
}

void Echo::on_message(MessageKind kind, std::string_view payload) {
  const Opcode opcode = kind == MessageKind::text ? Opcode::text : Opcode::binary;
  if (outbox_.push(message_frame(opcode, payload)) == hub::Push::full)
    return transport_->close(CloseReason::slow_consumer, Drain::no);
  transport_->flush();
  if (outbox_.bytes() > waiting_bytes_max || outbox_.messages() > waiting_messages_max)
    transport_->pause_reading();
}

void Echo::on_low_water() { transport_->resume_reading(); }

}  // namespace corohub::gateway
