#include "integration/delivery_model/stomp_model_client.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <utility>

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace corohub::test::delivery_model {
namespace {

const std::string answers = "answers";  // the subscription to what the server says to this connection alone

// Shorter than a session of SockJS lives without a receiver: the server's clock is not the client's.
constexpr std::chrono::seconds sure_of_session{4};

}  // namespace

StompModelClient::StompModelClient(const TestServer& server, const Log& log, Carrier carrier, TestUser& user)
    : Client(server, log, user,
             carrier == Carrier::websocket ? "STOMP on a WebSocket" : "STOMP inside SockJS"),
      carrier_(carrier) {
  const auto topic = [](std::string name, const std::string& of, bool at_connect = false) {
    return Place{std::move(name), "/topic/" + of, Lane{.topics = {of}}, at_connect};
  };
  places_ = {{"system", "/topic/system", Lane{.own = Own::for_all}, true},
             {"own", "/user/queue/messages", Lane{.own = Own::other}, true},
             topic("a", "rooms/a", true),
             topic("a_again", "rooms/a"),
             topic("b", "rooms/b"),
             topic("staff", "staff/x", true)};
  for (Place& place : places_) place.lane.position = log.head();
}

// ---- what it does ----

// All it wants is asked for at once. Every third time it begins anew, without positions.
void StompModelClient::connect() {
  if (connected()) return;
  if (carrier_ == Carrier::websocket)
    client_ = std::make_unique<StompSocket>(server_.port(), user_);
  else
    client_ = std::make_unique<StompPolling>(server_.port(), user_);
  client_->send({.command = "CONNECT", .headers = {{"accept-version", "1.2"}, {"host", "corohub"}}});
  const StompFrame connected = client_->next();
  ASSERT_EQ(connected.command, "CONNECTED") << connected.body;
  const bool anew = ++connections_ % 3 == 0;
  std::vector<StompFrame> frames{
      {.command = "SUBSCRIBE", .headers = {{"id", answers}, {"destination", "/user/queue/subscription"}}}};
  for (Place& place : places_) {
    if (anew) place.lane.position = log_.head();
    if (anew) place.message_id.clear();
    if (place.at_connect && (place.lane.own != Own::none || may_see(*place.lane.topics.begin())))
      frames.push_back(begin_subscription(place, !anew));
  }
  EXPECT_TRUE(ask(frames));
}

void StompModelClient::subscribe(const std::string& topic) {
  const auto place = std::ranges::find_if(
      places_, [&](const Place& one) { return !one.lane.active && one.lane.topics.contains(topic); });
  if (connected() && place != places_.end() && !ask({begin_subscription(*place, true)}))
    EXPECT_FALSE(may_see(topic));
}

// One time the client waits for the receipt and uses the id again, the other time it does neither, and what
// is under way then is for nobody.
void StompModelClient::unsubscribe(const std::string& topic) {
  std::vector<Place*> found;
  for (Place& place : places_)
    if (place.lane.active && place.lane.topics.contains(topic)) found.push_back(&place);
  if (!connected() || found.empty()) return;
  Place& place = *found.at(++ends_ / 2 % found.size());
  const StompFrame frame{.command = "UNSUBSCRIBE", .headers = {{"id", place.id}}};
  if (ends_ % 2 == 0) {
    EXPECT_TRUE(ask({frame}));
    return end(place.lane);
  }
  end(place.lane);
  ended_.insert(std::exchange(place.id, {}));
  if_not_gone([&] { client_->send(frame); });
}

void StompModelClient::keep() {
  if (connected()) if_not_gone([&] { client_->keep(); });
}

void StompModelClient::disconnect(bool reset) {
  if (reset)
    client_->reset();
  else
    if_not_gone([&] { client_->send({.command = "DISCONNECT"}); });
  lost();
}

StompFrame StompModelClient::begin_subscription(Place& place, bool resumes) {
  begin(place.lane);
  if (place.id.empty()) place.id = place.name + ":" + std::to_string(++subscriptions_);
  place.resumes = resumes;
  StompFrame frame{.command = "SUBSCRIBE", .headers = {{"id", place.id}, {"destination", place.destination}}};
  if (!resumes) return frame;
  const bool has_read = !place.message_id.empty();
  frame.headers.emplace_back("since", has_read ? place.message_id : std::to_string(place.lane.position));
  return frame;
}

bool StompModelClient::ask(const std::vector<StompFrame>& frames) {
  std::vector<StompFrame> with_receipts = frames;
  for (StompFrame& frame : with_receipts) {
    frame.headers.emplace_back("receipt", frame.header("id"));
    due_.insert(frame.header("id"));
  }
  bool refused = false;
  if_not_gone([&] {
    client_->send(with_receipts);
    while (!due_.empty() && !refused) {
      const StompFrame frame = client_->next();
      refused = frame.command == "ERROR";
      if (!refused) take_frame(frame);
      if (refused) EXPECT_EQ(frame.header("code"), "forbidden") << frame.body;
      if (refused) EXPECT_TRUE(due_.contains(frame.header("receipt-id")));
    }
  });
  if (refused) lost();
  return !refused;
}

// ---- what it reads ----

void StompModelClient::read_one() {
  if_not_gone([&] { take_frame(client_->next()); });
}

void StompModelClient::take_frame(const StompFrame& frame) {
  if (frame.command == "MESSAGE") return take_message(frame);
  if (frame.command == "RECEIPT") return take_receipt(frame);
  throw std::runtime_error(frame.command + " " + frame.header("code") + ": " + frame.body);
}

void StompModelClient::take_message(const StompFrame& message) {
  const std::string id = message.header("subscription");
  EXPECT_EQ(message.header("corohub-gap"), "") << id;
  if (id == answers) return take_status(message);
  Place* place = find(id);
  if (place == nullptr) {
    EXPECT_TRUE(ended_.contains(id)) << "never subscribed: " << id;
    return;
  }
  EXPECT_EQ(message.header("destination"), place->destination);
  if (message.header("corohub-seq").empty()) {  // somebody has come or gone
    EXPECT_TRUE(message.header("message-id").starts_with("-:"));
    return;
  }
  take(place->lane, event_of(message, *place));
  place->message_id = message.header("message-id");
}

Arrived StompModelClient::event_of(const StompFrame& message, const Place& place) {
  const Seq seq = std::stoll(message.header("corohub-seq"));
  const std::string epoch = message.header("corohub-epoch");
  if (epoch_.empty()) epoch_ = epoch;
  EXPECT_EQ(epoch, epoch_);
  EXPECT_EQ(message.header("message-id"), epoch_ + ":" + std::to_string(seq));
  Arrived event{seq, message.header("corohub-type"), message.header("corohub-topic"),
                json::parse(message.body)};
  // An alert to everyone has a body of its own.
  if (place.lane.own == Own::for_all && seq <= log_.head()) {
    const json::value sent = json::parse(log_.at(seq).data);
    EXPECT_EQ(event.data.at("message"), sent.at("message"));
    event.data = sent;
  }
  return event;
}

// It claims nothing that has not come yet: a client may go on from there, too.
void StompModelClient::take_receipt(const StompFrame& receipt) {
  const std::string id = receipt.header("receipt-id");
  EXPECT_EQ(due_.erase(id), 1U) << id;
  Place* place = find(id);
  const bool resumes = place != nullptr && std::exchange(place->resumes, false);
  EXPECT_EQ(receipt.header("corohub-recovered"), resumes ? "true" : "") << id;
  if (resumes) EXPECT_LE(std::stoll(receipt.header("corohub-seq")), place->lane.position) << id;
}

void StompModelClient::take_status(const StompFrame& message) {
  const std::string status = message.header("corohub-status");
  if (status == "subscribed") return;
  EXPECT_EQ(status, "revoked") << message.body;
  EXPECT_TRUE(is_staff(message.header("corohub-destination").substr(std::string("/topic/").size())));
  if (Place* place = find(message.header("corohub-subscription"))) end(place->lane);
}

// ---- what it has ----

std::vector<Lane*> StompModelClient::lanes() {
  std::vector<Lane*> all;
  for (Place& place : places_)
    if (place.lane.active) all.push_back(&place.lane);
  return all;
}

StompModelClient::Place* StompModelClient::find(std::string_view id) {
  const auto found = std::ranges::find(places_, id, &Place::id);
  return found == places_.end() ? nullptr : &*found;
}

void StompModelClient::if_not_gone(const std::function<void()>& act) {
  try {
    act();
  } catch (const SessionGone& gone) {
    EXPECT_GE(gone.unheard, sure_of_session);
    lost();
  }
}

void StompModelClient::lost() {
  end_all();
  due_.clear();
  ended_.clear();
  client_.reset();
}

}  // namespace corohub::test::delivery_model
