// Random clients of all protocols and carriers connect, read a little, drop, come back, subscribe and change
// roles while events are written. What each subscription was sent is compared, event by event, with the log:
// all that it had to get, nothing that it might not see, in order, once. The seeds are fixed.
#include "integration/delivery_model/log.hpp"
#include "integration/delivery_model/native_client.hpp"
#include "integration/delivery_model/socketio_model_client.hpp"
#include "integration/delivery_model/stomp_model_client.hpp"
#include "support/test_server.hpp"

#include <chrono>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub::test::delivery_model {
namespace {

void with_small_buffers(server::Settings& settings) {
  settings.shard.tail.events = 24;            // so that most of what is missed is read from the log
  settings.gateway.outbox.messages_max = 64;  // and waits there for clients that take it late
  settings.gateway.socketio.ping_interval =
      std::chrono::minutes(10);  // a client that is not read from is there
  hub::TopicRule staff{.pattern = "staff/*"};
  staff.subscribers = staff.publishers = hub::Audience::admin_bits;
  staff.history_count = 100'000;
  hub::TopicRule rooms{.pattern = "rooms/*"};
  rooms.subscribers = rooms.publishers = hub::Audience::everyone_bits;
  rooms.history_count = 100'000;
  settings.topics = {staff, rooms};
}

class World {
 public:
  explicit World(unsigned seed) : random_(seed) {
    for (const char* name : {"ann", "bob", "cid", "dora"})
      users_.push_back(std::make_unique<TestUser>(server_.register_user(name)));
    log_.catch_up();
    const std::set<std::string> none;
    const std::set<std::string> some{"rooms/a", "staff/x"};
    for (std::size_t i = 0; i < users_.size(); ++i) {
      add<NativeClient>(NativeClient::Carrier::websocket, *users_[i], some, std::set<std::string>{"rooms/b"});
      add<NativeClient>(NativeClient::Carrier::websocket, *users_[i], none,
                        std::set<std::string>{"rooms/a", "staff/x"});
      add<NativeClient>(NativeClient::Carrier::stream, *users_[i], some, none);
      add<NativeClient>(NativeClient::Carrier::poll, *users_[i], std::set<std::string>{"rooms/b", "staff/x"},
                        none);
      add<NativeClient>(NativeClient::Carrier::websocket, *users_[i], none, none, true);
      add<StompModelClient>(StompModelClient::Carrier::websocket, *users_[i]);
      add<StompModelClient>(StompModelClient::Carrier::sockjs, *users_[i]);
      add<SocketioModelClient>(SocketioModelClient::Carrier::websocket, *users_[i]);
      add<SocketioModelClient>(SocketioModelClient::Carrier::polling, *users_[i]);
    }
  }

  void step() {
    // A session of SockJS that nobody receives from has room for as much as its outbox has.
    if (++steps_ % 4 == 0)
      for (const auto& one : clients_) one->keep();
    switch (pick(16)) {
      case 0:
      case 1:
      case 2:
        return burst();
      case 3:
        return pick(4) == 0 ? change_role() : burst();
      case 4:
      case 5:
      case 6:
        return connect();
      case 7:
        return client().drop(pick(2) == 0);
      case 8:
      case 9:
      case 10:
        return client().read_some(log_.head() - pick(40));
      case 11:
      case 12:
        return client().subscribe(topic());
      case 13:
      case 14:
        return client().unsubscribe(topic());
      default:
        return pick(10) == 0 ? settle() : client().subscribe(topic());
    }
  }

  // Some subscribe while what they missed is on its way to them.
  void connect() {
    Client& one = client();
    one.connect();
    one.join(topic());
    one.read_some(log_.head() - pick(100));
    one.join(topic());
    if (pick(3) == 0) one.drop(pick(2) == 0);
  }

  void settle() {
    Marks marks;
    for (const std::string& name : topics_) marks.in_topic[name] = publish(name);
    for (const auto& one : users_) marks.for_user[one->id] = alert({{"user_id", one->id}});
    marks.for_all = alert(nullptr);
    log_.catch_up();
    for (const auto& one : clients_) one->settle(marks);
  }

 private:
  template <class C, class... Args>
  void add(typename C::Carrier carrier, TestUser& user, Args... args) {
    clients_.push_back(std::make_unique<C>(server_, log_, carrier, user, std::move(args)...));
  }
  Seq pick(Seq below) { return std::uniform_int_distribution<Seq>(0, below - 1)(random_); }
  Client& client() { return *clients_.at(static_cast<std::size_t>(pick(static_cast<Seq>(clients_.size())))); }
  const std::string& topic() { return topics_.at(static_cast<std::size_t>(pick(3))); }
  TestUser& user() { return *users_.at(static_cast<std::size_t>(pick(static_cast<Seq>(users_.size())))); }

  static Seq seq_of(const HttpAnswer& answer) {
    EXPECT_EQ(answer.status / 100, 2) << answer.body;
    const std::string position = answer.header("Corohub-Position");
    return std::stoll(position.substr(position.find(':') + 1));
  }
  Seq publish(const std::string& name) {
    publisher_.send_text(json::serialize(
        json::value{{"type", "publish"}, {"id", "p"}, {"data", {{"topic", name}, {"data", pick(1000)}}}}));
    for (;;) {
      const json::object answer = publisher_.next();
      if (!answer.contains("id")) continue;  // an event for everyone
      EXPECT_EQ(answer.at("type"), "reply") << json::serialize(answer);
      return answer.at("data").at("seq").as_int64();
    }
  }
  Seq alert(json::value to) {
    json::object body{{"message", "m"}};
    if (!to.is_null()) body["to"] = std::move(to);
    return seq_of(http_.post("/ws/broadcast", body, root_.access_token));
  }

  void burst() {
    for (Seq left = 1 + pick(8); left > 0; --left) switch (pick(5)) {
        case 0:
          alert(nullptr);
          break;
        case 1:
          alert({{"user_id", user().id}});
          break;
        case 2:
          alert({{"role", pick(2) == 0 ? "admin" : "user"}});
          break;
        default:
          publish(topic());
          break;
      }
    log_.catch_up();
  }

  // Tokens of a demoted user are dead; the user's connections live on.
  void change_role() {
    TestUser& one = user();
    const bool admin = log_.role(one.id) != Role::user;
    const HttpAnswer answer = http_.put("/api/v1/admin/users/" + std::to_string(one.id) + "/role",
                                        {{"role", admin ? "user" : "admin"}}, root_.access_token);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const TestUser again = server_.log_in(one.email, one.password);
    one.access_token = again.access_token;
    log_.catch_up();
  }

  std::mt19937 random_;
  int steps_ = 0;
  TestServer server_{with_small_buffers};
  TestUser root_ = server_.superadmin();
  HttpClient http_ = server_.client();
  WsClient publisher_ = server_.connect(root_);
  Log log_{server_.data_dir() / "corohub.db"};
  std::vector<std::unique_ptr<TestUser>> users_;
  const std::vector<std::string> topics_{"rooms/a", "rooms/b", "staff/x"};
  std::vector<std::unique_ptr<Client>> clients_;
};

class DeliveryModel : public testing::TestWithParam<unsigned> {};

TEST_P(DeliveryModel, T74_every_connection_gets_what_the_log_says) {
  World world(GetParam());
  for (int step = 0; step < 2000 && !HasFailure(); ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    world.step();
  }
  world.settle();
}

INSTANTIATE_TEST_SUITE_P(Seeds, DeliveryModel, testing::Values(1U, 2U, 3U));

}  // namespace
}  // namespace corohub::test::delivery_model
