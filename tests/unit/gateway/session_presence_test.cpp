// Sessions in topics: who is told of whom, and who types.
#include "session_rig.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::gateway::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

std::string command(std::string_view type, const json::object& data) {
  return json::serialize(json::object{{"type", type}, {"id", 1}, {"data", data}});
}

class SessionPresence : public testing::Test {
 protected:
  // In rooms/one.
  std::unique_ptr<RawClient> connect(UserId user) {
    const AccountRef account = rig_.add_account(user, Role::user);
    auto client = rig_.connect(*account);
    say(*client, "subscribe", {{"topic", "rooms/one"}});
    return client;
  }
  void say(RawClient& client, std::string_view type, const json::object& data) {
    client.send(text(command(type, data)));
    rig_.settle();
  }
  void types(RawClient& client, bool typing = true) {
    say(client, "typing", {{"topic", "rooms/one"}, {"typing", typing}});
  }
  void tick(std::chrono::milliseconds after = 500ms) {
    rig_.pass(after);
    rig_.presence.tick();
    rig_.settle();
  }
  // "typing true", "presence.joined" ...: what it was told since it was asked last.
  std::vector<std::string> told(const RawClient& client) {
    std::vector<std::string> all;
    const auto received = messages(client);
    for (std::size_t& i = read_[&client]; i < received.size(); ++i) {
      const json::object& message = received[i];
      if (!message.contains("topic")) continue;
      std::string type(message.at("type").as_string());
      if (type == "typing") type += message.at("data").at("typing").as_bool() ? " true" : " false";
      all.push_back(std::move(type));
    }
    return all;
  }

  SessionRig rig_;
  std::map<const RawClient*, std::size_t> read_;
};

TEST_F(SessionPresence, is_over_as_soon_as_the_session_is_told_to_go) {
  const auto ann = connect(7);
  tick();
  EXPECT_TRUE(rig_.hub.presence().is_online(7));
  EXPECT_EQ(rig_.hub.presence().places(), 2U);
  rig_.shard.close_all(CloseReason::draining, 0ms);
  EXPECT_EQ(rig_.hub.presence().places(), 2U) << "in their grace";
  rig_.pass(5s);
  rig_.hub.presence().tick();
  EXPECT_EQ(rig_.hub.presence().places(), 0U);
}

TEST_F(SessionPresence, what_has_no_room_in_the_hub_comes_with_the_next_tick) {
  const auto ann = connect(7);
  tick();
  const auto bob = connect(8);
  hub::Hub& hub = rig_.hub;
  asio::io_context nobody;
  hub::Shard full(nobody, rig_.clock, {.inbox_entries = 1});
  hub.set_shards({&rig_.shard, &full});
  full.put(std::make_shared<hub::Batch>(std::vector<hub::Entry>{hub::Kick{}}));
  tick();
  EXPECT_THAT(told(*ann), IsEmpty());
  hub.set_shards({&rig_.shard});
  tick();
  EXPECT_THAT(told(*ann), ElementsAre("presence.joined"));
}

TEST_F(SessionPresence, typing_ends_by_itself) {
  const auto ann = connect(7);
  const auto bob = connect(8);
  types(*bob);
  EXPECT_THAT(told(*ann), ElementsAre("typing true"));
  rig_.pass(2s);
  types(*bob);
  rig_.pass(5900ms);
  EXPECT_THAT(told(*ann), IsEmpty());
  rig_.pass(200ms);
  EXPECT_THAT(told(*ann), ElementsAre("typing false"));
  EXPECT_THAT(told(*bob), IsEmpty());
}

TEST_F(SessionPresence, typing_ends_with_the_connection_and_only_if_it_was_on) {
  const auto ann = connect(7);
  const auto bob = connect(8);
  const auto carl = connect(9);
  types(*bob);
  types(*bob, false);
  types(*carl);
  EXPECT_THAT(told(*ann), ElementsAre("typing true", "typing false", "typing true"));
  bob->shut_down_sending();
  carl->shut_down_sending();
  ASSERT_TRUE(rig_.until([&] { return rig_.shard.size() == 1; }));
  rig_.settle();
  EXPECT_THAT(told(*ann), ElementsAre("typing false"));
}

}  // namespace
}  // namespace corohub::gateway::test
