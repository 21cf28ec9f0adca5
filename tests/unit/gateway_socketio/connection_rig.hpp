// Clients of Socket.IO that poll a shard with sessions, on a clock that stands still.
#pragma once

#include "core/encoding.hpp"
#include "gateway/engineio/directory.hpp"
#include "gateway/engineio/packet.hpp"
#include "gateway/engineio/payload.hpp"
#include "gateway/socketio/connection.hpp"
#include "gateway/socketio/forms.hpp"
#include "gateway/socketio/root.hpp"
#include "unit/gateway/session_rig.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::gateway::socketio::test {

// A namespace for administrators that says nothing but its welcome, and takes no call but "hey".
class Administration final : public Vocabulary {
 public:
  std::string_view name_space() const noexcept override { return "/admin"; }
  Result<Seating> admit(const Desk&, const hub::Identity& who, const json::object& auth,
                        bool) const override {
    if (who.is_guest()) return Error(ErrorCode::unauthorized, "Who are you?");
    if (!who.is_user() || who.role == Role::user) return Error(ErrorCode::forbidden, "For administrators.");
    if (auth.contains("namespace")) return Error(ErrorCode::not_found, "There is none.");
    return Seating();
  }
  bool keeps(const Desk&, const hub::Identity& who) const noexcept override { return who.role != Role::user; }
  const hub::Form& form(const Wrap& wrap, bool with_position) const override {
    return form_of("/admin", wrap, with_position);
  }
  void begin(Seat& seat, const Welcome& welcome) const override {
    seat.welcome("admin_connected", "{}", welcome);
  }
  bool call(Seat& seat, Call&& call) const override {
    if (call.name == "hey") seat.acknowledge(call.ack, "{}");
    return call.name == "hey";
  }
};

// One where guests are welcome.
class Lobby final : public Vocabulary {
 public:
  std::string_view name_space() const noexcept override { return "/lobby"; }
  Result<Seating> admit(const Desk&, const hub::Identity&, const json::object&, bool) const override {
    return Seating();
  }
  const hub::Form& form(const Wrap& wrap, bool with_position) const override {
    return form_of("/lobby", wrap, with_position);
  }
  void begin(Seat& seat, const Welcome& welcome) const override { seat.welcome("hello", "{}", welcome); }
  bool call(Seat&, Call&&) const override { return false; }
};

class ConnectionRig : public gateway::test::SessionRig {
 public:
  ConnectionRig() {
    shard.begin_after({settings.epoch, 0, 0, {}});
    namespaces.vocabularies.push_back(std::make_unique<Root>(links.ping_interval));
    namespaces.vocabularies.push_back(std::make_unique<Administration>());
    namespaces.vocabularies.push_back(std::make_unique<Lobby>());
  }
  ~ConnectionRig() {
    reception.outsiders().send_away_all();
    shard.close_all(CloseReason::draining, std::chrono::milliseconds(0));
    pass(2 * engineio::Link::kept_after_end);
  }

  engineio::LinkSettings links;
  engineio::Directory directory{0, {context, shard.wheel(), clock}, links};
  Namespaces namespaces{keys, clock, database.writer, 65'536};
};

class Client {
 public:
  explicit Client(ConnectionRig& rig, std::string credential = {}, bool exempt = false) : rig_(rig) {
    const auto address = asio::ip::address_v4::loopback();
    Newcomer newcomer{.place = rig.reception.admit_stranger(address, exempt).value(),
                      .address = address,
                      .exempt = exempt,
                      .is_local = true,
                      .credential = std::move(credential)};
    connection_ = std::make_shared<Connection>(rig.desk, rig.namespaces, std::move(newcomer));
    link_ = rig.directory.create(connection_, true);
    link_->open();
    asio::co_spawn(rig.context, poll(), asio::detached);
    rig.settle();
  }

  ~Client() {
    link_->close(CloseReason::peer_gone, Drain::no);
    rig_.settle();
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Packets of Socket.IO; a Buffer as "b" and base64.
  void send_all(const std::vector<std::string>& packets) {
    std::string payload;
    for (const std::string& packet : packets)
      engineio::append_item(payload, packet.starts_with('b') ? packet : "4" + packet);
    asio::co_spawn(rig_.context, post(std::move(payload)), asio::detached);
    rig_.settle();
  }
  void send(const std::string& packet) { send_all({packet}); }
  // CONNECT, with what `auth` says.
  void connect(std::string_view name_space, const json::object& auth) {
    send(packet_head(PacketType::connect, name_space) + json::serialize(auth));
  }

  // CONNECT, and the link ends while the log is asked.
  void connect_and_go(std::string_view name_space, const json::object& auth) {
    const std::string packet = packet_head(PacketType::connect, name_space) + json::serialize(auth);
    asio::co_spawn(rig_.context, post("4" + packet), asio::detached);
    rig_.context.restart();
    rig_.context.poll();
    link_->close(CloseReason::peer_gone, Drain::no);
    rig_.settle();
  }

  // From here on it polls no more, or again.
  void stop_polling() {
    polls_ = false;
    link_->lose_poll(number_);
    rig_.settle();
  }
  void go_on_polling() {
    polls_ = true;
    asio::co_spawn(rig_.context, poll(), asio::detached);
    rig_.settle();
  }

  // What came since the last call, but for pings.
  std::vector<std::string> take() {
    rig_.settle();
    return std::exchange(packets_, {});
  }
  // Answers to its polls.
  int payloads() const noexcept { return payloads_; }
  bool has_ended() const noexcept { return ended_; }
  engineio::Link& link() noexcept { return *link_; }

 private:
  Task<> poll() {
    while (!ended_ && polls_) {
      const std::function<void(Ticket)> errand = [this](Ticket ticket) {
        link_->poll(++number_, std::move(ticket));
      };
      const Reply reply = co_await visit(rig_.context, errand);
      ended_ = polls_ && reply.kind != Reply::Kind::frame;
      ++payloads_;
      std::string_view payload = reply.frame;
      bool pinged = false;
      while (!payload.empty()) {
        const std::string_view item = engineio::take_item(payload);
        pinged = pinged || item == engineio::ping_packet;
        note(item);
      }
      if (pinged) co_await post(std::string(engineio::pong_packet));
    }
  }
  void note(std::string_view item) {
    if (item == "1") ended_ = true;
    if (item.starts_with('4')) packets_.emplace_back(item.substr(1));
    if (item.starts_with('b')) packets_.emplace_back(item);
  }
  Task<> post(std::string payload) {
    const std::function<void(Ticket)> errand = [this, &payload](Ticket ticket) {
      link_->send(payload, std::move(ticket));
    };
    co_await visit(rig_.context, errand);
  }

  ConnectionRig& rig_;
  std::shared_ptr<Connection> connection_;
  std::shared_ptr<engineio::Link> link_;
  std::vector<std::string> packets_;
  int payloads_ = 0;
  std::uint64_t number_ = 0;  // of the last poll
  bool polls_ = true;
  bool ended_ = false;
};

// The JSON behind a packet's head; null: there is none.
inline json::value value_of(std::string_view packet) {
  const std::size_t at = packet.find_first_of("[{");
  return at == std::string_view::npos ? json::value() : json::parse(packet.substr(at));
}

}  // namespace corohub::gateway::socketio::test
