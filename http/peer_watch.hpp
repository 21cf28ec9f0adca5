// Tells a handler that waits when its client has ended its side of the connection: the client has gone, or
// reads on but will say nothing more. What the client says meanwhile is kept, up to a bound, until its turn
// comes; beyond the bound TCP holds the client back and its end goes unseen. Shard's thread only.
#pragma once

#include "core/task.hpp"

#include <functional>
#include <memory>
#include <string>

namespace corohub::http {

class PeerWatch {
 public:
  // Both references outlive the watch. Later requests wait in `inbound`.
  PeerWatch(Socket& socket, std::string& inbound) noexcept : socket_(socket), inbound_(inbound) {}
  ~PeerWatch();
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;

  // `then` is called at most once, from the loop, and not after the watch was destroyed. It must not throw.
  void on_end(std::function<void()> then);

 private:
  struct Wait;
  static void wait(std::shared_ptr<Wait> state);

  Socket& socket_;
  std::string& inbound_;
  std::shared_ptr<Wait> wait_;  // made once a handler has asked
};

}  // namespace corohub::http
