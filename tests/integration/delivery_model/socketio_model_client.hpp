// Clients of Socket.IO in the namespace `/`, on a WebSocket or by polling: what they were told is recovered,
// with their topics, from the last position that they have read.
#pragma once

#include "integration/delivery_model/client.hpp"
#include "support/socketio_client.hpp"

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/array.hpp>

namespace corohub::test::delivery_model {

class SocketioModelClient final : public Client {
 public:
  enum class Carrier : std::uint8_t { websocket, polling };

  SocketioModelClient(const TestServer& server, const Log& log, Carrier carrier, TestUser& user);

  bool connected() const override { return client_ != nullptr; }
  void connect() override;
  void join(const std::string& topic) override { subscribe(topic); }
  void subscribe(const std::string& topic) override;
  void unsubscribe(const std::string& topic) override;
  void keep() override;

 private:
  std::vector<Lane*> lanes() override;
  void disconnect(bool reset) override;
  void read_one() override { take_packet(client_->next()); }

  // The acknowledgement, behind all that came before it.
  json::object ask(std::string_view event, const json::object& data);
  void take_packet(std::string_view packet);
  void take_event(const json::array& event);

  const Carrier carrier_;
  Lane lane_{.own = Own::all};
  std::unique_ptr<SocketioClient> client_;
  std::string pid_{};
  std::string offset_{};  // as the server said it
};

}  // namespace corohub::test::delivery_model
