// What one idle connection with seats in two namespaces costs, on a WebSocket.
#include "connection_rig.hpp"
#include "gateway/engineio/socket_leg.hpp"
#include "support/heap.hpp"

#include <iostream>

#include <gtest/gtest.h>

namespace corohub::gateway::socketio::test {
namespace {

using gateway::test::RawClient;

class Crowd {
 public:
  // So many more clients, each with a seat in `/` and in `/admin`. What they cost in heap bytes.
  std::size_t connect(std::size_t count) {
    std::vector<std::string> packets;
    for (std::size_t i = 0; i < count; ++i) {
      const AccountRef account = rig_.add_account(static_cast<UserId>(clients_.size() + 1), Role::admin);
      const std::string auth = json::serialize(json::object{{"token", rig_.token(*account)}});
      packets.push_back(gateway::test::text("40" + auth) + gateway::test::text("40/admin," + auth));
      clients_.push_back(std::make_unique<RawClient>(rig_.context));
    }
    const std::size_t before = corohub::test::heap_in_use();
    for (std::size_t i = 0; i < count; ++i) start(*clients_[clients_.size() - count + i], packets[i]);
    while (rig_.shard.size() < 2 * clients_.size()) {
      rig_.context.restart();
      rig_.context.poll();
    }
    return corohub::test::heap_in_use() - before;
  }

 private:
  void start(RawClient& client, const std::string& packets) {
    const auto address = asio::ip::address_v4::loopback();
    Newcomer newcomer{.place = rig_.reception.admit_stranger(address, true).value(),
                      .address = address,
                      .exempt = true,
                      .is_local = true,
                      .credential = {}};
    const auto link = rig_.directory.create(
        std::make_shared<Connection>(rig_.desk, rig_.namespaces, std::move(newcomer)), true);
    const auto leg = std::make_shared<engineio::SocketLeg>(link, engineio::SocketLeg::Begins::as_session);
    WebSocketStart socket{.socket = client.take_server_socket(),
                          .unread = packets,
                          .head = "HTTP/1.1 101 Switching Protocols\r\n\r\n",
                          .limited = false,
                          .deflate = false};
    start_websocket(std::move(socket), {sockets_, rig_.shard.wheel(), rig_.clock}, leg->outbox(), leg);
  }

  WebSocketSettings sockets_ = [] {
    WebSocketSettings settings;
    settings.ping_interval = settings.pong_timeout = std::chrono::milliseconds(0);
    settings.messages.text_only = false;
    return settings;
  }();
  ConnectionRig rig_;
  std::vector<std::unique_ptr<RawClient>> clients_;
};

constexpr std::size_t bytes_max = 3650;

TEST(SocketioIdleMemory, a_connection_with_two_seats_costs_little) {
  constexpr std::size_t counted = 200;
  Crowd crowd;
  crowd.connect(20);
  const std::size_t bytes = crowd.connect(counted) / counted;
  std::cout << "heap bytes per idle connection with two seats: " << bytes << "\n";
  EXPECT_GT(bytes, 1500U) << "is it counted at all?";
  EXPECT_LT(bytes, bytes_max);
}

}  // namespace
}  // namespace corohub::gateway::socketio::test
