#include "gateway/echo.hpp"

#include "gateway/wire/frames.hpp"

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

Echo::Echo(hub::Shard& shard, Outsiders& outsiders) noexcept
    : shard_(shard), outsiders_(outsiders), outbox_(outbox_limits) {}

void Echo::on_open(Transport& transport) {
  transport_ = &transport;
  transport.allow_large_messages();
  outsiders_.add(*this, weak_from_this(), shard_.context());
}

void Echo::on_closed(CloseReason) noexcept {
  transport_ = nullptr;
  outsiders_.remove(*this);
}

void Echo::send_away() noexcept {
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
