#include "gateway/sockjs/socket_link.hpp"

#include "core/fixed_post.hpp"
#include "core/log.hpp"
#include "gateway/sockjs/messages.hpp"
#include "gateway/sockjs/wraps.hpp"
#include "gateway/wire/frames.hpp"

#include <exception>
#include <utility>
#include <vector>

namespace corohub::gateway::sockjs {
namespace {

// Frames that are the same for all.
hub::FrameRef shared_frame(std::string_view text) { return message_frame(Opcode::text, text); }

const hub::FrameRef& heartbeat_bytes() {
  static const hub::FrameRef frame = shared_frame(heartbeat_frame);
  return frame;
}

}  // namespace

struct SocketLink::Unread {
  std::vector<std::string> messages;
  std::size_t next = 0;
  FixedPost resume;
};

SocketLink::SocketLink(std::shared_ptr<TransportListener> listener, hub::Outbox& outbox, const Place& place,
                       std::chrono::milliseconds heartbeat) noexcept
    : listener_(std::move(listener)), outbox_(outbox), place_(place), heartbeat_(heartbeat) {}

SocketLink::~SocketLink() = default;

const Wrap& SocketLink::wrap() const noexcept { return socket_wrap(); }

// ---- the WebSocket ----

void SocketLink::on_open(Transport& socket) {
  socket_ = &socket;
  outbox_.push(shared_frame(open_frame));
  place_.wheel.arm(*this, place_.now() + heartbeat_);
  listener_->on_open(*this);
}

void SocketLink::on_message(MessageKind kind, std::string_view payload) {
  if (closing_) return;
  if (kind == MessageKind::binary) return close(CloseReason::binary_not_supported, Drain::yes);
  if (!payload.empty()) hear(payload);
}

// An array of messages; a string alone is one message, as for other servers.
void SocketLink::hear(std::string_view payload) {
  std::vector<std::string> messages;
  Reading reading = read_messages(payload, messages_per_array_max, messages);
  if (reading == Reading::no_array) reading = read_messages("[" + std::string(payload) + "]", 1, messages);
  if (reading != Reading::good) return close(CloseReason::protocol_error, Drain::yes);
  if (messages.size() > 1) socket_->count_messages(static_cast<std::uint32_t>(messages.size() - 1));
  std::size_t next = 0;
  read(messages, next);
  if (next == messages.size() || closing_) return;
  unread_ = std::make_unique<Unread>();
  unread_->messages = std::move(messages);
  unread_->next = next;
}

// Until the listener pauses.
void SocketLink::read(std::vector<std::string>& messages, std::size_t& next) {
  while (next < messages.size() && !paused_ && !closing_) {
    const std::string message = std::move(messages[next++]);
    listener_->on_message(MessageKind::text, message);
  }
}

void SocketLink::read_on() noexcept {
  try {
    if (unread_) read(unread_->messages, unread_->next);
  } catch (const std::exception& failure) {
    log::error("sockjs.message_failed", {{"cause", failure.what()}});
    close(CloseReason::internal_error, Drain::no);
  }
  const bool all_read = unread_ && unread_->next == unread_->messages.size();
  if (all_read || closing_) unread_.reset();
}

std::string SocketLink::farewell(CloseReason reason) {
  const std::string text = listener_->farewell(reason);
  return text.empty() ? text : message_frame_text(text);
}

std::string SocketLink::carrier_farewell(CloseReason reason) { return close_frame_text(reason); }

void SocketLink::on_closed(CloseReason reason) noexcept {
  closing_ = true;
  socket_ = nullptr;
  unread_.reset();
  place_.wheel.disarm(*this);
  listener_->on_closed(reason);
}

// ---- the listener ----

void SocketLink::flush() noexcept {
  if (socket_ != nullptr) socket_->flush();
}

void SocketLink::close(CloseReason reason, Drain drain) noexcept {
  if (socket_ == nullptr || std::exchange(closing_, true)) return;
  socket_->close(reason, drain);
}

void SocketLink::abort() noexcept {
  closing_ = true;
  if (socket_ != nullptr) socket_->abort();
}

void SocketLink::pause_reading() noexcept {
  paused_ = true;
  if (socket_ != nullptr) socket_->pause_reading();
}

// What is left of the last array comes first, in a turn of its own: whoever calls is in the middle of
// something.
void SocketLink::resume_reading() noexcept {
  paused_ = false;
  if (socket_ == nullptr) return;
  if (!unread_) return socket_->resume_reading();
  if (std::exchange(resumes_, true)) return;
  unread_->resume.post(place_.context, [self = shared_from_this()]() noexcept { self->resume(); });
}

void SocketLink::resume() noexcept {
  resumes_ = false;
  read_on();
  if (!paused_ && !closing_ && socket_ != nullptr) socket_->resume_reading();
}

// ---- time ----

void SocketLink::on_due(SteadyTime now) noexcept {
  if (socket_ == nullptr || closing_) return;
  try {
    if (outbox_.empty()) outbox_.push(heartbeat_bytes());
  } catch (const std::bad_alloc&) {
    log::error("sockjs.out_of_memory");  // the next heartbeat tries again
  }
  place_.wheel.arm(*this, now + heartbeat_);
  flush();
}

}  // namespace corohub::gateway::sockjs
