// CONNECT, seats, what ends them and what ends the connection.
#include "connection_rig.hpp"
#include "gateway/socketio/testkit.hpp"

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::socketio::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

class SocketioConnection : public testing::Test {
 protected:
  SocketioConnection() {
    rig_.store(*ann_);
    rig_.store(*boss_);
  }

  std::unique_ptr<Client> client(std::string credential = {}) {
    return std::make_unique<Client>(rig_, std::move(credential));
  }
  // Connected to `/` as Ann, and welcome.
  std::unique_ptr<Client> guest_of_root() {
    auto one = client();
    one->connect("/", {{"token", rig_.token(*ann_)}});
    EXPECT_THAT(one->take(), SizeIs(2));
    return one;
  }
  void connect(Client& client, std::string_view name_space, const AccountRef& account) {
    client.connect(name_space, {{"token", rig_.token(*account)}});
  }
  // The boss' client takes a seat in `/` and one in `/admin`, whose id this is.
  ClientId seat_in_admin(Client& boss) {
    connect(boss, "/", boss_);
    connect(boss, "/admin", boss_);
    ClientId id;
    EXPECT_TRUE(Uuid::parse(std::string(value_of(boss.take().at(2)).at("sid").get_string()), id));
    return id;
  }
  hub::Entry event(std::string type, Seq seq, hub::Audience audience, std::string topic = {}) {
    return hub::EventRef(new hub::Event({std::move(type), R"({"n":1})", audience, std::move(topic)}, seq,
                                        rig_.clock.unix_ms()));
  }
  // Taken in the roster.
  std::size_t places() { return rig_.hub.roster().places(); }

  ConnectionRig rig_;
  const AccountRef ann_ = rig_.add_account(7, Role::user);
  const AccountRef boss_ = rig_.add_account(8, Role::superadmin);
};

TEST_F(SocketioConnection, a_user_gets_a_seat_and_a_welcome_with_a_position) {
  auto ann = client();
  connect(*ann, "/", ann_);
  const std::vector<std::string> came = ann->take();
  ASSERT_THAT(came, SizeIs(2));
  ASSERT_THAT(came[0], StartsWith("0{"));
  EXPECT_TRUE(value_of(came[0]).at("sid").is_string());
  EXPECT_TRUE(value_of(came[0]).at("pid").is_string());
  const json::value welcome = value_of(came[1]);
  EXPECT_THAT(came[1], StartsWith(R"(2["connection.established",)"));
  EXPECT_EQ(welcome.at(1).at("user_id"), 7);
  EXPECT_EQ(welcome.at(1).at("client_id"), value_of(came[0]).at("sid"));
  EXPECT_EQ(welcome.at(1).at("ping_interval"), 25) << "of Engine.IO, in seconds";
  EXPECT_EQ(rig_.shard.list(1).front().transport, "socketio-polling");
  EXPECT_EQ(welcome.at(2), json::parse(R"({"epoch":"epoch-1","seq":0,"recovered":false})"));
  EXPECT_EQ(welcome.at(3), "epoch-1:0");
  EXPECT_EQ(welcome.as_array().size(), 4U);
  EXPECT_EQ(places(), 1U);
}

TEST_F(SocketioConnection, the_credential_of_the_handshake_counts_if_the_packet_brings_none) {
  auto ann = client(rig_.token(*ann_));
  ann->send("0");
  EXPECT_THAT(ann->take(), ElementsAre(StartsWith("0{"), StartsWith("2[")));
  auto other = client(rig_.token(*ann_));
  other->connect("/", {{"token", "bad"}});
  EXPECT_THAT(other->take(), ElementsAre(R"(4{"message":"unauthorized","data":{"code":"invalid_token"}})"));
}

TEST_F(SocketioConnection, T1_a_refused_connect_says_why_and_another_may_follow) {
  auto ann = client();
  ann->connect("/", {});
  EXPECT_THAT(ann->take(), ElementsAre(R"(4{"message":"unauthorized","data":{"code":"unauthorized"}})"));
  ann->connect("/admin", {{"token", 5}});
  EXPECT_THAT(ann->take(),
              ElementsAre(R"(4/admin,{"message":"unauthorized","data":{"code":"invalid_token"}})"));
  connect(*ann, "/admin", ann_);
  EXPECT_THAT(ann->take(),
              ElementsAre(R"(4/admin,{"message":"admin access required","data":{"code":"forbidden"}})"));
  ann->connect("/admin", {{"token", rig_.token(*boss_)}, {"namespace", "none"}});
  EXPECT_THAT(ann->take(), ElementsAre(R"(4/admin,{"message":"not found","data":{"code":"not_found"}})"));
  connect(*ann, "/nowhere", ann_);
  EXPECT_THAT(ann->take(), ElementsAre(R"(4/nowhere,{"message":"Invalid namespace"})"));
  connect(*ann, "/", ann_);
  EXPECT_THAT(ann->take(), SizeIs(2));
  EXPECT_EQ(places(), 1U);
}

TEST_F(SocketioConnection, T15_a_seat_is_a_place_of_its_user_and_the_connection_itself_is_none) {
  std::vector<std::unique_ptr<Client>> all;
  for (int i = 0; i < 10; ++i) {
    all.push_back(client());
    connect(*all.back(), "/", boss_);
    connect(*all.back(), "/admin", boss_);
    EXPECT_THAT(all.back()->take(), SizeIs(4));
  }
  EXPECT_EQ(places(), 20U);
  auto late = client();
  connect(*late, "/", boss_);
  EXPECT_THAT(late->take(),
              ElementsAre(R"(4{"message":"too many connections","data":{"code":"too_many_connections"}})"));
  EXPECT_EQ(places(), 21U);  // as a stranger
  all.front()->send("1");
  connect(*late, "/", boss_);
  EXPECT_THAT(late->take(), SizeIs(2));
  EXPECT_EQ(places(), 20U);
}

TEST_F(SocketioConnection, packets_that_came_with_a_connect_find_its_seat) {
  auto boss = client();
  const std::string token = json::serialize(json::object{{"token", rig_.token(*boss_)}});
  boss->send_all({"0" + token, R"(20["ping"])", "0/admin," + token, R"(2/admin,7["hey"])"});
  EXPECT_THAT(boss->take(), ElementsAre(StartsWith("0{"), HasSubstr("connection.established"),
                                        R"(30[{"ok":true,"data":{"seq":0}}])", StartsWith("0/admin,{"),
                                        HasSubstr("admin_connected"), R"(3/admin,7[{"ok":true,"data":{}}])"));
}

TEST_F(SocketioConnection, events_come_to_each_namespace_in_its_own_form) {
  auto boss = client();
  connect(*boss, "/", boss_);
  connect(*boss, "/admin", boss_);
  auto short_one = client();
  short_one->connect("/", {{"token", rig_.token(*boss_)}, {"recovery", false}});
  EXPECT_FALSE(value_of(short_one->take()[0]).as_object().contains("pid"));
  boss->take();
  rig_.publish({event("note", 1, hub::Audience::admins()), event("passing", 0, hub::Audience::everyone())});
  const std::string time = rfc3339(rig_.clock.unix_ms());
  const std::string note = R"(["note",{"n":1},{"seq":1,"timestamp":")" + time + R"("},"epoch-1:1"])";
  const std::string passing = R"(["passing",{"n":1},{"timestamp":")" + time + R"("}])";
  EXPECT_THAT(boss->take(), testing::UnorderedElementsAre("2" + note, "2" + passing, "2/admin," + note,
                                                          "2/admin," + passing));
  EXPECT_THAT(short_one->take(), ElementsAre(R"(2["note",{"n":1}])", R"(2["passing",{"n":1}])"));
}

TEST_F(SocketioConnection,
       what_a_client_asks_is_acknowledged_and_what_it_does_not_wait_for_is_refused_by_an_event) {
  auto ann = guest_of_root();
  ann->send(R"(23["subscribe",{"topic":"rooms/one"}])");
  EXPECT_THAT(
      ann->take(),
      ElementsAre(
          R"(33[{"ok":true,"data":{"topic":"rooms/one","epoch":"epoch-1","seq":0,"recovered":false}}])"));
  ann->send(R"(2["unsubscribe",{"topic":"rooms/one"}])");
  EXPECT_THAT(ann->take(), IsEmpty());
  ann->send(R"(20["unsubscribe",{"topic":"rooms/one"}])");
  EXPECT_THAT(ann->take(), ElementsAre(HasSubstr(R"({"ok":false,"code":"not_subscribed","message":)")));
  ann->send(R"(2["fly",{}])");
  EXPECT_THAT(ann->take(),
              ElementsAre(R"(2["error",{"code":"unknown_type","message":"There is no such event."}])"));
  ann->send(R"(29["fly"])");
  EXPECT_THAT(ann->take(),
              ElementsAre(R"(39[{"ok":false,"code":"unknown_type","message":"There is no such event."}])"));
  for (const char* bad : {R"(21["subscribe"])", R"(21["subscribe",7])", R"(21["ping",{},{}])",
                          R"(21["subscribe",{"topic":""}])", R"(21["typing",[]])"}) {
    ann->send(bad);
    EXPECT_THAT(ann->take(), ElementsAre(StartsWith(R"(31[{"ok":false,"code":"inval)"))) << bad;
  }
  EXPECT_FALSE(ann->has_ended());
}

TEST_F(SocketioConnection, acknowledgements_of_the_client_are_for_nobody) {
  auto ann = guest_of_root();
  ann->send_all({"35[]", R"(61-4[{"_placeholder":true,"num":0}])", "bYWJj", R"(20["ping"])"});
  EXPECT_THAT(ann->take(), ElementsAre(StartsWith("30[")));
}

TEST_F(SocketioConnection, T54f_a_malformed_packet_ends_its_connection_alone) {
  auto neighbour = guest_of_root();
  for (const std::vector<std::string>& bad : std::vector<std::vector<std::string>>{
           {"2"},
           {"2[]"},
           {"2{}"},
           {"3"},
           {"31{}"},
           {"31[,]"},
           {"7"},
           {"abc"},
           {"2[\"hey\""},
           {"2[\"disconnect\"]"},
           {"2abc[\"hey\"]"},
           {"0"},
           {"0[]"},
           {"4{\"message\":\"no\"}"},
           {"2/admin,[\"hey\"]"},
           {"1/admin,"},
           {"1[]"},
           {"bYWJj"},
           {"51-[\"hey\",{\"_placeholder\":true,\"num\":1}]", "bYWJj"},
           {"51-[\"hey\",{\"_placeholder\":true,\"num\":0}]", "2[\"ping\"]"},
           {"511-[\"hey\"]"},
       }) {
    auto ann = guest_of_root();
    ann->send_all(bad);
    EXPECT_TRUE(ann->has_ended()) << bad.front();
  }
  neighbour->send(R"(20["ping"])");
  EXPECT_THAT(neighbour->take(), SizeIs(1));
  EXPECT_EQ(places(), 1U);
}

TEST_F(SocketioConnection, T54f_json_that_is_more_than_is_taken_is_refused_and_ends_nothing) {
  const std::string deep = std::string(40, '[') + std::string(40, ']');
  auto ann = client();
  ann->send(R"(0{"token":)" + deep + "}");
  EXPECT_THAT(ann->take(),
              ElementsAre(R"(4{"message":"validation failed","data":{"code":"validation_failed"}})"));
  connect(*ann, "/", ann_);
  EXPECT_THAT(ann->take(), SizeIs(2));
  const std::string refusal =
      R"({"ok":false,"code":"invalid_message","message":"The event's JSON is more than is taken here."})";
  for (const std::string& argument : {deep, std::string(R"({"a":1,"a":2})"), std::string(R"("\ud83d")")}) {
    ann->send(R"(27["publish",)" + argument + "]");
    EXPECT_THAT(ann->take(), ElementsAre("37[" + refusal + "]")) << argument;
  }
  ann->send(R"(28["ping",null])");
  EXPECT_THAT(ann->take(), ElementsAre(R"(38[{"ok":true,"data":{"seq":0}}])"));
}

TEST_F(SocketioConnection, T54f_buffers_are_bounded_and_come_within_ten_seconds) {
  auto late = guest_of_root();
  late->send(R"(51-["hey",{"_placeholder":true,"num":0}])");
  rig_.pass(9900ms);
  EXPECT_FALSE(late->has_ended());
  rig_.pass(200ms);
  EXPECT_TRUE(late->has_ended());

  auto large = guest_of_root();
  const std::string half = "b" + base64(std::string(33'000, 'x'));
  large->send(R"(52-["hey",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}])");
  large->send(half);
  EXPECT_FALSE(large->has_ended());
  large->send(half);
  EXPECT_TRUE(large->has_ended());

  auto none = guest_of_root();
  none->send(R"(50-7["ping"])");
  EXPECT_THAT(none->take(), SizeIs(1));
}

TEST_F(SocketioConnection, T14_a_client_that_does_not_connect_is_gone_after_ten_seconds) {
  auto silent = client();
  EXPECT_EQ(places(), 1U);
  rig_.pass(9900ms);
  EXPECT_FALSE(silent->has_ended());
  rig_.pass(200ms);
  EXPECT_TRUE(silent->has_ended());
  EXPECT_EQ(places(), 0U);
}

TEST_F(SocketioConnection, T14_a_client_without_a_seat_says_little) {
  auto one = client();
  for (std::uint32_t i = 0; i < Connection::strangers_packets_max; ++i) one->send("0/nowhere,");
  EXPECT_FALSE(one->has_ended());
  one->send("0/nowhere,");
  EXPECT_TRUE(one->has_ended());
  auto other = client();
  other->send("0/nowhere,{\"a\":\"" + std::string(Connection::strangers_bytes_max - 20, 'x') + "\"}");
  EXPECT_FALSE(other->has_ended());
  other->send("0/nowhere,{\"a\":\"b\"}");
  EXPECT_TRUE(other->has_ended());
}

TEST_F(SocketioConnection, a_client_that_leaves_a_namespace_is_not_answered_and_its_other_seats_stay) {
  auto boss = client();
  connect(*boss, "/", boss_);
  connect(*boss, "/admin", boss_);
  boss->take();
  boss->send_all({"1/admin,", R"(20["ping"])"});
  EXPECT_THAT(boss->take(), ElementsAre(StartsWith("30[")));
  EXPECT_EQ(places(), 1U);
  connect(*boss, "/admin", boss_);  // and may come back
  EXPECT_THAT(boss->take(), SizeIs(2));
  boss->send_all({"1", "1/admin,"});
  EXPECT_EQ(places(), 1U);  // a stranger again
  rig_.pass(9900ms);
  EXPECT_FALSE(boss->has_ended());
  rig_.pass(200ms);
  EXPECT_TRUE(boss->has_ended());
  EXPECT_EQ(places(), 0U);
}

TEST_F(SocketioConnection, T31_lost_rank_ends_that_seat_alone) {
  auto boss = client();
  connect(*boss, "/", boss_);
  connect(*boss, "/admin", boss_);
  boss->take();
  auto demoted = std::make_shared<Account>(*boss_);
  demoted->role = Role::user;
  rig_.cache.apply(boss_->id, demoted);
  rig_.publish({event("note", 1, hub::Audience::admins()),
                hub::Entry(hub::AccountChanged{.user_id = boss_->id, .account = demoted})});
  const std::vector<std::string> came = boss->take();
  EXPECT_THAT(came, testing::Contains("1/admin,"));
  EXPECT_THAT(came, testing::Not(testing::Contains("1")));
  boss->send(R"(20["ping"])");
  EXPECT_THAT(boss->take(), SizeIs(1));
  EXPECT_FALSE(boss->has_ended());
}

TEST_F(SocketioConnection, a_kick_comes_behind_what_waits_and_ends_that_seat_alone) {
  auto boss = client();
  connect(*boss, "/", boss_);
  const std::string client_id(value_of(boss->take()[0]).at("sid").get_string());
  connect(*boss, "/admin", boss_);
  boss->take();
  ClientId kicked;
  ASSERT_TRUE(Uuid::parse(client_id, kicked));
  rig_.publish({event("note", 1, hub::Audience::everyone()), hub::Entry(hub::Kick{kicked})});
  EXPECT_THAT(boss->take(), testing::UnorderedElementsAre(StartsWith(R"(2["note")"),
                                                          StartsWith(R"(2/admin,["note")"), "1"));
  boss->send(R"(2/admin,0["hey"])");
  EXPECT_THAT(boss->take(), SizeIs(1));
  EXPECT_EQ(places(), 1U);
}

// What it was answered is its own, and the rest may be lost with a right before it asks for it. It may come
// back for that, so it is told no position behind it.
TEST_F(SocketioConnection,
       T31_T74_a_kicked_client_is_told_of_what_it_has_not_taken_its_own_up_to_what_is_not) {
  auto boss = client();
  const ClientId id = seat_in_admin(*boss);
  boss->stop_polling();
  boss->send(R"(2/admin,0["hey"])");
  rig_.publish({event("note", 1, hub::Audience::admins()), event("mine", 2, hub::Audience::user(boss_->id)),
                hub::Entry(hub::Kick{id})});
  auto demoted = std::make_shared<Account>(*boss_);
  demoted->role = Role::user;
  rig_.cache.apply(boss_->id, demoted);
  rig_.publish({hub::Entry(hub::AccountChanged{.user_id = boss_->id, .account = demoted})});
  boss->go_on_polling();
  std::vector<std::string> came = boss->take();
  std::erase_if(came, [](const std::string& packet) { return !packet.substr(1).starts_with("/admin,"); });
  EXPECT_THAT(came, ElementsAre(StartsWith("3/admin,0["), "1/admin,"));
}

TEST_F(SocketioConnection, T74_a_client_whose_login_has_ended_comes_back_before_what_it_was_not_told) {
  auto ann = client();
  connect(*ann, "/", boss_);
  ann->take();
  ann->stop_polling();
  auto elsewhere = std::make_shared<Account>(*boss_);
  elsewhere->sessions.clear();
  rig_.cache.apply(boss_->id, elsewhere);
  rig_.publish(
      {event("note", 1, hub::Audience::everyone()),
       event("password.changed", 2, hub::Audience::user(boss_->id)),
       hub::Entry(hub::AccountChanged{
           .user_id = boss_->id, .account = elsewhere, .ending = CloseReason::credentials_changed})});
  ann->go_on_polling();
  EXPECT_THAT(ann->take(), ElementsAre("1")) << "no position from which it would miss the note";
}

TEST_F(SocketioConnection, T60_what_it_says_itself_to_a_client_that_does_not_take_it_is_bounded) {
  auto neighbour = guest_of_root();
  auto slow = guest_of_root();
  auto reads = guest_of_root();
  slow->stop_polling();
  const std::vector<std::string> wrong(50, "0/" + std::string(60, 'x') + ",");
  for (int i = 0; i < 16; ++i) {
    rig_.pass(1s);
    reads->send_all(wrong);
    if (!slow->link().is_open()) continue;
    slow->send_all(wrong);
    EXPECT_LE(slow->link().own_outbox().bytes(), Connection::said_bytes_max);
  }
  EXPECT_FALSE(slow->link().is_open());
  EXPECT_TRUE(reads->link().is_open());
  EXPECT_THAT(reads->take(), SizeIs(800));
  EXPECT_EQ(places(), 2U);
  neighbour->send(R"(20["ping"])");
  EXPECT_THAT(neighbour->take(), SizeIs(1));
}

TEST_F(SocketioConnection, T60_what_an_ended_seat_has_left_may_be_more_than_what_is_said_beside_it) {
  auto boss = client();
  const ClientId id = seat_in_admin(*boss);
  boss->stop_polling();
  const std::string half = '"' + std::string(Connection::said_bytes_max / 2, 'x') + '"';
  for (const Seq seq : {1, 2, 3})
    rig_.publish({hub::EventRef(
        new hub::Event({"mine", half, hub::Audience::user(boss_->id)}, seq, rig_.clock.unix_ms()))});
  rig_.publish({hub::Entry(hub::Kick{id})});
  boss->go_on_polling();
  const std::vector<std::string> came = boss->take();
  const auto of_admin = [](const std::string& packet) { return packet.substr(1).starts_with("/admin,"); };
  EXPECT_EQ(std::ranges::count_if(came, of_admin), 4) << "three events, and the end";
  EXPECT_THAT(came, SizeIs(7)) << "the other seat had them, too";
  boss->send(R"(20["ping"])");
  EXPECT_THAT(boss->take(), SizeIs(1));
}

// It can't know yet.
TEST_F(SocketioConnection, T31_what_a_client_says_to_a_seat_that_was_just_ended_is_ignored) {
  const auto kicked = [&] {
    auto boss = client();
    const ClientId id = seat_in_admin(*boss);
    rig_.publish({hub::Entry(hub::Kick{id})});
    EXPECT_THAT(boss->take(), ElementsAre("1/admin,"));
    boss->send_all({R"(2/admin,0["hey"])", "3/admin,7[]",
                    R"(51-/admin,["hey",{"_placeholder":true,"num":0}])", "bYWJj", R"(20["ping"])"});
    EXPECT_THAT(boss->take(), ElementsAre(StartsWith("30[")));
    return boss;
  };
  auto leaves = kicked();
  leaves->send("1/admin,");
  EXPECT_FALSE(leaves->has_ended());
  leaves->send("1/admin,");
  EXPECT_TRUE(leaves->has_ended()) << "it knows";

  auto comes_back = kicked();
  connect(*comes_back, "/admin", boss_);
  EXPECT_THAT(comes_back->take(), SizeIs(2));
  comes_back->send_all({"1/admin,", R"(2/admin,["hey"])"});
  EXPECT_TRUE(comes_back->has_ended());

  auto malformed = kicked();
  malformed->send("2/admin,{}");
  EXPECT_TRUE(malformed->has_ended());
}

TEST_F(SocketioConnection, T25_the_end_of_a_token_ends_the_connection_so_that_its_client_comes_back) {
  auto boss = client();
  connect(*boss, "/", boss_);
  connect(*boss, "/admin", boss_);
  boss->take();
  rig_.pass(14min + 2s);
  EXPECT_THAT(boss->take(), ElementsAre(StartsWith(R"(2["auth.expiring",{"expires_at":)"),
                                        StartsWith(R"(2/admin,["auth.expiring",{"expires_at":)")));
  rig_.pass(61s);
  EXPECT_TRUE(boss->has_ended());
  EXPECT_THAT(boss->take(), IsEmpty());
  EXPECT_EQ(places(), 0U);
}

TEST_F(SocketioConnection, T58_a_client_that_says_too_much_at_once_is_told_and_heard_later) {
  auto ann = guest_of_root();
  std::vector<std::string> pings(250, R"(20["ping"])");
  ann->send_all(pings);
  const std::vector<std::string> first = ann->take();
  EXPECT_THAT(first, testing::Contains(StartsWith(R"(2["error",{"code":"rate_limited")")));
  EXPECT_LT(first.size(), pings.size());
  rig_.pass(1s);
  EXPECT_EQ(first.size() + ann->take().size(), pings.size() + 1);
  EXPECT_FALSE(ann->has_ended());
}

TEST_F(SocketioConnection, a_drain_ends_connections_with_and_without_a_seat) {
  auto ann = guest_of_root();
  auto stranger = client();
  rig_.reception.outsiders().send_away_all();
  rig_.shard.close_all(CloseReason::draining, 0ms);
  rig_.settle();
  EXPECT_TRUE(ann->has_ended());
  EXPECT_TRUE(stranger->has_ended());
  EXPECT_EQ(places(), 0U);
}

TEST_F(SocketioConnection, the_fixture_says_auth_apart_and_first_and_a_drain_ends_it) {
  rig_.namespaces.fixture = echo_namespaces();
  auto one = client();
  one->send(R"(0{"a":1})");
  std::vector<std::string> came;
  EXPECT_TRUE(rig_.until([&] {
    for (std::string& packet : one->take()) came.push_back(std::move(packet));
    return came.size() >= 2;
  }));
  EXPECT_THAT(came, ElementsAre(StartsWith("0{"), R"(2["auth",{"a":1}])"));
  EXPECT_EQ(one->payloads(), 2);
  auto hasty = client();
  hasty->send_all({"0", R"(2["message",1])", "0/custom,", "1/custom,"});
  EXPECT_THAT(hasty->take(), ElementsAre(StartsWith("0{"), R"(2["auth",{}])", R"(2["message-back",1])",
                                         StartsWith("0/custom,{")));
  rig_.reception.outsiders().send_away_all();
  rig_.settle();
  EXPECT_TRUE(one->has_ended());
  EXPECT_TRUE(hasty->has_ended());
}

}  // namespace
}  // namespace corohub::gateway::socketio::test
