#include "session_rig.hpp"

#include <algorithm>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub::gateway::test {
namespace {

class SessionPublishingTest : public testing::Test {
 protected:
  SessionPublishingTest() { rig_.store(*ann_); }

  // The answer to a request with this id.
  json::object ask(const std::string& type, int id, const std::string& data) {
    client_->send(
        text(R"({"type":")" + type + R"(","id":)" + std::to_string(id) + R"(,"data":)" + data + "}"));
    return answer(id);
  }
  json::object answer(int id) {
    json::object found;
    EXPECT_TRUE(rig_.until([&] {
      for (json::object& message : messages(*client_))
        if (message.contains("id") && message.at("id") == json::value(id)) found = std::move(message);
      return !found.empty();
    })) << id;
    return found;
  }

  SessionRig rig_;
  const AccountRef ann_ = rig_.add_account(7, Role::user);
  const std::unique_ptr<RawClient> client_ = rig_.connect(*ann_);
};

std::string code_of(const json::object& answer) {
  if (answer.at("type") != "error") return {};
  return std::string(answer.at("data").at("code").as_string());
}

TEST_F(SessionPublishingTest, a_publish_is_answered_with_its_place_in_the_log) {
  const json::object answer = ask("publish", 1, R"({"topic":"rooms/one","data":{"text":"hi"}})");
  const json::object expected{
      {"type", "reply"},
      {"id", 1},
      {"ok", true},
      {"data", {{"seq", 1}, {"topic", "rooms/one"}, {"timestamp", "2026-01-06T10:30:01.123Z"}}}};
  EXPECT_EQ(answer, expected);
}

TEST_F(SessionPublishingTest, what_may_not_be_published_is_an_error_and_the_connection_lives_on) {
  EXPECT_EQ(code_of(ask("publish", 1, R"({"topic":"public/news","data":1})")), "forbidden");
  EXPECT_EQ(code_of(ask("publish", 2, R"({"topic":"a b","data":1})")), "invalid_topic");
  EXPECT_EQ(code_of(ask("publish", 3, R"({"topic":"rooms/one","data":1,"type":"user.created"})")),
            "reserved_type");
  EXPECT_EQ(code_of(ask("publish", 4, R"({"topic":"rooms/one"})")), "invalid_message");
  EXPECT_EQ(code_of(ask("ping", 5, "{}")), "");
}

TEST_F(SessionPublishingTest, publishes_of_one_client_keep_their_order) {
  for (int i = 1; i <= 20; ++i)
    client_->send(text(R"({"type":"publish","id":)" + std::to_string(i) +
                       R"(,"data":{"topic":"rooms/one","data":)" + std::to_string(i) + "}}"));
  for (int i = 1; i <= 20; ++i) EXPECT_EQ(answer(i).at("data").at("seq"), json::value(i));
}

TEST_F(SessionPublishingTest, reads_the_history_of_a_topic) {
  ask("publish", 1, R"({"topic":"rooms/one","data":1.10})");
  ask("publish", 2, R"({"topic":"rooms/one","data":2})");
  const json::object all = ask("history", 3, R"({"topic":"rooms/one"})");
  EXPECT_EQ(all.at("data").at("events").as_array().size(), 2U);
  EXPECT_EQ(all.at("data").at("next"), "epoch-1:2");
  EXPECT_EQ(all.at("data").at("more"), false);
  EXPECT_FALSE(all.at("data").as_object().contains("gap"));
  const json::object rest = ask("history", 4, R"({"topic":"rooms/one","since":"epoch-1:1","limit":1})");
  ASSERT_EQ(rest.at("data").at("events").as_array().size(), 1U);
  EXPECT_EQ(rest.at("data").at("events").at(0).at("data"), 2);
  EXPECT_EQ(code_of(ask("history", 5, R"({"topic":"rooms/one","since":"epoch-2:1"})")), "gap");
  EXPECT_EQ(code_of(ask("history", 6, R"({"topic":"rooms/one","since":3})")), "gap");
  EXPECT_EQ(code_of(ask("history", 7, R"({"topic":"rooms/one","since":-3})")), "invalid_since");
  EXPECT_EQ(code_of(ask("history", 8, R"({"topic":"admin/log"})")), "forbidden");
}

}  // namespace
}  // namespace corohub::gateway::test
