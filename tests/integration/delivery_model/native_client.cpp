#include "integration/delivery_model/native_client.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub::test::delivery_model {
namespace {

constexpr std::array carrier_names{"WebSocket", "event stream", "polls"};

}  // namespace

NativeClient::NativeClient(const TestServer& server, const Log& log, Carrier carrier, TestUser& user,
                           std::set<std::string> at_connect, const std::set<std::string>& later,
                           bool of_one_position)
    : Client(server, log, user, carrier_names.at(static_cast<std::size_t>(carrier))),
      carrier_(carrier),
      of_one_position_(of_one_position),
      wanted_(std::move(at_connect)) {
  main_.position = log.head();
  for (const std::string& topic : later) subscribed_[topic] = Lane{.topics = {topic}, .position = log.head()};
}

void NativeClient::connect() {
  if (connected()) return;
  main_.topics.clear();
  std::string query = "?since=" + std::to_string(main_.position);
  for (const std::string& topic : wanted_)
    if (may_see(topic)) {
      main_.topics.insert(topic);
      query += "&topic=" + topic;
    }
  begin(main_);
  if (carrier_ == Carrier::poll) return poll(query);
  if (carrier_ == Carrier::stream) {
    stream_.emplace(server_.port(), SseClient::Options{.target = "/api/v1/events/stream" + query,
                                                       .token = user_.access_token});
    ASSERT_EQ(stream_->status(), 200) << stream_->head();
  } else {
    socket_.emplace(server_.port(), WsOptions{.target = "/ws" + query, .token = user_.access_token});
    ASSERT_EQ(socket_->answer().status, 101) << socket_->answer().body;
  }
  const json::object welcome = next();
  EXPECT_EQ(welcome.at("type"), "connection.established");
  EXPECT_EQ(welcome.at("data").at("recovered"), true);
  EXPECT_EQ(welcome.at("data").at("seq"), main_.position);
}

// The position is the last that was told, whatever is subscribed to meanwhile; the next time it connects, the
// client names the topic.
void NativeClient::join(const std::string& topic) {
  if (!socket_ || !of_one_position_ || is_staff(topic) || main_.topics.contains(topic)) return;
  ask({{"type", "subscribe"}, {"id", "j"}, {"data", {{"topic", topic}}}}, [&](const json::object& answer) {
    ASSERT_EQ(answer.at("type"), "reply") << json::serialize(answer);
    const Seq position = answer.at("data").at("seq").as_int64();
    EXPECT_GE(position, main_.position);
    compare(main_, position);
  });
  main_.topics.insert(topic);
  wanted_.insert(topic);
}

void NativeClient::subscribe(const std::string& topic) {
  if (of_one_position_) return join(topic);
  const auto found = subscribed_.find(topic);
  if (!socket_ || found == subscribed_.end() || found->second.active) return;
  Lane& lane = found->second;
  begin(lane);
  ask({{"type", "subscribe"},
       {"id", "s"},
       {"data", {{"topic", topic}, {"since", std::to_string(lane.position)}}}},
      [&](const json::object& answer) {
        lane.active = answer.at("type") == "reply";
        if (lane.active)
          EXPECT_EQ(answer.at("data").at("recovered"), true);
        else
          EXPECT_FALSE(may_see(topic)) << json::serialize(answer);
      });
}

void NativeClient::unsubscribe(const std::string& topic) {
  const auto found = subscribed_.find(topic);
  if (!socket_ || found == subscribed_.end() || !found->second.active) return;
  ask({{"type", "unsubscribe"}, {"id", "u"}, {"data", {{"topic", topic}}}}, [](const json::object&) {});
  end(found->second);
}

void NativeClient::disconnect(bool reset) {
  if (reset) (socket_ ? socket_->stream() : stream_->stream()).reset();
  socket_.reset();
  stream_.reset();
  if (of_one_position_ && reset) wanted_.clear();  // so that it joins again
}

void NativeClient::settle(const Marks& marks) {
  if (carrier_ == Carrier::poll) return connect();
  if (connected()) Client::settle(marks);
}

std::vector<Lane*> NativeClient::lanes() {
  std::vector<Lane*> all;
  if (main_.active) all.push_back(&main_);
  for (auto& [topic, lane] : subscribed_)
    if (lane.active) all.push_back(&lane);
  return all;
}

json::object NativeClient::next() {
  if (socket_) return socket_->next();
  const SseEvent event = stream_->next();
  if (const json::value* seq = event.data.if_contains("seq"))
    EXPECT_TRUE(event.id.ends_with(":" + std::to_string(seq->as_int64()))) << event.id;
  return event.data;
}

void NativeClient::ask(const json::value& message, const std::function<void(const json::object&)>& answered) {
  socket_->send_text(json::serialize(message));
  for (;;) {
    const json::object answer = socket_->next();
    if (answer.contains("id")) return answered(answer);
    take_message(answer);
  }
}

void NativeClient::take_message(const json::object& message) {
  const std::string type(message.at("type").as_string());
  EXPECT_NE(type, "stream.gap") << json::serialize(message);
  if (type == "subscription.revoked") return lose(std::string(message.at("data").at("topic").as_string()));
  const json::value* seq = message.if_contains("seq");
  if (seq == nullptr) return;
  const json::value* named = message.if_contains("topic");
  const std::string topic(named == nullptr ? "" : std::string(named->as_string()));
  const auto found = subscribed_.find(topic);
  take(found == subscribed_.end() ? main_ : found->second,
       {seq->as_int64(), type, topic, message.at("data")});
}

void NativeClient::lose(const std::string& topic) {
  EXPECT_TRUE(is_staff(topic));
  main_.topics.erase(topic);
  const auto found = subscribed_.find(topic);
  if (found != subscribed_.end()) end(found->second);
}

// All there is, as a poller that is answered at once.
void NativeClient::poll(const std::string& query) {
  const std::size_t rest = std::min(query.find('&'), query.size());
  std::string since = query.substr(0, rest);
  for (;;) {
    const HttpAnswer answer = server_.client().get(
        "/api/v1/events/poll" + since + query.substr(rest) + "&timeout=0", user_.access_token);
    if (answer.status == 204) break;
    ASSERT_EQ(answer.status, 200) << answer.body;
    const json::value page = answer.at("data");
    for (const json::value& event : page.as_array()) take_message(event.as_object());
    since = "?since=" + std::string(answer.at("meta.next").as_string());
  }
  compare(main_, log_.head());
  main_.active = false;
}

}  // namespace corohub::test::delivery_model
