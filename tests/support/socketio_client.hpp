// Blocking Socket.IO clients for tests: one on a WebSocket, and one that polls.
#pragma once

#include "support/tcp_stream.hpp"
#include "support/ws_client.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::test {

// Packets of Socket.IO, without the `4` of Engine.IO.
class SocketioClient {
 public:
  virtual ~SocketioClient() = default;

  virtual void send(std::string_view packet) = 0;
  // The next packet; pings are answered on the way. Throws when the connection ends instead.
  virtual std::string next() = 0;
  // Goes away without a word.
  virtual void reset() = 0;
  // Takes what has come; never waits.
  virtual void keep() {}
};

class SocketioSocket final : public SocketioClient {
 public:
  explicit SocketioSocket(std::uint16_t port);
  void send(std::string_view packet) override { socket_.send_text("4" + std::string(packet)); }
  std::string next() override;
  void reset() override { socket_.stream().reset(); }

 private:
  std::string next_text();

  WsClient socket_;
};

// Each request comes on a connection of its own: the kernel gives it to one shard or another.
class SocketioPolling final : public SocketioClient {
 public:
  explicit SocketioPolling(std::uint16_t port);
  void send(std::string_view packet) override { post("4" + std::string(packet)); }
  std::string next() override;
  // In the midst of a poll, whose answer is lost.
  void reset() override;
  void keep() override;

 private:
  void post(std::string body);
  void begin_poll();
  void end_poll();

  const std::uint16_t port_;
  std::string target_;
  std::optional<TcpStream> poll_;  // under way
  std::deque<std::string> received_;
};

}  // namespace corohub::test
