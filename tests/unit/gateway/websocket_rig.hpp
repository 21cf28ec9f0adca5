// One WebSocket connection on a clock that stands still, with a listener that remembers.
#pragma once

#include "gateway/wire/frames.hpp"
#include "gateway/wire/websocket.hpp"
#include "raw_client.hpp"
#include "support/manual_clock.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace corohub::gateway::test {

class Recorder final : public TransportListener {
 public:
  explicit Recorder(const hub::OutboxLimits& limits) : outbox(limits) {}

  void on_open(Transport& opened) override { transport = &opened; }
  void on_message(MessageKind kind, std::string_view payload) override {
    messages.emplace_back(kind, payload);
  }
  void on_throttled() override { ++throttled; }
  void on_low_water() override { ++low_waters; }
  void on_closed(CloseReason reason) noexcept override {
    ++closes;
    closed = reason;
    transport = nullptr;
  }

  hub::Outbox outbox;
  Transport* transport = nullptr;
  std::vector<std::pair<MessageKind, std::string>> messages;
  int throttled = 0;
  int low_waters = 0;
  int closes = 0;
  std::optional<CloseReason> closed;
};

class WebSocketRig {
 public:
  explicit WebSocketRig(std::optional<int> buffer_bytes = {}) : client(context, buffer_bytes) {}
  ~WebSocketRig() {
    if (recorder->transport != nullptr) recorder->transport->abort();
    context.restart();
    context.poll();
  }

  void start(std::string unread = {}, bool limited = true) {
    start_websocket({.socket = client.take_server_socket(),
                     .unread = std::move(unread),
                     .head = "HTTP/1.1 101 Switching Protocols\r\n\r\n",
                     .limited = limited,
                     .deflate = deflate},
                    {settings, wheel, clock}, recorder->outbox, recorder);
  }

  bool until(const std::function<bool()>& done) { return turn_until(context, {&client}, done); }
  bool until_closed() {
    return until([this] { return recorder->closed.has_value(); });
  }
  void settle() { turn_until_quiet(context, {&client}); }

  void pass(std::chrono::milliseconds time) {
    for (std::chrono::milliseconds passed{0}; passed < time; passed += Wheel::tick) {
      clock.advance(Wheel::tick);
      wheel.advance(clock.steady());
      context.restart();
      context.poll();
      client.turn();
    }
    settle();
  }

  void push(std::string_view payload) { recorder->outbox.push(message_frame(Opcode::text, payload)); }

  asio::io_context context{1};
  corohub::test::ManualClock clock;
  Wheel wheel{clock.steady()};
  WebSocketSettings settings;
  bool deflate = false;
  hub::OutboxLimits limits;
  std::shared_ptr<Recorder> recorder = std::make_shared<Recorder>(limits);
  RawClient client;
};

}  // namespace corohub::gateway::test
