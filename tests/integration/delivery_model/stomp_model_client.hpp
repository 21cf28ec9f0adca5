// Clients of STOMP, on a WebSocket or inside SockJS: each subscription goes on from the last `message-id` it
// has read.
#pragma once

#include "integration/delivery_model/client.hpp"
#include "support/stomp_client.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::test::delivery_model {

class StompModelClient final : public Client {
 public:
  enum class Carrier : std::uint8_t { websocket, sockjs };

  StompModelClient(const TestServer& server, const Log& log, Carrier carrier, TestUser& user);

  bool connected() const override { return client_ != nullptr; }
  void connect() override;
  void join(const std::string& topic) override { subscribe(topic); }
  void subscribe(const std::string& topic) override;
  void unsubscribe(const std::string& topic) override;
  void keep() override;

 private:
  // What it may be subscribed to, if it is: two of them are for the same topic.
  struct Place {
    std::string name;
    std::string destination;
    Lane lane;
    bool at_connect = false;
    std::string id{};          // of its last subscription
    std::string message_id{};  // the last that was read; empty: the lane's position says more
    bool resumes = false;      // it has asked for what it missed, and waits for the receipt
  };

  std::vector<Lane*> lanes() override;
  void disconnect(bool reset) override;
  void read_one() override;

  StompFrame begin_subscription(Place& place, bool resumes);
  // Asks and reads up to the receipts of all of them. False: it was refused, and the connection has ended.
  bool ask(const std::vector<StompFrame>& frames);
  void take_frame(const StompFrame& frame);
  void take_message(const StompFrame& message);
  void take_receipt(const StompFrame& receipt);
  void take_status(const StompFrame& message);
  Arrived event_of(const StompFrame& message, const Place& place);
  Place* find(std::string_view id);
  // A session of SockJS may have gone because nobody received for so long; then nothing comes of it.
  void if_not_gone(const std::function<void()>& act);
  void lost();

  const Carrier carrier_;
  std::unique_ptr<StompClient> client_;
  std::vector<Place> places_;
  std::set<std::string> ended_;  // ids that may still be heard of
  std::set<std::string> due_;    // receipts that were asked for
  std::string epoch_;            // of the log, as it was told first
  std::size_t connections_ = 0;
  std::size_t subscriptions_ = 0;
  std::size_t ends_ = 0;
};

}  // namespace corohub::test::delivery_model
