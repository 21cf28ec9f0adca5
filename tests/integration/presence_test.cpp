// Who is there and who is typing: several WebSocket clients over the whole application, on two shards.
#include "support/test_server.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::test {
namespace {

using testing::ElementsAre;

class Presence : public testing::Test {
 protected:
  struct Client {
    Client(const TestServer& server, const TestUser& user)
        : user_id(user.id),
          socket(server.port(), {.target = "/ws?types=" + types, .token = user.access_token}) {
      socket.next();
    }
    // The answer; what came before it is kept.
    json::object ask(std::string_view type, const json::object& data) {
      socket.send_text(json::serialize(json::object{{"type", type}, {"id", ++asked}, {"data", data}}));
      for (;;) {
        json::object message = socket.next();
        if (message.contains("id")) return message;
        events.push_back(std::move(message));
      }
    }
    json::object ask(std::string_view type) { return ask(type, {{"topic", "rooms/one"}}); }
    json::object event() {
      if (events.empty()) return socket.next();
      json::object first = std::move(events.front());
      events.erase(events.begin());
      return first;
    }
    // Until it is told, with others or alone, that this user has come.
    void hears_of(const Client& other) {
      for (;;) {
        const json::object told = event();
        ASSERT_EQ(told.at("type"), "presence.joined");
        for (const json::value& user : told.at("data").at("users").as_array()) {
          ASSERT_NE(user.at("user_id"), user_id);
          if (user.at("user_id") == other.user_id) return;
        }
      }
    }

    static inline const std::string types = "presence.*,typing,message";
    std::int64_t user_id;
    WsClient socket;
    std::vector<json::object> events;
    int asked = 0;
  };

  static json::array users(std::initializer_list<std::pair<const TestUser*, std::string_view>> people) {
    json::array list;
    for (const auto& [user, name] : people)
      list.push_back(json::object{{"user_id", user->id}, {"name", name}});
    return list;
  }
  HttpAnswer get(const std::string& path, const TestUser& user) const {
    return server_.client().get("/api/v1" + path, user.access_token);
  }
  static std::string code_of(const json::object& answer) {
    return std::string(answer.at("data").at("code").as_string());
  }

  TestServer server_;
  TestUser ann_ = server_.register_user("ann");
  TestUser bob_ = server_.register_user("bob");
};

TEST_F(Presence, those_in_a_topic_hear_who_comes_and_after_a_grace_who_leaves) {
  Client ann(server_, ann_);
  ann.ask("subscribe");
  Client bob(server_, bob_);
  bob.ask("subscribe");
  json::object told = ann.event();
  EXPECT_EQ(told.at("type"), "presence.joined");
  EXPECT_EQ(told.at("topic"), "rooms/one");
  EXPECT_FALSE(told.contains("seq"));
  EXPECT_EQ(told.at("data"), (json::object{{"users", users({{&bob_, "bob"}})}, {"count", 2}}));

  const json::object both{{"users", users({{&ann_, "ann"}, {&bob_, "bob"}})}, {"count", 2}};
  EXPECT_EQ(bob.ask("presence").at("data"), both);
  EXPECT_EQ(get("/topics/rooms/one/presence", ann_).at("data"), both);

  // A second tab makes no difference, nor does the end of the first one.
  Client tab(server_, bob_);
  tab.ask("subscribe");
  bob.socket.close();
  tab.ask("unsubscribe");
  tab.ask("subscribe");
  tab.socket.stream().reset();
  told = ann.event();
  EXPECT_EQ(told.at("type"), "presence.left");
  EXPECT_EQ(told.at("data"), (json::object{{"users", users({{&bob_, "bob"}})}, {"count", 1}}));
}

TEST_F(Presence, nobody_hears_of_himself) {
  Client ann(server_, ann_);
  Client bob(server_, bob_);
  ann.ask("subscribe");
  bob.ask("subscribe");
  ann.hears_of(bob);
  Client carl(server_, server_.register_user("carl"));
  carl.ask("subscribe");
  bob.hears_of(carl);
}

TEST_F(Presence, a_new_name_is_the_name_at_once) {
  Client ann(server_, ann_);
  ann.ask("subscribe");
  server_.client().patch("/api/v1/users/me", {{"name", "Anna"}}, ann_.access_token);
  EXPECT_EQ(ann.ask("presence").at("data"),
            (json::object{{"users", users({{&ann_, "Anna"}})}, {"count", 1}}));
}

TEST_F(Presence, T50_whoever_may_not_subscribe_may_not_ask) {
  Client ann(server_, ann_);
  EXPECT_EQ(code_of(ann.ask("presence", {{"topic", "admin/one"}})), "forbidden");
  EXPECT_EQ(code_of(ann.ask("presence", {{"topic", "elsewhere"}})), "forbidden");
  EXPECT_EQ(code_of(ann.ask("presence", {{"topic", "public/one"}})), "forbidden")
      << "its rule has no presence";
  EXPECT_EQ(code_of(ann.ask("presence", {{"topic", "a//b"}})), "invalid_topic");
  EXPECT_EQ(code_of(ann.ask("presence", json::object())), "invalid_message");
  EXPECT_EQ(get("/topics/admin/one/presence", ann_).status, 403);
  EXPECT_EQ(get("/topics/public/one/presence", ann_).status, 403);
  EXPECT_EQ(get("/topics/a%20b/presence", ann_).at("code"), "invalid_topic");
  EXPECT_EQ(get("/topics/rooms/one/presence", {}).status, 401);
}

TEST(PresenceLimit, T50_five_questions_a_second) {
  TestServer server([](server::Settings& settings) { settings.exempt_cidrs.clear(); });
  const TestUser ann = server.register_user("ann");
  WsClient socket = server.connect(ann);
  for (int i = 0; i < 50; ++i)
    socket.send_text(R"({"type":"presence","id":)" + std::to_string(i) + R"(,"data":{"topic":"rooms/one"}})");
  int refused = 0;
  for (int answers = 0; answers < 50;) {
    const json::object message = socket.next();
    if (!message.contains("id")) continue;
    ++answers;
    if (message.at("type") != "error") continue;
    EXPECT_EQ(message.at("data").at("code"), "rate_limited");
    ++refused;
  }
  EXPECT_GE(refused, 10);
}

TEST_F(Presence, rest_tells_who_is_online) {
  Client ann(server_, ann_);
  const auto ask = [&](const std::string& ids) { return get("/presence?users=" + ids, bob_); };
  const std::string a = std::to_string(ann_.id);
  const std::string b = std::to_string(bob_.id);
  const HttpAnswer answer = ask(b + "," + a + ",999");
  EXPECT_EQ(answer.at("data"), (json::array{{{"user_id", bob_.id}, {"online", false}},
                                            {{"user_id", ann_.id}, {"online", true}},
                                            {{"user_id", 999}, {"online", false}}}));
  std::string many = "1";
  for (int i = 2; i <= 100; ++i) many += "," + std::to_string(i);
  EXPECT_EQ(ask(many).status, 200);
  for (const std::string& bad :
       {many + ",101", std::string(), std::string("x"), std::string("1,,2"), std::string("1,"),
        std::string("0"), std::string("-1"), std::string("1.5"), std::string("9223372036854775808")})
    EXPECT_EQ(ask(bad).status, 422) << bad;
  EXPECT_EQ(get("/presence", bob_).status, 422);
  EXPECT_EQ(get("/presence?users=1", {}).status, 401);
}

TEST_F(Presence, admins_hear_who_comes_online_and_goes_but_not_of_themselves) {
  const TestUser root = server_.superadmin();
  WsClient watching(server_.port(),
                    {.target = "/ws?types=user.online,user.offline", .token = root.access_token});
  watching.next();
  WsClient plain(server_.port(), {.target = "/ws?types=user.*", .token = bob_.access_token});
  plain.next();
  json::object told = watching.next();
  EXPECT_EQ(told.at("type"), "user.online");
  EXPECT_EQ(told.at("data"), (json::object{{"user_id", bob_.id}, {"name", "bob"}}));
  EXPECT_FALSE(told.contains("topic"));
  plain.close();
  told = watching.next();
  EXPECT_EQ(told.at("type"), "user.offline");
  EXPECT_EQ(told.at("data"), (json::object{{"user_id", bob_.id}, {"name", "bob"}}));
}

// ---- typing ----

TEST_F(Presence, typing_is_told_to_the_others_and_ends_with_what_was_typed) {
  Client ann(server_, ann_);
  Client bob(server_, bob_);
  ann.ask("subscribe");
  bob.ask("subscribe");
  ann.hears_of(bob);
  EXPECT_EQ(bob.ask("typing", {{"topic", "rooms/one"}, {"typing", true}}).at("type"), "reply");
  json::object told = ann.event();
  EXPECT_EQ(told.at("type"), "typing");
  EXPECT_EQ(told.at("topic"), "rooms/one");
  EXPECT_FALSE(told.contains("seq"));
  EXPECT_EQ(told.at("data"), (json::object{{"user_id", bob_.id}, {"name", "bob"}, {"typing", true}}));

  EXPECT_EQ(bob.ask("typing", {{"topic", "rooms/one"}, {"typing", true}}).at("type"), "reply") << "goes on";
  bob.ask("publish", {{"topic", "rooms/one"}, {"data", "hello"}});
  told = ann.event();
  EXPECT_EQ(told.at("type"), "typing");
  EXPECT_EQ(told.at("data").at("typing"), false);
  EXPECT_EQ(ann.event().at("type"), "message");
  for (const json::object& event : bob.events) EXPECT_NE(event.at("type"), "typing") << "never to its author";
}

TEST_F(Presence, typing_ends_when_its_author_leaves) {
  Client ann(server_, ann_);
  ann.ask("subscribe");
  const auto types = [&] {
    const json::object begins = ann.event();
    EXPECT_EQ(begins.at("type"), "typing");
    const json::object ends = ann.event();
    EXPECT_EQ(ends.at("type"), "typing");
    return std::vector<bool>{begins.at("data").at("typing").as_bool(),
                             ends.at("data").at("typing").as_bool()};
  };
  const json::object typing{{"topic", "rooms/one"}, {"typing", true}};
  {
    Client bob(server_, bob_);
    bob.ask("subscribe");
    ann.hears_of(bob);
    bob.ask("typing", typing);
    bob.ask("unsubscribe");
    EXPECT_THAT(types(), ElementsAre(true, false));
  }
  Client bob(server_, bob_);
  bob.ask("subscribe");
  bob.ask("typing", typing);
  bob.socket.close();
  EXPECT_THAT(types(), ElementsAre(true, false));
}

TEST_F(Presence, typing_needs_a_subscription_and_a_right_and_a_rule) {
  Client ann(server_, ann_);
  const auto typing = [&](std::string_view topic) {
    return code_of(ann.ask("typing", {{"topic", topic}, {"typing", true}}));
  };
  EXPECT_EQ(typing("rooms/one"), "not_subscribed");
  EXPECT_EQ(ann.ask("subscribe", {{"topic", "public/one"}}).at("type"), "reply");
  EXPECT_EQ(typing("public/one"), "forbidden");
  EXPECT_EQ(typing("no topic"), "invalid_topic");
  EXPECT_EQ(code_of(ann.ask("typing", {{"topic", "rooms/one"}})), "invalid_message");
  EXPECT_EQ(code_of(ann.ask("typing", {{"topic", "rooms/one"}, {"typing", 1}})), "invalid_message");
}

}  // namespace
}  // namespace corohub::test
