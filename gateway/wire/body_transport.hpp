// The body of an HTTP answer as a transport: a client that only reads, in chunks or, for HTTP/1.0, until the
// connection ends. An event stream and a stream of SockJS add what they say by themselves. On its shard's
// thread only.
#pragma once

#include "gateway/wire/socket_transport.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace corohub::gateway {

class BodyTransport : public SocketTransport {
 public:
  // ---- Transport ----
  const Wrap& wrap() const noexcept final;
  void pause_reading() noexcept final {}  // nothing is read
  void resume_reading() noexcept final {}

 protected:
  struct Terms {
    bool chunked;                   // the head of the answer says so, too
    std::size_t inbound_bytes_max;  // of what a client says nevertheless
  };
  // Otherwise as SocketTransport.
  BodyTransport(Socket socket, Wheel& wheel, const Clock& clock, const WriteTimeouts& timeouts,
                hub::Outbox& outbox, std::shared_ptr<TransportListener> listener, const Terms& terms) noexcept
      : SocketTransport(std::move(socket), wheel, clock, timeouts, outbox, std::move(listener)),
        terms_(terms) {}

  bool is_chunked() const noexcept { return terms_.chunked; }
  // A peer that confirms nothing for so long is dead.
  void give_up_dead_peer_after(std::chrono::milliseconds timeout) noexcept;
  // Tells the listener that it is open, and waits for the client's end.
  void serve();

 private:
  // ---- SocketTransport ----
  std::string last_bytes(CloseReason reason) const final;
  void on_all_sent() noexcept final;

  Detached run(std::shared_ptr<SocketTransport> self);

  const Terms terms_;
  std::size_t received_ = 0;
  bool shut_ = false;  // our half of the connection is closed
};

}  // namespace corohub::gateway
