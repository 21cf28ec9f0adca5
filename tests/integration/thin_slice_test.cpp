// The main job, end to end: register, log in, connect, change, see it arrive, find it in the log.
#include "support/test_server.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::test {
namespace {

TEST(ThinSlice, a_change_over_rest_arrives_live_and_is_in_the_log) {
  TestServer server;
  HttpClient client = server.client();
  const HttpAnswer registered =
      client.post("/api/v1/auth/register",
                  {{"name", "Ann"}, {"email", "ann@example.com"}, {"password", "secure123"}, {"age", 30}});
  ASSERT_EQ(registered.status, 201) << registered.body;
  EXPECT_EQ(registered.at("data.user.role"), "user");
  EXPECT_EQ(registered.at("data.token_type"), "Bearer");

  const TestUser ann = server.log_in("ann@example.com", "secure123");
  WsClient socket = server.connect(ann);
  ASSERT_EQ(socket.answer().status, 101) << socket.answer().body;
  const json::object welcome = socket.next();
  EXPECT_EQ(welcome.at("type"), "connection.established");
  EXPECT_EQ(welcome.at("data").at("user_id"), ann.id);

  const HttpAnswer changed = client.patch("/api/v1/users/me", {{"name", "Anna"}}, ann.access_token);
  ASSERT_EQ(changed.status, 200) << changed.body;
  const json::object user_updated = socket.next();
  const json::object profile_updated = socket.next();
  EXPECT_EQ(user_updated.at("type"), "user.updated");
  EXPECT_EQ(profile_updated.at("type"), "profile.updated");
  EXPECT_EQ(user_updated.at("data").at("changes"), (json::array{"name"}));
  EXPECT_LT(user_updated.at("seq").as_int64(), profile_updated.at("seq").as_int64());
  EXPECT_TRUE(changed.header("Corohub-Position").ends_with(":" + json::serialize(profile_updated.at("seq"))));

  const HttpAnswer log = client.get("/api/v1/events", ann.access_token);
  ASSERT_EQ(log.status, 200) << log.body;
  EXPECT_EQ(log.at("data"), (json::array{user_updated, profile_updated}));
}

TEST(ThinSlice, what_was_acknowledged_is_there_after_a_restart) {
  TestServer server;
  const TestUser ann = server.register_user("ann");
  ASSERT_EQ(server.client().patch("/api/v1/users/me", {{"name", "Anna"}}, ann.access_token).status, 200);
  const HttpAnswer before = server.client().get("/api/v1/events", ann.access_token);
  server.restart();
  const HttpAnswer me = server.client().get("/api/v1/users/me", ann.access_token);
  ASSERT_EQ(me.status, 200) << me.body;
  EXPECT_EQ(me.at("data.name"), "Anna");
  const HttpAnswer after = server.client().get("/api/v1/events", ann.access_token);
  EXPECT_EQ(after.at("data"), before.at("data"));
  EXPECT_EQ(after.at("meta.epoch"), before.at("meta.epoch"));
}

}  // namespace
}  // namespace corohub::test
