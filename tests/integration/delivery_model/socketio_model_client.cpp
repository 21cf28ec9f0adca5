#include "integration/delivery_model/socketio_model_client.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub::test::delivery_model {
namespace {

constexpr std::string_view answer_head = "37";  // to what a client asks, one at a time

json::array array_of(std::string_view packet) {
  return json::parse(packet.substr(packet.find('['))).as_array();
}

}  // namespace

SocketioModelClient::SocketioModelClient(const TestServer& server, const Log& log, Carrier carrier,
                                         TestUser& user)
    : Client(server, log, user,
             carrier == Carrier::websocket ? "Socket.IO on a WebSocket" : "Socket.IO by polling"),
      carrier_(carrier) {
  lane_.position = log.head();
}

// ---- what it does ----

void SocketioModelClient::connect() {
  if (connected()) return;
  if (carrier_ == Carrier::websocket)
    client_ = std::make_unique<SocketioSocket>(server_.port());
  else
    client_ = std::make_unique<SocketioPolling>(server_.port());
  json::object auth{{"token", user_.access_token}};
  if (!pid_.empty()) {
    auth["pid"] = pid_;
    auth["offset"] = offset_;
    // Of a topic that it has asked for since, what it had not comes as well.
    lane_.position = std::stoll(offset_.substr(offset_.find(':') + 1));
  } else {
    lane_.position = log_.head();
  }
  begin(lane_);
  client_->send("0" + json::serialize(auth));
  const std::string packet = client_->next();
  ASSERT_TRUE(packet.starts_with("0{")) << packet;
  const std::string pid(json::parse(packet.substr(1)).at("pid").as_string());
  if (!pid_.empty()) EXPECT_EQ(pid, pid_);
  const json::array welcome = array_of(client_->next());
  EXPECT_EQ(welcome.at(0), "connection.established");
  EXPECT_EQ(welcome.at(2).at("recovered"), !pid_.empty());
  EXPECT_EQ(welcome.at(2).at("seq"), lane_.position);
  pid_ = pid;
  offset_ = welcome.at(3).as_string();
}

void SocketioModelClient::subscribe(const std::string& topic) {
  if (!connected() || lane_.topics.contains(topic)) return;
  const json::object answer = ask("subscribe", {{"topic", topic}});
  if (!answer.at("ok").as_bool()) {
    EXPECT_FALSE(may_see(topic)) << json::serialize(answer);
    return;
  }
  const Seq position = answer.at("data").at("seq").as_int64();
  EXPECT_GE(position, lane_.position);
  compare(lane_, position);
  lane_.topics.insert(topic);
}

void SocketioModelClient::unsubscribe(const std::string& topic) {
  if (!connected() || !lane_.topics.contains(topic)) return;
  ask("unsubscribe", {{"topic", topic}});
  compare(lane_, lane_.position);
  lane_.topics.erase(topic);
}

void SocketioModelClient::keep() {
  if (connected()) client_->keep();
}

void SocketioModelClient::disconnect(bool reset) {
  if (reset) client_->reset();
  client_.reset();
}

json::object SocketioModelClient::ask(std::string_view event, const json::object& data) {
  client_->send("27[\"" + std::string(event) + "\"," + json::serialize(data) + "]");
  for (;;) {
    const std::string packet = client_->next();
    if (packet.starts_with(answer_head)) return array_of(packet).at(0).as_object();
    take_packet(packet);
  }
}

// ---- what it reads ----

std::vector<Lane*> SocketioModelClient::lanes() {
  return lane_.active ? std::vector<Lane*>{&lane_} : std::vector<Lane*>();
}

void SocketioModelClient::take_packet(std::string_view packet) {
  ASSERT_TRUE(packet.starts_with("2[")) << packet;
  take_event(array_of(packet));
}

void SocketioModelClient::take_event(const json::array& event) {
  const std::string type(event.at(0).as_string());
  EXPECT_NE(type, "stream.gap") << json::serialize(event);
  if (type == "subscription.revoked") {
    const std::string topic(event.at(1).at("topic").as_string());
    EXPECT_TRUE(is_staff(topic));
    lane_.topics.erase(topic);
    return;
  }
  if (event.size() < 4) return;  // not in the log
  const json::object& meta = event.at(2).as_object();
  const json::value* topic = meta.if_contains("topic");
  offset_ = event.at(3).as_string();
  EXPECT_TRUE(offset_.ends_with(":" + std::to_string(meta.at("seq").as_int64()))) << offset_;
  take(lane_, {meta.at("seq").as_int64(), type, topic == nullptr ? "" : std::string(topic->as_string()),
               event.at(1)});
}

}  // namespace corohub::test::delivery_model
