// Seats that go on where they were, events and Buffers across a change of the carrier, and what nobody waits
// for.
#include "connection_rig.hpp"
#include "gateway/engineio/wraps.hpp"
#include "support/flags.hpp"

#include <algorithm>
#include <array>
#include <chrono>

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

class SocketioRecovered : public testing::Test {
 protected:
  SocketioRecovered() { rig_.store(*ann_); }

  json::object auth(const json::value& pid = {}, const json::value& offset = {}) {
    json::object said{{"token", rig_.token(*ann_)}};
    if (!pid.is_null()) said["pid"] = pid;
    if (!offset.is_null()) said["offset"] = offset;
    return said;
  }
  // Durable, to Ann, in the log as well.
  void say(const std::string& topic, int number) {
    const std::string data = R"({"topic":")" + topic + R"(","data":)" + std::to_string(number) + "}";
    publisher_->send(R"(20["publish",)" + data + "]");
    ASSERT_TRUE(rig_.until([&] {
      for (const std::string& packet : publisher_->take())
        if (packet.starts_with("30[{\"ok\":true")) return true;
      return false;
    }));
  }
  std::unique_ptr<Client> connect(std::string_view name_space, const json::object& auth) {
    auto client = std::make_unique<Client>(rig_);
    client->connect(name_space, auth);
    return client;
  }
  // The first so many packets.
  std::vector<std::string> take(Client& client, std::size_t count) {
    std::vector<std::string> all;
    EXPECT_TRUE(rig_.until([&] {
      for (std::string& packet : client.take()) all.push_back(std::move(packet));
      return all.size() >= count;
    }));
    return all;
  }

  ConnectionRig rig_;
  const AccountRef ann_ = rig_.add_account(7, Role::user);
  std::unique_ptr<Client> publisher_ = connect("/", auth());
};

TEST_F(SocketioRecovered, a_client_goes_on_with_its_topics_after_what_it_had) {
  auto first = connect("/", auth());
  first->send(R"(20["subscribe",{"topic":"rooms/one"}])");
  const json::value pid = value_of(take(*first, 3)[0]).at("pid");
  say("rooms/one", 1);
  const json::value offset = value_of(take(*first, 1)[0]).at(3);
  EXPECT_EQ(offset, "epoch-1:1");
  first.reset();
  say("rooms/one", 2);

  auto again = connect("/", auth(pid, offset));
  const std::vector<std::string> came = take(*again, 3);
  EXPECT_EQ(value_of(came[0]).at("pid"), pid);
  EXPECT_EQ(value_of(came[1]).at(2), json::parse(R"({"epoch":"epoch-1","seq":1,"recovered":true})"));
  EXPECT_EQ(value_of(came[1]).at(3), "epoch-1:1");
  EXPECT_THAT(came[2], StartsWith(R"(2["message",2,{"seq":2,)"));
  say("rooms/one", 3);
  EXPECT_THAT(take(*again, 1), ElementsAre(StartsWith(R"(2["message",3,{"seq":3,)")));
}

TEST_F(SocketioRecovered, one_that_comes_back_before_its_old_end_is_known_goes_on) {
  auto first = connect("/", auth());
  first->send(R"(20["subscribe",{"topic":"rooms/one"}])");
  const json::value pid = value_of(take(*first, 3)[0]).at("pid");
  auto again = connect("/", auth(pid, "epoch-1:0"));
  EXPECT_EQ(value_of(take(*again, 2)[0]).at("pid"), pid);
  first.reset();
  say("rooms/one", 1);
  EXPECT_THAT(take(*again, 1), ElementsAre(StartsWith(R"(2["message",1,)")));
}

TEST_F(SocketioRecovered, a_topic_that_was_lost_with_a_right_is_told_again) {
  auto first = connect("/", auth());
  first->send(R"(20["subscribe",{"topic":"rooms/one"}])");
  const json::value pid = value_of(take(*first, 3)[0]).at("pid");
  rig_.shard.revoke("rooms/one", [](const hub::Member&) { return false; });
  EXPECT_THAT(take(*first, 1), ElementsAre(StartsWith(R"(2["subscription.revoked",{"topic":"rooms/one"})")));
  auto again = connect("/", auth(pid, "epoch-1:0"));
  const std::vector<std::string> came = take(*again, 3);
  EXPECT_EQ(value_of(came[1]).at(2).at("recovered"), true);
  EXPECT_THAT(came[2], StartsWith(R"(2["subscription.revoked",{"topic":"rooms/one"})"));
  EXPECT_EQ(rig_.shard.topics(), 0U);
}

TEST_F(SocketioRecovered, one_that_goes_while_it_is_judged_leaves_nothing) {
  auto first = connect("/", auth());
  first->send(R"(20["subscribe",{"topic":"rooms/one"}])");
  const json::value pid = value_of(take(*first, 3)[0]).at("pid");
  first.reset();
  const std::size_t places = rig_.hub.roster().places();
  auto again = std::make_unique<Client>(rig_);
  again->connect_and_go("/", auth(pid, "epoch-1:0"));
  EXPECT_TRUE(rig_.until([&] { return rig_.hub.roster().places() == places && rig_.shard.size() == 1; }));
  EXPECT_TRUE(again->has_ended());
}

TEST_F(SocketioRecovered, after_two_minutes_its_topics_are_lost_and_it_is_told_and_a_new_one) {
  auto first = connect("/", auth());
  first->send(R"(20["subscribe",{"topic":"rooms/one"}])");
  const json::value pid = value_of(take(*first, 3)[0]).at("pid");
  first.reset();
  say("rooms/one", 1);
  rig_.pass(2min);
  auto again = connect("/", auth(pid, "epoch-1:0"));
  const std::vector<std::string> came = take(*again, 3);
  EXPECT_NE(value_of(came[0]).at("pid"), pid);
  EXPECT_EQ(value_of(came[1]).at(1).at("recovered"), false);
  EXPECT_THAT(came[2], StartsWith(R"(2["stream.gap",{"from":0,"to":1,"reason":"session_lost"},)"));
  say("rooms/one", 2);
  EXPECT_THAT(again->take(), IsEmpty());
}

TEST_F(SocketioRecovered, a_foreign_pid_or_a_broken_offset_begins_anew_without_an_error) {
  auto first = connect("/", auth());
  const json::value pid = value_of(take(*first, 2)[0]).at("pid");
  const AccountRef bob = rig_.add_account(8, Role::user);
  rig_.store(*bob);
  auto others = auth(pid, "epoch-1:0");
  others["token"] = rig_.token(*bob);
  for (const json::object& said :
       {auth(pid, "nonsense"), auth(pid), auth("nonsense", "epoch-1:0"), auth(5, 7), others}) {
    auto client = connect("/", said);
    const std::vector<std::string> came = take(*client, 2);
    ASSERT_THAT(came, SizeIs(2));
    EXPECT_NE(value_of(came[0]).at("pid"), pid);
    EXPECT_EQ(value_of(came[1]).at(2).at("recovered"), false);
  }
}

TEST_F(SocketioRecovered, a_namespace_that_keeps_no_topics_recovers_from_the_log_alone) {
  auto first = connect("/lobby", auth());
  const json::value pid = value_of(take(*first, 2)[0]).at("pid");
  first.reset();
  rig_.pass(3min);
  auto again = connect("/lobby", auth(pid, "epoch-1:0"));
  const std::vector<std::string> came = take(*again, 2);
  EXPECT_EQ(value_of(came[0]).at("pid"), pid);
  EXPECT_EQ(value_of(came[1]).at(2).at("recovered"), true);
}

TEST_F(SocketioRecovered, a_position_of_another_log_is_a_gap_and_a_new_pid) {
  auto first = connect("/lobby", auth());
  const json::value pid = value_of(take(*first, 2)[0]).at("pid");
  auto again = connect("/lobby", auth(pid, "another:5"));
  const std::vector<std::string> came = take(*again, 3);
  EXPECT_NE(value_of(came[0]).at("pid"), pid);
  EXPECT_EQ(value_of(came[1]).at(2).at("recovered"), false);
  EXPECT_THAT(came[2], HasSubstr(R"(["stream.gap",{"from":5,"to":0,"reason":"foreign_epoch"})"));
}

TEST_F(SocketioRecovered, a_guest_has_a_seat_where_guests_are_welcome) {
  rig_.flags.begin_with({corohub::test::make_namespace("open", flags::NamespaceAccess::everybody)});
  auto guest = std::make_unique<Client>(rig_);
  guest->send("0/lobby,");
  const std::vector<std::string> came = guest->take();
  ASSERT_THAT(came, SizeIs(2));
  EXPECT_FALSE(value_of(came[0]).as_object().contains("pid"));
  guest->send(R"(2/lobby,1["publish",{}])");
  EXPECT_THAT(guest->take(), ElementsAre(HasSubstr("unknown_type")));
}

TEST_F(SocketioRecovered, a_buffer_is_published_and_comes_as_a_buffer) {
  auto ann = connect("/", auth());
  ann->send(R"(20["subscribe",{"topic":"rooms/one"}])");
  take(*ann, 3);
  ann->send_all(
      {R"(51-1["publish",{"topic":"rooms/one","type":"photo","data":{"_placeholder":true,"num":0}}])",
       "b" + base64("\x01\x02\xff")});
  std::vector<std::string> came = take(*ann, 3);
  ASSERT_THAT(came, SizeIs(3));
  std::ranges::sort(came);
  EXPECT_THAT(came[0], StartsWith(R"(31[{"ok":true,)"));
  EXPECT_THAT(came[1], StartsWith(R"(51-["photo",{"_placeholder":true,"num":0},{"seq":1,)"));
  EXPECT_EQ(came[2], "b" + base64("\x01\x02\xff"));

  for (const char* bad :
       {R"(51-1["publish",{"topic":"rooms/one","data":{"a":{"_placeholder":true,"num":0}}}])",
        R"(51-1["publish",{"topic":{"_placeholder":true,"num":0},"data":1}])",
        R"(51-1["subscribe",{"topic":{"_placeholder":true,"num":0}}])"}) {
    ann->send_all({bad, "bYWJj"});
    EXPECT_THAT(ann->take(), ElementsAre(HasSubstr(R"("ok":false,"code":"invalid_message")"))) << bad;
  }
}

TEST(SocketioFrames, a_packet_and_its_buffers_are_the_same_after_an_upgrade) {
  const std::array<std::string_view, 2> buffers{"abc", "\x01\xff"};
  const hub::Audience audience = hub::Audience::everyone();
  const hub::FrameRef polled = engineio::frame_of(engineio::item_wrap(), "52-[1]", buffers, audience);
  EXPECT_EQ(polled->bytes(),
            "452-[1]\x1e"
            "bYWJj\x1e"
            "bAf8=");
  const hub::FrameRef on_socket = engineio::frame_of(engineio::socket_wrap(), "52-[1]", buffers, audience);
  EXPECT_EQ(engineio::rewrap_item(*polled, false)->bytes(), on_socket->bytes());
  EXPECT_EQ(on_socket->bytes(), std::string("\x81\x07"
                                            "452-[1]\x82\x03"
                                            "abc\x82\x02\x01\xff"));
}

}  // namespace
}  // namespace corohub::gateway::socketio::test
