#include "gateway/wire/sender.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include <sys/socket.h>
#include <sys/uio.h>

namespace corohub::gateway {
namespace {

// Copying a small frame is cheaper than another entry of the vector the kernel walks.
constexpr std::size_t copied_frame_max = 2048;
constexpr std::size_t send_bytes_max = 262'144;

ssize_t send_bytes(int fd, const void* bytes, std::size_t size) noexcept {
  for (;;) {
    const ssize_t sent = ::send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0 || errno != EINTR) return sent;
  }
}

// What one sendmsg() takes: small frames side by side in the thread's buffer, large ones where they are.
class Gather {
 public:
  bool add(std::string_view bytes) noexcept {
    if (bytes.empty()) return true;
    if (total_ >= send_bytes_max) return false;
    return bytes.size() <= copied_frame_max ? copy(bytes) : refer(bytes.data(), bytes.size());
  }

  ssize_t send(int fd) noexcept {
    if (count_ == 1) return send_bytes(fd, parts_[0].iov_base, parts_[0].iov_len);
    msghdr message{};
    message.msg_iov = parts_.data();
    message.msg_iovlen = count_;
    for (;;) {
      const ssize_t sent = ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent >= 0 || errno != EINTR) return sent;
    }
  }

  std::size_t total() const noexcept { return total_; }

 private:
  bool copy(std::string_view bytes) noexcept {
    if (bytes.size() > buffer.size() - used_) return false;
    char* const place = buffer.data() + used_;
    const bool behind_last = count_ > 0 && end_of_last() == place;
    if (!behind_last && !refer(place, 0)) return false;
    std::memcpy(place, bytes.data(), bytes.size());
    used_ += bytes.size();
    parts_[count_ - 1].iov_len += bytes.size();
    total_ += bytes.size();
    return true;
  }

  bool refer(const char* bytes, std::size_t size) noexcept {
    if (count_ == parts_.size()) return false;
    parts_[count_++] = {const_cast<char*>(bytes), size};
    total_ += size;
    return true;
  }

  const char* end_of_last() const noexcept {
    return static_cast<const char*>(parts_[count_ - 1].iov_base) + parts_[count_ - 1].iov_len;
  }

  static thread_local std::array<char, 65'536> buffer;

  std::array<iovec, 64> parts_;
  std::size_t count_ = 0;
  std::size_t used_ = 0;
  std::size_t total_ = 0;
};

thread_local std::array<char, 65'536> Gather::buffer;

// What is left of a message that was begun, then control, then messages, of the first `frames`: none is ever
// torn apart.
void gather(Gather& out, const hub::Outbox& outbox, std::string_view control, std::uint32_t frames) noexcept {
  const std::uint32_t begun = outbox.begun();
  for (std::uint32_t i = 0; i < begun; ++i)
    if (!out.add(outbox.at(i).bytes().substr(i == 0 ? outbox.sent() : 0))) return;
  if (!out.add(control)) return;
  for (std::uint32_t i = begun; i < frames && out.add(outbox.at(i).bytes());) ++i;
}

// Bytes of a message that was begun and is to leave before control.
std::size_t left_of_begun(const hub::Outbox& outbox) noexcept {
  const std::uint32_t begun = outbox.begun();
  std::size_t bytes = 0;
  for (std::uint32_t i = 0; i < begun; ++i) bytes += outbox.at(i).size();
  return bytes - outbox.sent();
}

// What a send that took nothing says.
Sender::Flushed refused() noexcept {
  return errno == EAGAIN || errno == EWOULDBLOCK ? Sender::Flushed::some : Sender::Flushed::failed;
}

}  // namespace

Sender::Flushed Sender::flush() noexcept {
  if (has_next_ || !control_.empty() || outbox_->frames() != 1) return flush_all();
  // As with most: one frame, from where it stands.
  const std::string_view bytes = outbox_->at(0).bytes().substr(outbox_->sent());
  const ssize_t sent = send_bytes(socket_.native_handle(), bytes.data(), bytes.size());
  if (sent < 0) return refused();
  handed_over_ += static_cast<std::size_t>(sent);
  outbox_->consume(static_cast<std::size_t>(sent));
  return static_cast<std::size_t>(sent) < bytes.size() ? Flushed::some : Flushed::all;
}

// Apart from what most sends need, so that those do not prepare for this.
[[gnu::noinline]] Sender::Flushed Sender::flush_all() noexcept {
  try {
    if (has_next_) {
      if (const Flushed flushed = flush_in_turns(); flushed != Flushed::all) return flushed;
    }
    while (!control_.empty() || !outbox_->empty())
      if (const Flushed flushed = send_gathered(outbox_->frames()); flushed != Flushed::all) return flushed;
    return Flushed::all;
  } catch (const std::bad_alloc&) {
    return Flushed::failed;
  }
}

// Until nothing is behind the outbox in hand.
Sender::Flushed Sender::flush_in_turns() {
  for (go_on(); has_next_; go_on()) {
    const std::uint32_t waited = outbox_->frames();
    const Flushed flushed = send_gathered(std::min<std::uint32_t>(waited, turn_));
    turn_ -= static_cast<std::uint16_t>(std::min<std::uint32_t>(waited - outbox_->frames(), turn_));
    if (flushed != Flushed::all) return flushed;
  }
  return Flushed::all;
}

// One sendmsg() of control and of messages, of the first `frames`. `all`: the kernel took it.
Sender::Flushed Sender::send_gathered(std::uint32_t frames) noexcept {
  Gather out;
  gather(out, *outbox_, control_, frames);
  const ssize_t sent = out.send(socket_.native_handle());
  if (sent < 0) return refused();
  account(static_cast<std::size_t>(sent));
  return static_cast<std::size_t>(sent) < out.total() ? Flushed::some : Flushed::all;
}

void Sender::account(std::size_t sent) noexcept {
  handed_over_ += sent;
  if (const std::size_t of_begun = std::min(sent, left_of_begun(*outbox_)); of_begun > 0) {
    outbox_->consume(of_begun);
    sent -= of_begun;
  }
  const std::size_t of_control = std::min(sent, control_.size());
  rest_ -= static_cast<std::uint32_t>(std::min<std::size_t>(rest_, of_control));
  if (of_control == control_.size())
    std::string().swap(control_);  // an idle connection keeps no buffer
  else
    control_.erase(0, of_control);
  if (control_.empty()) outbox_->consume(sent - of_control);  // frames of no bytes, too
}

bool Sender::add_control(std::string_view bytes) {
  if (ended_) return true;
  if (control_.size() - rest_ + bytes.size() > control_bytes_max) return false;
  control_.append(bytes);
  return true;
}

void Sender::leave(hub::Outbox& from, hub::Outbox& to) {
  if (outbox_ != &from) return;
  outbox_ = &to;
  std::string rest;
  const std::uint32_t begun = from.begun();
  for (std::uint32_t i = 0; i < begun; ++i) rest += from.at(i).bytes().substr(i == 0 ? from.sent() : 0);
  control_.insert(0, rest);
  rest_ += static_cast<std::uint32_t>(rest.size());
  from.consume(rest.size());
}

void Sender::begin_turn() noexcept {
  turn_ = static_cast<std::uint16_t>(
      std::min<std::uint32_t>(outbox_->frames(), std::numeric_limits<std::uint16_t>::max()));
}

// Behind a turn that is over: the turn of another outbox, or the end.
[[gnu::noinline]] void Sender::go_on() {
  const bool has_the_turn = outbox_->begun() > 0 || (turn_ > 0 && !outbox_->empty());
  if (has_the_turn) return;
  if (hub::Outbox* const next = queue_ != nullptr ? queue_->next_outbox(*outbox_) : nullptr) outbox_ = next;
  if (!outbox_->empty()) return begin_turn();
  has_next_ = false;
  if (last_bytes_) begin_end();
}

void Sender::end(std::string last_bytes, Drain drain) {
  if (ended_) return;
  last_bytes_ = std::make_unique<std::string>(std::move(last_bytes));
  if (!has_next_) expect_next();
  if (drain == Drain::no) return end_now();
  outbox_->close();
  go_on();
}

void Sender::end_now() {
  if (ended_) return;
  outbox_->close_and_clear();
  begin_end();
}

void Sender::begin_end() {
  ended_ = true;
  has_next_ = false;
  if (last_bytes_) control_.append(*std::exchange(last_bytes_, nullptr));
}

}  // namespace corohub::gateway
