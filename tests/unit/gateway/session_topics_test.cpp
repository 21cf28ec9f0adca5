// What a client is told of its subscriptions, and where they begin.
#include "eventlog/event_log.hpp"
#include "session_rig.hpp"

#include <algorithm>
#include <array>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub::gateway::test {
namespace {

class SessionTopicsTest : public testing::Test {
 protected:
  SessionTopicsTest() { rig_.store(*ann_); }

  json::object ask(const std::string& type, const json::value& data) {
    client_->send(text(json::serialize(json::value{{"type", type}, {"id", ++last_id_}, {"data", data}})));
    json::object found;
    EXPECT_TRUE(rig_.until([&] {
      for (json::object& message : messages(*client_))
        if (message.contains("id") && message.at("id") == json::value(last_id_)) found = std::move(message);
      return !found.empty();
    })) << type;
    return found;
  }
  void say(const json::value& what) {
    EXPECT_EQ(ask("publish", {{"topic", "rooms/one"}, {"data", what}}).at("type"), "reply");
  }
  // seq of the events that came since the last call.
  std::vector<Seq> came() {
    rig_.settle();
    std::vector<Seq> seqs;
    const std::vector<json::object> all = messages(*client_);
    for (; seen_ < all.size(); ++seen_)
      if (all[seen_].contains("seq")) seqs.push_back(all[seen_].at("seq").as_int64());
    return seqs;
  }
  bool until_came(std::size_t count) {
    return rig_.until([&] {
      std::size_t events = 0;
      for (const json::object& message : messages(*client_)) events += message.contains("seq");
      return events >= count;
    });
  }

  SessionRig rig_;
  const AccountRef ann_ = rig_.add_account(7, Role::user);
  std::unique_ptr<RawClient> client_ = rig_.connect(*ann_);
  int last_id_ = 0;
  std::size_t seen_ = 0;
};

TEST_F(SessionTopicsTest, asked_again_with_a_position_it_begins_again_from_there) {
  EXPECT_EQ(ask("subscribe", {{"topic", "rooms/one"}}).at("data").at("seq"), 0);
  for (int i = 1; i <= 3; ++i) say(i);
  ASSERT_TRUE(until_came(3));
  EXPECT_EQ(came(), (std::vector<Seq>{1, 2, 3}));
  const json::object again = ask("subscribe", {{"topic", "rooms/one"}, {"since", 1}});
  EXPECT_EQ(again.at("data").at("seq"), 1);
  EXPECT_EQ(again.at("data").at("recovered"), true);
  say(4);
  ASSERT_TRUE(until_came(6));
  EXPECT_EQ(came(), (std::vector<Seq>{2, 3, 4}));
}

TEST_F(SessionTopicsTest, asked_again_it_lives_on_when_the_log_cannot_be_read) {
  ask("subscribe", {{"topic", "rooms/one"}});
  rig_.database.readers.stop();
  EXPECT_EQ(ask("subscribe", {{"topic", "rooms/one"}, {"since", 0}}).at("data").at("code"), "draining");
  EXPECT_EQ(ask("subscribe", {{"topic", "rooms/two"}, {"since", 0}}).at("data").at("code"), "draining");
  say(1);
  ASSERT_TRUE(until_came(1));
  EXPECT_EQ(ask("unsubscribe", {{"topic", "rooms/one"}}).at("type"), "reply");
  EXPECT_EQ(ask("unsubscribe", {{"topic", "rooms/two"}}).at("data").at("code"), "not_subscribed");
}

TEST_F(SessionTopicsTest, undone_before_its_answer_it_ends) {
  client_->send(text(R"({"type":"subscribe","id":"s","data":{"topic":"rooms/one","since":0}})") +
                text(R"({"type":"unsubscribe","id":"u","data":{"topic":"rooms/one"}})"));
  std::map<std::string, json::object> answers;
  ASSERT_TRUE(rig_.until([&] {
    for (json::object& message : messages(*client_))
      if (message.contains("id") && message.at("id").is_string())
        answers[std::string(message.at("id").as_string())] = std::move(message);
    return answers.size() == 2;
  }));
  EXPECT_EQ(answers["u"].at("type"), "reply");
  EXPECT_EQ(answers["s"].at("data").at("code"), "not_subscribed");
}

// ---- while a replay is under way ----

// It needs events that the shard's tail does not have, and waits in line for a page.
class WhileItCatchesUp : public SessionTopicsTest {
 protected:
  static constexpr int missed = 300;  // more than a page

  struct Other final : hub::ReadPermits::Waiter {
    void permitted(hub::ReadPermits::Permit given) noexcept override { permit = std::move(given); }
    hub::ReadPermits::Permit permit;
  };

  WhileItCatchesUp() {
    for (Other& other : others_) rig_.shard.permits().ask(other);
    const auto fill = [](storage::UnitOfWork& work) -> Result<storage::Nothing> {
      for (int i = 1; i <= missed; ++i)
        eventlog::append(work,
                         {"message", "1", hub::Audience::everyone(), i % 2 == 0 ? "rooms/one" : "rooms/two"});
      return storage::Nothing{};
    };
    bool done = false;
    const auto commit = [&]() -> Task<> { (co_await rig_.database.writer.commit(fill)).value(); };
    asio::co_spawn(rig_.context, commit(), [&](const std::exception_ptr& failure) { done = !failure; });
    EXPECT_TRUE(rig_.until([&] { return done; }));
    rig_.shard.set_head(missed);
    rig_.clients.clear();
    client_ = std::make_unique<RawClient>(rig_.context);
    Beginning beginning;
    beginning.committed = missed;
    beginning.events.since = Position{"epoch-1", 0};
    beginning.events.topics = {"rooms/two"};
    beginning.topic_floors = {0};
    session_ = rig_.start(*client_, rig_.principal(rig_.token(*ann_)), std::move(beginning));
  }

  void let_it_read() {
    for (Other& other : others_) other.permit.give_back();
  }

  std::array<Other, hub::Shard::pages_at_once> others_;
  std::shared_ptr<Session> session_;
};

TEST_F(WhileItCatchesUp, T74_a_subscription_is_held_with_the_rest_and_the_position_is_the_rests) {
  ASSERT_TRUE(session_->catches_up());
  const json::object answer = ask("subscribe", {{"topic", "rooms/one"}});
  EXPECT_EQ(answer.at("data").at("seq"), 0);
  EXPECT_EQ(answer.at("data").at("recovered"), false);
  EXPECT_EQ(ask("subscribe", {{"topic", "rooms/one"}}).at("data").at("seq"), 0) << "asked again";
  say("live");
  EXPECT_TRUE(came().empty());
  let_it_read();
  ASSERT_TRUE(rig_.until([&] { return !session_->catches_up(); }));
  say("last");
  const std::vector<Seq> all = came();
  EXPECT_TRUE(std::ranges::is_sorted(all)) << "the last seq is a position";
  EXPECT_EQ(all.size(), static_cast<std::size_t>(missed) + 2);
}

TEST_F(WhileItCatchesUp, T74_a_subscription_with_a_position_goes_no_further_than_the_rest) {
  EXPECT_EQ(ask("subscribe", {{"topic", "rooms/one"}, {"since", missed}}).at("data").at("seq"), 0);
  let_it_read();
  ASSERT_TRUE(rig_.until([&] { return !session_->catches_up(); }));
  say("last");
  const std::vector<Seq> all = came();
  EXPECT_TRUE(std::ranges::is_sorted(all));
  EXPECT_EQ(all.size(), static_cast<std::size_t>(missed) / 2 + 1) << "of this topic it has had the rest";
}

TEST_F(WhileItCatchesUp, a_ping_says_where_it_is) {
  ASSERT_TRUE(session_->catches_up());
  EXPECT_EQ(ask("ping", json::object()).at("data").at("seq"), 0);
  let_it_read();
  ASSERT_TRUE(rig_.until([&] { return !session_->catches_up(); }));
  EXPECT_EQ(ask("ping", json::object()).at("data").at("seq"), missed);
}

}  // namespace
}  // namespace corohub::gateway::test
