// The body of one xhr_streaming or eventsource request: frames of SockJS one by one, in chunks or, for
// HTTP/1.0, until the connection ends. It knows no session. On its shard's thread only.
#pragma once

#include "core/task.hpp"
#include "gateway/wire/place.hpp"
#include "gateway/wire/socket_transport.hpp"
#include "hub/outbox.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace corohub::gateway::sockjs {

struct StreamSettings {
  WriteTimeouts timeouts;
  std::chrono::milliseconds dead_peer_timeout{60'000};  // for a peer that confirms nothing any more
  std::size_t inbound_bytes_max = 16 * 1024;            // of what a client says nevertheless
  // Counts those that exist, also one that its session has let go of: a drain waits for them.
  std::atomic<std::size_t>* open = nullptr;
  std::size_t bytes_max = 128 * 1024;  // of frames; then the client asks anew, which frees its memory
};

enum class StreamKind : bool { xhr, eventsource };
std::string_view content_type(StreamKind kind) noexcept;

// A checked request and its socket.
struct StreamStart {
  Socket socket;
  std::string head;     // the answer's status line and headers
  bool chunked = true;  // the head says so, too
  StreamKind kind = StreamKind::xhr;
};

// Whom a stream belongs to.
class StreamUser {
 public:
  // The socket was full and has taken all.
  virtual void on_stream_ready() noexcept = 0;
  // The client ended it, or did not read. The stream is not to be touched any more.
  virtual void on_stream_lost(CloseReason reason) noexcept = 0;

 protected:
  ~StreamUser() = default;
};

// A handle to a stream that lives as long as its socket. Whoever lets go of it says end() before.
class Stream : public TransportListener {
 public:
  // Sends head and prelude. `keeps` is the user's life. Throws for memory.
  static std::shared_ptr<Stream> start(StreamStart start, const StreamSettings& settings, const Place& place);

  // From here on the user is told.
  void belong_to(std::weak_ptr<StreamUser> user) noexcept { user_ = std::move(user); }
  // One frame of SockJS; leaves at once if the socket takes it.
  void say(std::string_view frame);
  // The body ends behind what was said. The user is not told of anything any more.
  void end() noexcept;
  // Reset, now.
  void abort() noexcept;

  bool is_open() const noexcept { return transport_ != nullptr; }
  bool is_full() const noexcept { return transport_ == nullptr || transport_->is_full(); }
  // It has had what one answer may have.
  bool is_spent() const noexcept { return said_bytes_ >= settings_.bytes_max; }
  // For HTTP/1.0: it ends with its first batch.
  bool is_short() const noexcept { return !chunked_; }
  bool has_said() const noexcept { return said_bytes_ > 0; }

  // ---- TransportListener ----
  void on_open(Transport& transport) override { transport_ = &transport; }
  void on_message(MessageKind, std::string_view) override {}
  void on_throttled() override {}
  void on_low_water() override;
  void on_closed(CloseReason reason) noexcept override;

  Stream(const StreamSettings& settings, StreamKind kind, bool chunked) noexcept
      : settings_(settings), kind_(kind), chunked_(chunked) {}

 private:
  const StreamSettings& settings_;
  const StreamKind kind_;
  const bool chunked_;
  hub::Outbox outbox_{limits};  // of frames of SockJS; filled only while the socket takes them
  Transport* transport_ = nullptr;
  std::weak_ptr<StreamUser> user_;
  std::size_t said_bytes_ = 0;

  // Nothing is said while the socket is full, so that these are never met.
  static constexpr hub::OutboxLimits limits{64, 1U << 30};
};

}  // namespace corohub::gateway::sockjs
