// A blocking WebSocket client for tests (RFC 6455, client side). It answers pings, and sends what it is told.
#pragma once

#include "support/http_client.hpp"
#include "support/tcp_stream.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

namespace corohub::test {

struct WsOptions {
  std::string target = "/ws";
  std::string token{};  // Authorization: Bearer
  std::vector<std::pair<std::string, std::string>> headers{};
  bool answer_pings = true;
};

struct WsClose {
  std::uint16_t code = 1006;  // 1006: the connection ended without a close frame
  std::string reason;
  bool operator==(const WsClose&) const = default;
};

class WsClient {
 public:
  // Sends the handshake and reads the answer; answer().status is 101 when it is open.
  WsClient(std::uint16_t port, const WsOptions& options);
  WsClient(std::uint16_t port, std::string token) : WsClient(port, WsOptions{.token = std::move(token)}) {}

  const HttpAnswer& answer() const noexcept { return answer_; }

  struct Frame {
    std::uint8_t opcode = 0;
    bool final = true;
    std::string payload;
  };
  // The next frame as it came; opcode 8 with an empty payload and closed() at the end of the stream.
  Frame read_frame();

  // The next text message, as text and as JSON. Throws when the connection ends instead.
  std::string next_text();
  json::object next();
  // Messages up to and with the first of this type.
  std::vector<json::object> until(std::string_view type);
  // Reads to the end and answers how it was; the messages before it are in `received` if given.
  WsClose wait_close(std::vector<json::object>* received = nullptr);

  void send_frame(std::uint8_t opcode, std::string_view payload, bool final = true);
  void send_text(std::string_view text) { send_frame(1, text); }
  void close(std::uint16_t code = 1000);
  TcpStream& stream() noexcept { return stream_; }

 private:
  bool fill(std::size_t size);  // false: the stream ended first

  TcpStream stream_;
  std::string target_;
  std::string buffer_;
  HttpAnswer answer_;
  bool answer_pings_;
  bool native_;  // what comes are events of the native protocol
  bool ended_ = false;
};

}  // namespace corohub::test
