// Blocking STOMP 1.2 clients for tests: one on a WebSocket, and one that polls inside SockJS.
#pragma once

#include "support/tcp_stream.hpp"
#include "support/test_server.hpp"
#include "support/ws_client.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::test {

struct StompFrame {
  std::string command;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};

  // The first of a name counts; empty: there is none.
  std::string header(std::string_view name) const;
};

// With the NUL at its end.
std::string stomp_text(const StompFrame& frame);
// Throws std::runtime_error for what is no whole frame.
StompFrame parse_stomp(std::string_view text);

class StompClient {
 public:
  virtual ~StompClient() = default;

  void send(const StompFrame& frame) { send_texts({stomp_text(frame)}); }
  // All of them at once, as far as the carrier can.
  void send(const std::vector<StompFrame>& frames);
  // Throws when the connection ends instead.
  StompFrame next() { return parse_stomp(next_text()); }
  // Goes away without a word.
  virtual void reset() = 0;
  // Does what keeps the connection alive while nothing is read; never waits.
  virtual void keep() {}

 private:
  virtual void send_texts(const std::vector<std::string>& texts) = 0;
  virtual std::string next_text() = 0;
};

// Known by `?token=`; a user without a token is nobody.
class StompSocket final : public StompClient {
 public:
  StompSocket(std::uint16_t port, const TestUser& user);
  void reset() override { socket_.stream().reset(); }

 private:
  void send_texts(const std::vector<std::string>& texts) override;
  std::string next_text() override;

  WsClient socket_;
};

// A session of SockJS that the server has given up.
class SessionGone : public std::runtime_error {
 public:
  explicit SessionGone(std::chrono::steady_clock::duration time)
      : std::runtime_error("the session is gone"), unheard(time) {}

  const std::chrono::steady_clock::duration unheard;  // since the client began its last poll there
};

// Each request names the user's token of the moment, and comes on a connection of its own: the kernel gives
// the connection to one shard or another.
class StompPolling final : public StompClient {
 public:
  // `user` outlives this.
  StompPolling(std::uint16_t port, const TestUser& user);
  // In the midst of a poll, whose answer is lost.
  void reset() override;
  void keep() override;

 private:
  void send_texts(const std::vector<std::string>& texts) override;
  std::string next_text() override;
  HttpCall call(std::string_view transport, std::string body) const;
  void begin_poll();
  std::string end_poll();
  void read_poll();

  const std::uint16_t port_;
  const TestUser& user_;
  const std::string session_;
  std::optional<TcpStream> poll_;  // under way
  std::chrono::steady_clock::time_point polled_at_;
  std::chrono::steady_clock::duration unheard_{};  // between the last two polls
  std::deque<std::string> received_;
  int heartbeats_ = 0;  // since something else came
};

}  // namespace corohub::test
