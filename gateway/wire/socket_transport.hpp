// What every transport on a socket of its own does alike: it sends what waits, gives a client that does not
// read a deadline, and ends within a bounded time: what waits, the last bytes, the peer's own end. A
// transport adds how it begins, what it reads, and what else has a deadline. On its shard's thread only.
#pragma once

#include "core/detached.hpp"
#include "core/send_progress.hpp"
#include "core/wheel.hpp"
#include "gateway/wire/sender.hpp"
#include "gateway/wire/transport.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>

namespace corohub::gateway {

struct WriteTimeouts {
  std::chrono::milliseconds write{10'000};  // for progress while the socket is full
  std::chrono::milliseconds drain{1000};    // for what waits when we close
  std::chrono::milliseconds close{1000};    // for the peer's end after ours
};

class SocketTransport : public Transport, public Timed, public std::enable_shared_from_this<SocketTransport> {
 public:
  // ---- Transport ----
  void flush() noexcept final;
  bool is_full() const noexcept final { return writing_; }
  void close(CloseReason reason, Drain drain) noexcept final;
  void abort() noexcept final;
  void take_turns(OutboxQueue* queue) noexcept final { sender_.take_turns(queue); }
  void flush_queue() noexcept final;
  void leave(hub::Outbox& from, hub::Outbox& to) noexcept final;

  // ---- Timed ----
  void on_due(SteadyTime now) noexcept final;

 protected:
  static constexpr SteadyTime never = SteadyTime::max();

  // Wheel, clock, timeouts and outbox outlive the transport; it keeps its listener until on_closed().
  SocketTransport(Socket socket, Wheel& wheel, const Clock& clock, const WriteTimeouts& timeouts,
                  hub::Outbox& outbox, std::shared_ptr<TransportListener> listener) noexcept;

  // ---- what a transport adds ----
  // The last bytes of a connection that we end.
  virtual std::string last_bytes(CloseReason reason) const = 0;
  virtual void on_closing() noexcept {}   // an end begins, maybe a sudden one
  virtual void on_all_sent() noexcept {}  // the last bytes are gone; may be told more than once
  // Whether the last bytes have more than `close` of time while the peer acknowledges what is ahead of them.
  virtual bool end_waits_for_reader() const noexcept { return false; }
  // The earliest deadline of its own while it is open, and what to do when it may have come.
  virtual SteadyTime open_due() const noexcept = 0;
  virtual void on_open_due(SteadyTime now) noexcept = 0;

  // ---- what it is given ----
  Socket& socket() noexcept { return sender_.socket(); }
  Sender& sender() noexcept { return sender_; }
  TransportListener& listener() noexcept { return *listener_; }
  const Clock& clock() const noexcept { return clock_; }
  SteadyTime now() const noexcept { return wheel_.at(clock_.steady()); }
  CloseReason reason() const noexcept { return reason_; }
  bool closing() const noexcept { return closing_; }  // reason() is final
  bool dead() const noexcept { return dead_; }        // the socket is closed, or waits for that

  // on_open() of the listener, and what it pushed leaves.
  void tell_open() noexcept;
  // The wheel looks at open_due() again by then at the latest.
  void arm_by(SteadyTime due) noexcept;
  void begin_closing(CloseReason reason) noexcept;
  void end_sending(std::string last_bytes, Drain drain) noexcept;
  // Throws away what has come, once. How much it was; nothing: no more will come.
  std::optional<std::size_t> discard_input() noexcept;
  // So much has come that nobody has received.
  std::size_t arrived_bytes() noexcept;
  // The end of the reading side: nothing is left to wait for. It may wait for its turn among those who go.
  void finish() noexcept;
  void tell_closed() noexcept;

 private:
  void finish_now() noexcept;
  std::string farewell(CloseReason reason);
  Detached write_loop(std::shared_ptr<SocketTransport> self);
  void start_write_loop() noexcept;
  void note_progress_of_end() noexcept;
  void closing_due(SteadyTime now) noexcept;
  bool is_still_taken(SteadyTime now);
  SteadyTime next_due() const noexcept {
    if (closing_) return close_due_;
    return progress_ ? std::min(open_due(), progress_->next_look()) : open_due();
  }

  // What a send reads stands together, at the beginning.
  CloseReason reason_ = CloseReason::peer_gone;
  bool writing_ = false;  // write_loop runs
  bool closing_ = false;
  bool last_out_ = false;  // the last bytes are on their way
  bool dead_ = false;
  bool told_closed_ = false;
  Sender sender_;

  Wheel& wheel_;
  const Clock& clock_;
  const WriteTimeouts& timeouts_;
  std::shared_ptr<TransportListener> listener_;

  SteadyTime armed_ = never;
  std::unique_ptr<SendProgress> progress_;  // while the socket is full
  SteadyTime close_due_ = never;            // of the drain, then of the peer's end
};

}  // namespace corohub::gateway
