// Engine.IO through the whole application, on two shards: a session lives on one of them, its requests and
// its WebSocket come to any. What carries them is the test kit's mirror.
#include "support/test_server.hpp"
#include "support/ws_client.hpp"

#include <string>
#include <thread>
#include <vector>

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::test {
namespace {

class Engineio : public testing::Test {
 protected:
  // A connection of its own each time: the kernel gives it to one shard or the other.
  HttpAnswer ask(std::string method, const std::string& query, std::string body = {}) {
    HttpClient client = server_.client();
    return client.call(
        {.method = std::move(method), .target = "/engine.io/?EIO=4&" + query, .bytes = std::move(body)});
  }
  std::string open() {
    const std::string packet = ask("GET", "transport=polling").body;
    return json::parse(packet.substr(1)).at("sid").as_string().c_str();
  }
  HttpAnswer poll(const std::string& session) { return ask("GET", "transport=polling&sid=" + session); }
  HttpAnswer send(const std::string& session, std::string payload) {
    return ask("POST", "transport=polling&sid=" + session, std::move(payload));
  }
  std::string websocket(const std::string& session) {
    return "/engine.io/?EIO=4&transport=websocket&sid=" + session;
  }

  TestServer server_{[](server::Settings& settings) { settings.gateway.socketio.testkit = true; }};
};

// From the first poll to the end of its WebSocket, beside others.
TEST_F(Engineio, sessions_poll_upgrade_and_end_side_by_side) {
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i)
    clients.emplace_back([this] {
      for (int number = 0; number < 10; ++number) {
        const std::string session = open();
        ASSERT_EQ(send(session, "4a").body, "ok");
        ASSERT_EQ(poll(session).body, "4a");
        ASSERT_EQ(send(session, "4b").body, "ok");
        WsClient socket(server_.port(), WsOptions{.target = websocket(session)});
        ASSERT_EQ(socket.answer().status, 101);
        socket.send_text("2probe");
        ASSERT_EQ(socket.next_text(), "3probe");
        socket.send_text("5");
        ASSERT_EQ(socket.next_text(), "4b") << "what no poll took";
        ASSERT_EQ(poll(session).status, 400);
        socket.send_text("4c");
        ASSERT_EQ(socket.next_text(), "4c");
        if (number % 2 == 0) socket.send_text("1");
      }
    });
  for (std::thread& client : clients) client.join();
}

TEST_F(Engineio, R2_polls_that_wait_are_answered_when_the_server_stops) {
  const std::string session = open();
  TcpStream waits(server_.port());
  waits.write(
      request_text({.method = "GET", .target = "/engine.io/?EIO=4&transport=polling&sid=" + session}));
  ASSERT_EQ(send(session, "6").body, "ok");
  EXPECT_TRUE(server_.stop());
  std::string buffer;
  EXPECT_EQ(read_answer(waits, buffer).body, "1");
}

}  // namespace
}  // namespace corohub::test
