// Clients of the native protocol, on a WebSocket, an event stream or polls.
#pragma once

#include "integration/delivery_model/client.hpp"
#include "support/sse_client.hpp"
#include "support/ws_client.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace corohub::test::delivery_model {

class NativeClient final : public Client {
 public:
  enum class Carrier : std::uint8_t { websocket, stream, poll };

  // `at_connect`: topics named when it connects; `later`: those it subscribes to then (WebSockets), each with
  // a position of its own, or, when it is `of_one_position`, without.
  NativeClient(const TestServer& server, const Log& log, Carrier carrier, TestUser& user,
               std::set<std::string> at_connect, const std::set<std::string>& later,
               bool of_one_position = false);

  bool connected() const override { return socket_ || stream_; }
  void connect() override;
  void join(const std::string& topic) override;
  void subscribe(const std::string& topic) override;
  void unsubscribe(const std::string& topic) override;
  void settle(const Marks& marks) override;

 private:
  std::vector<Lane*> lanes() override;
  void disconnect(bool reset) override;
  void read_one() override { take_message(next()); }

  json::object next();
  void ask(const json::value& message, const std::function<void(const json::object&)>& answered);
  void take_message(const json::object& message);
  void lose(const std::string& topic);
  void poll(const std::string& query);

  const Carrier carrier_;
  const bool of_one_position_;
  std::set<std::string> wanted_;
  Lane main_{.own = Own::all};
  std::map<std::string, Lane> subscribed_;
  std::optional<WsClient> socket_;
  std::optional<SseClient> stream_;
};

}  // namespace corohub::test::delivery_model
