// Random clients on all three transports connect, read a little, drop, come back, subscribe and change roles
// while events are written. What each connection was sent is compared, event by event, with the log: all that
// it had to get, nothing that it might not see, in order, once. The seeds are fixed.
#include "storage/reader_pool.hpp"
#include "support/run_task.hpp"
#include "support/sse_client.hpp"
#include "support/test_server.hpp"

#include <algorithm>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub::test {
namespace {

// ---- the log ----

struct Row {
  Seq seq = 0;
  std::string type;
  std::string data;
  std::uint8_t roles = 0;
  UserId user = 0;
  std::string topic;  // empty: by audience
};

// The log as it is written, and who had which role when.
class Oracle {
 public:
  explicit Oracle(const std::filesystem::path& database) : readers_(database, 1) {}

  void catch_up() {
    const auto read = [after = head()](storage::Snapshot& snapshot) -> Result<std::vector<Row>> {
      std::vector<Row> rows;
      storage::Query query = snapshot.query(
          "SELECT seq, type, data, roles, user_id, topic FROM events WHERE seq > ? ORDER BY seq");
      query.bind(after);
      while (query.next())
        rows.push_back({query.integer(0), query.text(1), query.text(2),
                        static_cast<std::uint8_t>(query.integer(3)), query.integer_or_null(4).value_or(0),
                        query.text_or_null(5).value_or("")});
      return rows;
    };
    const auto rows = run_task([&] { return readers_.read(read); });
    for (const Row& row : rows.value()) add(row);
  }
  Seq head() const { return static_cast<Seq>(rows_.size()); }
  const Row& at(Seq seq) const { return rows_.at(static_cast<std::size_t>(seq) - 1); }

  // Every role the user had from the position `from` to now.
  std::set<Role> roles(UserId user, Seq from) const {
    std::set<Role> all;
    Role current = Role::user;
    const auto found = changes_.find(user);
    if (found != changes_.end())
      for (const auto& [seq, role] : found->second) {
        if (seq > from) all.insert(current);
        current = role;
      }
    all.insert(current);
    return all;
  }
  Role role(UserId user) const { return *roles(user, head()).begin(); }

 private:
  void add(const Row& row) {
    EXPECT_EQ(row.seq, head() + 1) << "the log has no holes";
    rows_.push_back(row);
    if (row.type != "user.role.changed") return;
    const json::object data = json::parse(row.data).as_object();
    changes_[data.at("user_id").as_int64()].emplace_back(row.seq,
                                                         *parse_role(data.at("new_role").as_string()));
  }

  storage::ReaderPool readers_;
  std::vector<Row> rows_;
  std::map<UserId, std::vector<std::pair<Seq, Role>>> changes_;
};

bool is_staff(const std::string& topic) { return topic.starts_with("staff/"); }

// ---- a client ----

// One source of events with a position of its own: all of a connection, or one topic subscribed to on it.
struct Lane {
  bool own = false;              // what he is in the audience of
  std::set<std::string> topics;  // as asked for on this connection
  Seq position = 0;              // the last that was read, or is known to be none of his
  Seq checked = 0;               // compared up to here
  Seq head_at_start = 0;         // the log's, when this connection began to have it
  std::set<Seq> received;        // and not yet compared
  bool active = false;
};

enum class Kind : std::uint8_t { websocket, stream, poll };

class Client {
 public:
  // `at_connect`: topics named when it connects; `later`: those it subscribes to then (WebSockets), each with
  // a position of its own, or, when it is `of_one_position`, without.
  Client(const TestServer& server, const Oracle& oracle, Kind kind, TestUser& user,
         std::set<std::string> at_connect, const std::set<std::string>& later, bool of_one_position = false)
      : server_(server),
        oracle_(oracle),
        kind_(kind),
        user_(user),
        of_one_position_(of_one_position),
        wanted_(std::move(at_connect)) {
    main_.own = true;
    main_.position = oracle.head();
    for (const std::string& topic : later) {
      subscribed_[topic].topics = {topic};
      subscribed_[topic].position = oracle.head();
    }
  }

  bool connected() const { return socket_ || stream_; }

  void connect() {
    if (connected()) return;
    main_.topics.clear();
    std::string query = "?since=" + std::to_string(main_.position);
    for (const std::string& topic : wanted_)
      if (!is_staff(topic) || oracle_.role(user_.id) != Role::user) {
        main_.topics.insert(topic);
        query += "&topic=" + topic;
      }
    begin(main_);
    if (kind_ == Kind::poll) return poll(query);
    if (kind_ == Kind::stream) {
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

  // The position is the last that was told, whatever is subscribed to meanwhile; the next time it connects it
  // names the topic.
  void join(const std::string& topic) {
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

  void subscribe(const std::string& topic) {
    if (of_one_position_) return join(topic);
    const auto found = subscribed_.find(topic);
    if (!socket_ || found == subscribed_.end() || found->second.active) return;
    begin(found->second);
    ask({{"type", "subscribe"},
         {"id", "s"},
         {"data", {{"topic", topic}, {"since", std::to_string(found->second.position)}}}},
        [&](const json::object& answer) {
          found->second.active = answer.at("type") == "reply";
          if (found->second.active)
            EXPECT_EQ(answer.at("data").at("recovered"), true);
          else
            EXPECT_TRUE(is_staff(topic) && oracle_.role(user_.id) == Role::user) << json::serialize(answer);
        });
  }

  void unsubscribe(const std::string& topic) {
    const auto found = subscribed_.find(topic);
    if (!socket_ || found == subscribed_.end() || !found->second.active) return;
    ask({{"type", "unsubscribe"}, {"id", "u"}, {"data", {{"topic", topic}}}}, [](const json::object&) {});
    compare(found->second, found->second.position);
    found->second.active = false;
  }

  // Some of what is due: up to the first event of its own behind `seq`.
  void read_some(Seq seq) {
    if (!connected()) return;
    for (Seq due = main_.position + 1; due <= oracle_.head(); ++due)
      if (due >= seq && is_due(main_, oracle_.at(due))) return read_to(main_, due);
  }

  // The connection ends; what was not read is lost with it.
  void drop(bool reset) {
    if (!connected()) return;
    for (Lane* lane : lanes()) compare(*lane, lane->position);
    for (Lane* lane : lanes()) lane->active = false;
    if (reset) (socket_ ? socket_->stream() : stream_->stream()).reset();
    socket_.reset();
    stream_.reset();
    if (of_one_position_ && reset) wanted_.clear();  // so that it joins again
  }

  // Everything must have come. `marks`: an event for everyone (""), and one in each topic, of a moment ago.
  void settle(const std::map<std::string, Seq>& marks) {
    if (kind_ == Kind::poll) return connect();
    if (!connected()) return;
    read_to(main_, marks.at(""));
    for (auto& [topic, lane] : subscribed_)
      if (lane.active) read_to(lane, marks.at(topic));
    for (Lane* lane : lanes()) compare(*lane, lane->position);
  }

 private:
  std::vector<Lane*> lanes() {
    std::vector<Lane*> all{&main_};
    for (auto& [topic, lane] : subscribed_)
      if (lane.active) all.push_back(&lane);
    return all;
  }

  void begin(Lane& lane) const {
    lane.checked = lane.position;
    lane.head_at_start = oracle_.head();
    lane.received.clear();
    lane.active = true;
  }

  json::object next() {
    if (socket_) return socket_->next();
    const SseEvent event = stream_->next();
    if (const json::value* seq = event.data.if_contains("seq"))
      EXPECT_TRUE(event.id.ends_with(":" + std::to_string(seq->as_int64()))) << event.id;
    return event.data;
  }

  void ask(const json::value& message, const std::function<void(const json::object&)>& answered) {
    socket_->send_text(json::serialize(message));
    for (;;) {
      const json::object answer = socket_->next();
      if (answer.contains("id")) return answered(answer);
      take(answer);
    }
  }

  // Up to and with `seq`, unless the lane is lost on the way.
  void read_to(Lane& lane, Seq seq) {
    while (lane.active && lane.position < seq) take(next());
  }

  void take(const json::object& message) {
    const std::string type(message.at("type").as_string());
    EXPECT_NE(type, "stream.gap") << json::serialize(message);
    if (type == "subscription.revoked") return lose(std::string(message.at("data").at("topic").as_string()));
    const json::value* seq = message.if_contains("seq");
    if (seq == nullptr) return;
    const json::value* topic = message.if_contains("topic");
    const auto found = subscribed_.find(topic == nullptr ? "" : std::string(topic->as_string()));
    Lane& lane = found == subscribed_.end() ? main_ : found->second;
    EXPECT_TRUE(lane.active) << "not subscribed: " << json::serialize(message);
    EXPECT_GT(seq->as_int64(), lane.position) << "again, or late: " << json::serialize(message);
    lane.position = seq->as_int64();
    lane.received.insert(lane.position);
  }

  void lose(const std::string& topic) {
    EXPECT_TRUE(is_staff(topic));
    main_.topics.erase(topic);
    const auto found = subscribed_.find(topic);
    if (found == subscribed_.end()) return;
    compare(found->second, found->second.position);
    found->second.active = false;
  }

  // All there is, as a poller that is answered at once.
  void poll(const std::string& query) {
    const std::size_t rest = std::min(query.find('&'), query.size());
    std::string since = query.substr(0, rest);
    for (;;) {
      const HttpAnswer answer = server_.client().get(
          "/api/v1/events/poll" + since + query.substr(rest) + "&timeout=0", user_.access_token);
      if (answer.status == 204) break;
      ASSERT_EQ(answer.status, 200) << answer.body;
      const json::value page = answer.at("data");
      for (const json::value& event : page.as_array()) take(event.as_object());
      since = "?since=" + std::string(answer.at("meta.next").as_string());
    }
    compare(main_, oracle_.head());
    main_.active = false;
  }

  // ---- what the log says of it ----

  bool is_visible(const Lane& lane, const Row& row, Role role) const {
    if (row.topic.empty())
      return lane.own && ((row.roles & hub::role_bit(role)) != 0 || row.user == user_.id);
    return lane.topics.contains(row.topic) && (role != Role::user || !is_staff(row.topic));
  }
  // Judged when it was pushed: between its place in the log, or the lane's beginning, and now.
  std::set<Role> roles_of(const Lane& lane, const Row& row) const {
    return oracle_.roles(user_.id, std::max(row.seq, lane.head_at_start));
  }
  bool is_due(const Lane& lane, const Row& row) const {
    // A subscription that was lost on the way does not come back by itself.
    const std::set<Role> roles =
        is_staff(row.topic) ? oracle_.roles(user_.id, lane.head_at_start) : roles_of(lane, row);
    return std::ranges::all_of(roles, [&](Role role) { return is_visible(lane, row, role); });
  }
  bool is_allowed(const Lane& lane, const Row& row) const {
    const std::set<Role> roles = roles_of(lane, row);
    return is_staff(row.topic)
               ? !(roles == std::set{Role::user})
               : std::ranges::any_of(roles, [&](Role role) { return is_visible(lane, row, role); });
  }

  void compare(Lane& lane, Seq up_to) {
    for (Seq seq = lane.checked + 1; seq <= up_to; ++seq) {
      const Row& row = oracle_.at(seq);
      const bool came = lane.received.contains(seq);
      if (is_due(lane, row)) EXPECT_TRUE(came) << describe(row) << " is missing";
      if (came) EXPECT_TRUE(is_allowed(lane, row)) << describe(row) << " was not for him";
    }
    lane.checked = lane.position = up_to;
    lane.received.clear();
  }

  std::string describe(const Row& row) const {
    return std::to_string(row.seq) + " " + row.type + " " + row.topic + " for " + user_.email +
           " by transport " + std::to_string(static_cast<int>(kind_));
  }

  const TestServer& server_;
  const Oracle& oracle_;
  const Kind kind_;
  TestUser& user_;
  const bool of_one_position_;
  std::set<std::string> wanted_;
  Lane main_;
  std::map<std::string, Lane> subscribed_;
  std::optional<WsClient> socket_;
  std::optional<SseClient> stream_;
};

// ---- the world ----

void with_small_tail(server::Settings& settings) {
  settings.shard.tail.events = 24;  // so that most of what is missed is read from the log
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
    oracle_.catch_up();
    const std::set<std::string> none;
    const std::set<std::string> some{"rooms/a", "staff/x"};
    for (std::size_t i = 0; i < users_.size(); ++i) {
      add(Kind::websocket, *users_[i], some, {"rooms/b"});
      add(Kind::websocket, *users_[i], none, {"rooms/a", "staff/x"});
      add(Kind::stream, *users_[i], some, {});
      add(Kind::poll, *users_[i], {"rooms/b", "staff/x"}, {});
      clients_.emplace_back(server_, oracle_, Kind::websocket, *users_[i], none, none, true);
    }
  }

  void step() {
    switch (pick(12)) {
      case 0:
      case 1:
      case 2:
        return burst();
      case 3:
      case 4:
        return connect();
      case 5:
        return client().drop(pick(2) == 0);
      case 6:
      case 7:
        return client().read_some(oracle_.head() - pick(40));
      case 8:
        return client().subscribe(topic());
      case 9:
        return client().unsubscribe(topic());
      case 10:
        return pick(4) == 0 ? change_role() : burst();
      default:
        return pick(10) == 0 ? settle() : client().subscribe(topic());
    }
  }

  // Some subscribe while what they missed is on its way to them.
  void connect() {
    Client& one = client();
    one.connect();
    one.join(topic());
    one.read_some(oracle_.head() - pick(100));
    one.join(topic());
    if (pick(3) == 0) one.drop(pick(2) == 0);
  }

  void settle() {
    std::map<std::string, Seq> marks;
    for (const std::string& name : topics_) marks[name] = publish(name);
    marks[""] = alert(nullptr);
    oracle_.catch_up();
    for (Client& one : clients_) one.settle(marks);
  }

 private:
  void add(Kind kind, TestUser& user, std::set<std::string> at_connect, const std::set<std::string>& later) {
    clients_.emplace_back(server_, oracle_, kind, user, std::move(at_connect), later);
  }
  Seq pick(Seq below) { return std::uniform_int_distribution<Seq>(0, below - 1)(random_); }
  Client& client() { return *std::next(clients_.begin(), pick(static_cast<Seq>(clients_.size()))); }
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
    oracle_.catch_up();
  }

  // Tokens of a demoted user are dead; his connections live on.
  void change_role() {
    TestUser& one = user();
    const bool admin = oracle_.role(one.id) != Role::user;
    const HttpAnswer answer = http_.put("/api/v1/admin/users/" + std::to_string(one.id) + "/role",
                                        {{"role", admin ? "user" : "admin"}}, root_.access_token);
    ASSERT_EQ(answer.status, 200) << answer.body;
    const TestUser again = server_.log_in(one.email, one.password);
    one.access_token = again.access_token;
    oracle_.catch_up();
  }

  std::mt19937 random_;
  TestServer server_{with_small_tail};
  TestUser root_ = server_.superadmin();
  HttpClient http_ = server_.client();
  WsClient publisher_ = server_.connect(root_);
  Oracle oracle_{server_.data_dir() / "corohub.db"};
  std::vector<std::unique_ptr<TestUser>> users_;
  const std::vector<std::string> topics_{"rooms/a", "rooms/b", "staff/x"};
  std::list<Client> clients_;
};

class DeliveryModel : public testing::TestWithParam<unsigned> {};

TEST_P(DeliveryModel, T74_every_connection_gets_what_the_log_says) {
  World world(GetParam());
  for (int step = 0; step < 1500 && !HasFailure(); ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    world.step();
  }
  world.settle();
}

INSTANTIATE_TEST_SUITE_P(Seeds, DeliveryModel, testing::Values(1U, 2U, 3U));

}  // namespace
}  // namespace corohub::test
