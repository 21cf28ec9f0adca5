// The only writer of a connection's socket: shared frames out of the outbox and control bytes, never
// interleaved. Used on the shard's thread only; never blocks.
#pragma once

#include "core/send_progress.hpp"
#include "core/task.hpp"
#include "gateway/wire/transport.hpp"
#include "hub/outbox.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace corohub::gateway {

class Sender {
 public:
  static constexpr std::size_t control_bytes_max = 65'536;

  // The outbox must outlive the sender.
  Sender(Socket socket, hub::Outbox& outbox) noexcept : outbox_(&outbox), socket_(std::move(socket)) {}

  Socket& socket() noexcept { return socket_; }

  enum class Flushed : std::uint8_t {
    all,
    some,    // the socket is full
    failed,  // the connection is broken
  };
  Flushed flush() noexcept;

  // One or more whole control frames, or what the protocol says before the first frame. They go out before
  // data, between two messages. False: more control waits than a client that reads would leave. Ignored once
  // the end has begun.
  bool add_control(std::string_view bytes);

  // ---- several outboxes ----
  // From here on the queue is asked at the end of each turn, see OutboxQueue. It outlives the sender, or is
  // replaced by null.
  void take_turns(OutboxQueue* queue) noexcept { queue_ = queue; }
  // Something waits in an outbox of the queue: the one in hand has what waits in it by now, and then it is
  // the turn of others.
  void look_further() noexcept {
    if (!ended_ && !has_next_) expect_next();
  }
  // The outbox in hand is `from` no longer, if it was, but `to`, which is empty. A message that was begun
  // leaves all the same. Throws for memory, and then a message has been torn apart.
  void leave(hub::Outbox& from, hub::Outbox& to);

  // The last bytes of the connection; nothing is sent after them. Drain::yes: behind what waits.
  void end(std::string last_bytes, Drain drain);
  // The last bytes do not wait any longer.
  void end_now();

  // Nothing waits: all that was queued has been handed to the kernel.
  bool is_idle() const noexcept { return control_.empty() && outbox_->empty(); }

  // The last bytes are on their way or gone.
  bool ended() const noexcept { return ended_; }
  // They are gone.
  bool finished() const noexcept { return ended_ && control_.empty() && outbox_->empty(); }

  // How much the peer's side has taken, counted from anywhere: what a write deadline looks at.
  std::uint64_t acknowledged() noexcept {
    return handed_over_ - unacknowledged_bytes(socket_.native_handle());
  }

 private:
  Flushed flush_all() noexcept;
  Flushed flush_in_turns();
  Flushed send_gathered(std::uint32_t frames) noexcept;
  void account(std::size_t sent) noexcept;
  void expect_next() noexcept {
    has_next_ = true;
    begin_turn();
  }
  void begin_turn() noexcept;
  void go_on();
  void begin_end();

  hub::Outbox* outbox_;  // in hand
  std::uint64_t handed_over_ = 0;
  bool ended_ = false;
  bool has_next_ = false;   // behind the turn of the outbox in hand: another of the queue, or the last bytes
  std::uint16_t turn_ = 0;  // so many frames are left of it, if it has an end
  // Control frames. They leave behind a message that was begun and before all others. If the outbox of that
  // message has left, the message's last `rest_` bytes stand here, before the control frames.
  std::uint32_t rest_ = 0;
  std::string control_;
  Socket socket_;
  OutboxQueue* queue_ = nullptr;
  std::unique_ptr<std::string> last_bytes_;  // wait for all outboxes to be empty
};

}  // namespace corohub::gateway
