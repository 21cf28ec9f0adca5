#include "support/socketio_client.hpp"

#include "support/http_client.hpp"

#include <algorithm>
#include <stdexcept>

#include <boost/json/parse.hpp>

namespace corohub::test {
namespace {

constexpr std::uint8_t close_frame = 8;  // the first of the control frames
constexpr char separator = '\x1e';

}  // namespace

// ---- on a WebSocket ----

SocketioSocket::SocketioSocket(std::uint16_t port)
    : socket_(port, WsOptions{.target = "/socket.io/?EIO=4&transport=websocket"}) {
  if (socket_.answer().status != 101) throw std::runtime_error("refused: " + socket_.answer().body);
  if (const std::string open = next_text(); !open.starts_with('0'))
    throw std::runtime_error("not opened: " + open);
}

std::string SocketioSocket::next_text() {
  for (;;) {
    const WsClient::Frame frame = socket_.read_frame();
    if (frame.opcode == close_frame) throw std::runtime_error("closed instead of a packet: " + frame.payload);
    if (frame.opcode < close_frame) return frame.payload;
  }
}

std::string SocketioSocket::next() {
  for (;;) {
    const std::string text = next_text();
    if (text.starts_with('4')) return text.substr(1);
    if (text == "2") socket_.send_text("3");
  }
}

// ---- by polling ----

SocketioPolling::SocketioPolling(std::uint16_t port)
    : port_(port), target_("/socket.io/?EIO=4&transport=polling") {
  const HttpAnswer opened = HttpClient(port_).get(target_);
  if (opened.status != 200 || !opened.body.starts_with('0'))
    throw std::runtime_error("not opened: " + opened.body);
  target_ += "&sid=" + std::string(json::parse(opened.body.substr(1)).at("sid").as_string());
}

void SocketioPolling::begin_poll() {
  poll_.emplace(port_);
  poll_->write(request_text({.target = target_}));
}

void SocketioPolling::end_poll() {
  std::string buffer;
  const HttpAnswer answer = read_answer(*poll_, buffer);
  poll_.reset();
  if (answer.status != 200)
    throw std::runtime_error("no poll: " + std::to_string(answer.status) + " " + answer.body);
  for (std::size_t at = 0; at <= answer.body.size();) {
    const std::size_t end = std::min(answer.body.find(separator, at), answer.body.size());
    const std::string packet = answer.body.substr(at, end - at);
    if (packet == "1") throw std::runtime_error("closed instead of a packet");
    if (packet == "2") post("3");
    if (packet.starts_with('4')) received_.push_back(packet.substr(1));
    at = end + 1;
  }
}

std::string SocketioPolling::next() {
  while (received_.empty()) {
    if (!poll_) begin_poll();
    end_poll();
  }
  std::string packet = std::move(received_.front());
  received_.pop_front();
  return packet;
}

void SocketioPolling::post(std::string body) {
  const HttpAnswer answer =
      HttpClient(port_).call({.method = "POST", .target = target_, .bytes = std::move(body)});
  if (answer.status != 200)
    throw std::runtime_error("not sent: " + std::to_string(answer.status) + " " + answer.body);
}

void SocketioPolling::reset() {
  if (!poll_) begin_poll();
  poll_->reset();
}

// One time it asks, the next time it takes what has come, so that something waits in the server as well.
void SocketioPolling::keep() {
  if (!poll_)
    begin_poll();
  else if (poll_->readable(std::chrono::milliseconds(0)))
    end_poll();
}

}  // namespace corohub::test
