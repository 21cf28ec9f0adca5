// STOMP over SockJS through the whole application, on two shards: a request comes to any of them, a session
// lives on one.
#include "support/test_server.hpp"

#include <string>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace corohub::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Sockjs : public testing::Test {
 protected:
  HttpAnswer post(const std::string& session, std::string_view transport, std::string body = {}) {
    // A connection of its own each time: the kernel gives it to one shard or the other.
    HttpClient client = server_.client();
    return client.call(
        {.method = "POST",
         .target = "/ws/000/" + session + "/" + std::string(transport) + "?token=" + ann_.access_token,
         .bytes = std::move(body)});
  }
  HttpAnswer poll(const std::string& session) { return post(session, "xhr"); }
  HttpAnswer send(const std::string& session, const std::string& frame) {
    return post(session, "xhr_send", json::serialize(json::array{frame + std::string(1, '\0')}));
  }

  TestServer server_;
  TestUser ann_ = server_.register_user("ann");
};

// The account is known to the shard of the first request; the session may open on the other one.
TEST_F(Sockjs, a_session_opens_on_its_own_shard_whichever_was_asked) {
  for (int number = 0; number < 16; ++number) {
    const std::string session = "session-" + std::to_string(number);
    ASSERT_EQ(poll(session).body, "o\n") << session;
    ASSERT_EQ(send(session, "CONNECT\naccept-version:1.2\nhost:a\n\n").status, 204) << session;
    ASSERT_THAT(poll(session).body, StartsWith("a[\"CONNECTED\\n")) << session;
  }
}

TEST_F(Sockjs, what_is_published_reaches_a_poll) {
  ASSERT_EQ(poll("a").body, "o\n");
  ASSERT_EQ(send("a", "CONNECT\naccept-version:1.2\nhost:a\n\n").status, 204);
  ASSERT_THAT(poll("a").body, HasSubstr("CONNECTED"));
  ASSERT_EQ(send("a", "SUBSCRIBE\nid:1\ndestination:/topic/rooms/one\nreceipt:r\n\n").status, 204);
  ASSERT_THAT(poll("a").body, HasSubstr("receipt-id:r"));
  ASSERT_EQ(send("a", "SEND\ndestination:/topic/rooms/one\n\n\"hello\"").status, 204);
  const std::string received = poll("a").body;
  EXPECT_THAT(received, StartsWith("a[\"MESSAGE\\n"));
  EXPECT_THAT(received, HasSubstr("subscription:1"));
  EXPECT_THAT(received, HasSubstr("hello"));
}

TEST_F(Sockjs, T54e_another_users_token_finds_no_session) {
  const TestUser bob = server_.register_user("bob");
  ASSERT_EQ(poll("a").body, "o\n");
  HttpClient client = server_.client();
  EXPECT_EQ(client.call({.method = "POST", .target = "/ws/000/a/xhr?token=" + bob.access_token}).status, 404);
  EXPECT_EQ(client.call({.method = "POST", .target = "/ws/000/a/xhr?token=no"}).status, 401);
  EXPECT_EQ(send("a", "CONNECT\naccept-version:1.2\nhost:a\n\n").status, 204);
}

TEST_F(Sockjs, R2_a_stream_says_why_when_the_server_stops) {
  TcpStream stream(server_.port());
  stream.write(request_text(
      {.method = "POST", .target = "/ws/000/a/xhr_streaming?token=" + ann_.access_token, .bytes = ""}));
  std::string received;
  while (received.find("\no\n") == std::string::npos && received.find("\r\no\n") == std::string::npos)
    received += stream.read_some();
  EXPECT_TRUE(server_.stop());
  for (std::string more = stream.read_some(); !more.empty(); more = stream.read_some()) received += more;
  EXPECT_THAT(received, HasSubstr("c[1001,\"draining\"]\n\r\n0\r\n\r\n"));
}

}  // namespace
}  // namespace corohub::test
