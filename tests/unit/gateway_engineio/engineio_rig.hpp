// Routes of Engine.IO in front of a listener that answers what it hears: on the test's own loop.
#pragma once

#include "gateway/engineio/routes.hpp"
#include "unit/gateway/raw_client.hpp"
#include "unit/http/rig.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::gateway::engineio::test {

class Echo;

// What its makers know of an echo after its end, too.
struct Life {
  Link* link = nullptr;
  Echo* echo = nullptr;
  std::vector<std::string> messages;
  int rewrapped = 0;
  int throttled = 0;
  std::optional<CloseReason> closed;
};

struct SeatOutbox {
  explicit SeatOutbox(const hub::OutboxLimits& limits) : outbox(limits) {}
  hub::Outbox outbox;
};

// A channel beside the link's own.
class Seat final : public SeatOutbox, public Channel {
 public:
  Seat(Link& link, const hub::OutboxLimits& limits) : SeatOutbox(limits), Channel(link, outbox) {}
  void on_low_water() noexcept override { ++low_waters; }

  int low_waters = 0;
};

// Says everything back, but what begins with an exclamation mark is done.
class Echo final : public Listener {
 public:
  Echo(std::shared_ptr<Life> life, const hub::OutboxLimits& limits)
      : life_(std::move(life)), limits_(limits) {
    life_->echo = this;
  }
  ~Echo() override { life_->echo = nullptr; }

  void on_open(Link& link) override {
    life_->link = &link;
    seats.push_back(std::make_unique<Seat>(link, limits_));
    seats.push_back(std::make_unique<Seat>(link, limits_));
  }
  void on_message(MessageKind kind, std::string_view payload) override {
    life_->messages.emplace_back(payload);
    if (payload == "!close") return life_->link->close(CloseReason::kicked, Drain::yes);
    if (payload == "!pause") return life_->link->pause_reading();
    if (payload == "!throw") throw std::runtime_error("a defect");
    if (payload == "!large") return life_->link->allow_large_messages();
    if (payload == "!seat") return say_by(0, payload);
    say(payload, kind);
  }
  void on_throttled() override { ++life_->throttled; }
  void on_rewrapped() override { ++life_->rewrapped; }
  void on_closed(CloseReason reason) noexcept override {
    life_->closed = reason;
    life_->link = nullptr;
  }

  // A bar parts a message of two frames.
  void push(hub::Outbox& outbox, std::string_view text, MessageKind kind = MessageKind::text,
            const hub::Audience& readers = hub::Audience::one_connection()) {
    const Wrap& wrap = life_->link->wrap();
    const std::size_t bar = kind == MessageKind::text ? text.find('|') : std::string_view::npos;
    if (bar == std::string_view::npos)
      outbox.push(wrap.frame(text, Wrap::Part::whole, readers, kind));
    else
      outbox.push(wrap.frame(text.substr(0, bar), Wrap::Part::first, readers),
                  wrap.frame(text.substr(bar), Wrap::Part::last, readers));
  }
  void say(std::string_view text, MessageKind kind = MessageKind::text) {
    push(life_->link->own_outbox(), text, kind);
    life_->link->flush();
  }
  void say_by(std::size_t seat, std::string_view text) {
    push(seats[seat]->outbox, text);
    seats[seat]->flush();
  }

  std::vector<std::unique_ptr<Seat>> seats;

 private:
  std::shared_ptr<Life> life_;
  const hub::OutboxLimits& limits_;
};

class EchoService final : public Service {
 public:
  std::size_t shards() const override { return places.size(); }
  Place place(std::size_t shard) const override { return places[shard]; }
  bool allows_origin(const http::Request& request) const override {
    return request.header("Origin") == "https://ours.example";
  }
  Task<Result<std::unique_ptr<Guest>>> admit(http::Context& context) override {
    if (refuse) co_return Error(ErrorCode::too_many_connections, "Too many.");
    if (context.rate != nullptr && !nobody) context.charge(1).value();
    co_return std::unique_ptr<Guest>(std::make_unique<EchoGuest>(*this));
  }

  std::vector<Place> places;
  bool refuse = false;
  bool nobody = false;  // those admitted are no users
  bool limited = true;
  hub::OutboxLimits limits;
  std::vector<std::shared_ptr<Life>> lives;  // in the order of their beginnings

 private:
  class EchoGuest final : public Guest {
   public:
    explicit EchoGuest(EchoService& service) : service_(service) {}
    std::shared_ptr<Listener> open() override {
      auto life = std::make_shared<Life>();
      service_.lives.push_back(life);
      return std::make_shared<Echo>(life, service_.limits);
    }
    bool is_limited() const noexcept override { return service_.limited; }

   private:
    EchoService& service_;
  };
};

inline std::string get(const std::string& query, const std::string& fields = {}) {
  return "GET /engine.io/?" + query + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
inline std::string post(const std::string& query, const std::string& body = {},
                        const std::string& fields = {}) {
  return "POST /engine.io/?" + query +
         " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" +
         body;
}
inline const std::string upgrade_fields =
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
inline const std::string polling = "EIO=4&transport=polling";
inline const std::string websocket = "EIO=4&transport=websocket";
inline std::string of(const std::string& session) { return "&sid=" + session; }

// "sid" of an open packet.
inline std::string sid_of(const std::string& packet) {
  const std::size_t at = packet.find("\"sid\":\"");
  if (at == std::string::npos) throw std::runtime_error("no open packet: " + packet);
  return packet.substr(at + 7, packet.find('"', at + 7) - at - 7);
}

// A client's WebSocket, through the routes.
class Socket {
 public:
  Socket(http::test::Rig& rig, const std::string& query, int receive_buffer = 0)
      : client_(rig, receive_buffer), rig_(rig) {
    client_.send(get(query, upgrade_fields));
    answer = client_.read(/*head_only=*/true);
  }
  void send(std::string_view text) {
    client_.send(gateway::test::text(text));
    rig_.settle();
  }
  void send_binary(const std::string& bytes) {
    client_.send(gateway::test::encode({.opcode = 0x2, .payload = bytes}));
    rig_.settle();
  }
  // Without letting the server work.
  void put(std::string_view bytes) { client_.put(bytes); }
  // The next frame; `opcode` and `last` say of which kind it was.
  std::string read() {
    const std::string head = client_.read_bytes(2);
    opcode = static_cast<unsigned char>(head[0]) & 0x0F;
    last = (static_cast<unsigned char>(head[0]) & 0x80) != 0;
    std::size_t size = static_cast<unsigned char>(head[1]);
    if (size >= 126) {
      const std::string length = client_.read_bytes(size == 126 ? 2 : 8);
      size = 0;
      for (const char byte : length) size = size << 8 | static_cast<unsigned char>(byte);
    }
    return client_.read_bytes(size);
  }
  // The code of the close frame that comes next.
  int close_code() {
    const std::string payload = read();
    if (opcode != 0x8 || payload.size() < 2) return 0;
    return static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
  }
  bool silent() { return client_.silent(); }
  void close() {
    client_.close();
    rig_.settle();
  }

  http::test::Answer answer;
  int opcode = 0;
  bool last = false;

 private:
  http::test::Client client_;
  http::test::Rig& rig_;
};

struct EngineioRig {
  explicit EngineioRig(LinkSettings links = {}) {
    service->places.push_back({http.context, http.wheel, http.clock});
    sockets.ping_interval = sockets.pong_timeout = std::chrono::milliseconds(0);
    sockets.messages.text_only = false;
    sockets.messages.bytes = links.payload_bytes_max;
    FrontEnd front_end;
    front_end.prefix = "/engine.io";
    front_end.sockets = &sockets;
    front_end.open_count = &open_sockets;
    front_end.links = links;
    add_routes(http.router, std::move(front_end), service);
    http.listen();
  }
  ~EngineioRig() {
    for (const auto& life : service->lives)
      if (life->link != nullptr) life->link->close(CloseReason::draining, Drain::no);
    http.settle();
  }
  EngineioRig(const EngineioRig&) = delete;
  EngineioRig& operator=(const EngineioRig&) = delete;

  http::test::Answer ask(const std::string& request) { return http::test::Client(http).ask(request); }
  // A new session that polls.
  std::string open() { return sid_of(ask(get(polling)).body); }
  http::test::Answer poll(const std::string& session) { return ask(get(polling + of(session))); }
  http::test::Answer send(const std::string& session, const std::string& payload) {
    return ask(post(polling + of(session), payload));
  }
  // A poll that waits.
  void park(http::test::Client& client, const std::string& session) {
    client.send(get(polling + of(session)));
    http.settle();
  }
  Life& life(std::size_t number = 0) { return *service->lives.at(number); }

  http::test::Rig http;
  WebSocketSettings sockets;
  std::atomic<std::size_t> open_sockets{0};
  std::shared_ptr<EchoService> service = std::make_shared<EchoService>();
};

inline const std::string rs = "\x1e";
inline const std::string bad_request_body = R"({"code":3,"message":"Bad request"})";
inline const std::string unknown_body = R"({"code":1,"message":"Session ID unknown"})";

// A request for a link, without HTTP.
class Answered final : public Visit {
 public:
  Answered(const Executor& origin, std::optional<Reply>& reply) : Visit(origin), reply_(reply) {}
  void finish() noexcept override { reply_ = take_reply(); }

 private:
  std::optional<Reply>& reply_;
};

struct Probe : Socket {
  Probe(http::test::Rig& rig, const std::string& session) : Socket(rig, websocket + of(session)) {
    send("2probe");
    EXPECT_EQ(read(), "3probe");
  }
};

struct EngineioLink : testing::Test, EngineioRig {
  const LinkSettings settings;
  void pass(std::chrono::milliseconds time) { http.pass(time); }
  void expect_gone(const std::string& session) {
    const http::test::Answer answer = poll(session);
    EXPECT_EQ(answer.status, 400);
    EXPECT_EQ(answer.body, unknown_body);
  }
  // A session that polls, with a WebSocket that the server has proved to hear.
  Probe probe(const std::string& session) { return Probe(http, session); }
};

}  // namespace corohub::gateway::engineio::test
