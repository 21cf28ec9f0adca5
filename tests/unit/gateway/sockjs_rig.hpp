// SockJS routes in front of a listener that answers what it hears: on the test's own loop, and with a second
// shard on a thread of its own.
#pragma once

#include "gateway/sockjs/routes.hpp"
#include "unit/http/rig.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>

namespace corohub::gateway::sockjs::test {

// What its makers know of an echo after its end, too.
struct Life {
  Transport* transport = nullptr;
  hub::Outbox* outbox = nullptr;
  std::vector<std::string> messages;
  int low_waters = 0;
  int throttled = 0;
  std::optional<CloseReason> closed;
  std::string farewell;
};

// Says everything back, but what begins with an exclamation mark is done.
class Echo final : public TransportListener {
 public:
  Echo(std::shared_ptr<Life> life, const hub::OutboxLimits& limits) : outbox(limits), life_(std::move(life)) {
    life_->outbox = &outbox;
  }
  ~Echo() override { life_->outbox = nullptr; }

  void on_open(Transport& transport) override { life_->transport = &transport; }
  void on_message(MessageKind, std::string_view text) override {
    life_->messages.emplace_back(text);
    if (text == "!close") return life_->transport->close(CloseReason::kicked, Drain::yes);
    if (text == "!pause") return life_->transport->pause_reading();
    if (text == "!throw") throw std::runtime_error("a defect");
    say(text);
  }
  void on_throttled() override { ++life_->throttled; }
  void on_low_water() override { ++life_->low_waters; }
  std::string farewell(CloseReason) override { return life_->farewell; }
  void on_closed(CloseReason reason) noexcept override {
    life_->closed = reason;
    life_->transport = nullptr;
  }

  void say(std::string_view text) {
    const Wrap& wrap = life_->transport->wrap();
    const hub::Audience readers = hub::Audience::one_connection();
    const std::size_t bar = text.find('|');  // one message of two frames
    if (bar == std::string_view::npos)
      outbox.push(wrap.frame(text, Wrap::Part::whole, readers));
    else
      outbox.push(wrap.frame(text.substr(0, bar), Wrap::Part::first, readers),
                  wrap.frame(text.substr(bar), Wrap::Part::last, readers));
    life_->transport->flush();
  }

  hub::Outbox outbox;

 private:
  std::shared_ptr<Life> life_;
};

class EchoService final : public Service {
 public:
  std::size_t shards() const override { return places.size(); }
  Place place(std::size_t shard) const override { return places[shard]; }
  bool allows_origin(const http::Request& request) const override {
    return request.header("Origin") == "https://ours.example";
  }
  Task<Result<UserId>> identify(http::Context& context) override {
    const std::string_view token = context.request.query_value("token").value_or("");
    if (token == "bad") co_return Error(ErrorCode::invalid_token, "The token is bad.");
    co_return token.empty() ? UserId(0) : UserId(token.size());
  }
  Task<Result<std::unique_ptr<Guest>>> admit(http::Context& context) override {
    if (refuse) co_return Error(ErrorCode::too_many_connections, "Too many.");
    ++admitted;
    if (context.rate != nullptr && !nobody) context.charge(1).value();
    co_return std::unique_ptr<Guest>(std::make_unique<EchoGuest>(*this));
  }

  std::vector<Place> places;
  bool refuse = false;
  bool nobody = false;  // those admitted are no users
  int admitted = 0;
  int prepared = 0;
  bool limited = true;
  hub::OutboxLimits limits;
  std::vector<std::shared_ptr<Life>> lives;  // in the order of their beginnings

 private:
  class EchoGuest final : public Guest {
   public:
    explicit EchoGuest(EchoService& service) : service_(service) {}
    Task<> prepare(std::size_t) override {
      ++service_.prepared;
      co_return;
    }
    Listening open(std::size_t) override {
      auto life = std::make_shared<Life>();
      service_.lives.push_back(life);
      const auto echo = std::make_shared<Echo>(life, service_.limits);
      return {echo, &echo->outbox, service_.limited};
    }

   private:
    EchoService& service_;
  };
};

class SockjsRig {
 public:
  explicit SockjsRig(FrontEnd front_end = {}) {
    service->places.push_back({http.context, http.wheel, http.clock});
    front_end.prefix = "/ws";
    front_end.sockets = &sockets;
    front_end.open_count = &open_sockets;
    add_routes(http.router, std::move(front_end), service);
    http.listen();
  }
  ~SockjsRig() {
    for (const auto& life : service->lives)
      if (life->transport != nullptr) life->transport->abort();
    http.settle();
  }
  SockjsRig(const SockjsRig&) = delete;
  SockjsRig& operator=(const SockjsRig&) = delete;

  Life& life(std::size_t number = 0) { return *service->lives.at(number); }

  http::test::Rig http;
  WebSocketSettings sockets;
  std::atomic<std::size_t> open_sockets{0};
  std::shared_ptr<EchoService> service = std::make_shared<EchoService>();
};

inline std::string get(const std::string& target, const std::string& fields = {}) {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
}
inline std::string post(const std::string& target, const std::string& body = {},
                        const std::string& fields = {}) {
  return "POST " + target + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + fields + "\r\n" + body;
}

}  // namespace corohub::gateway::sockjs::test
