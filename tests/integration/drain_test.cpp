// R2 under load: the end comes while everybody writes and listens.
#include "support/test_server.hpp"

#include <atomic>
#include <thread>

#include <gmock/gmock.h>

namespace corohub::test {
namespace {

struct Writer {
  TestUser user;
  std::int64_t acknowledged = 0;  // the last age the server has answered 200 for
};

// Rising ages until the server is gone.
void write_until_refused(const TestServer& server, Writer& writer, std::atomic<int>& acknowledged) {
  HttpClient client = server.client();
  try {
    for (std::int64_t age = 1; age <= 150; ++age) {
      const HttpAnswer answer = client.patch("/api/v1/users/me", {{"age", age}}, writer.user.access_token);
      if (answer.status != 200) return;
      writer.acknowledged = age;
      ++acknowledged;
    }
  } catch (const std::runtime_error&) {  // the listener is closed
  }
}

TEST(Drain, R2_nothing_acknowledged_is_lost_and_events_stay_in_order) {
  TestServer server;
  std::vector<Writer> writers(4);
  std::vector<WsClient> sockets;
  for (std::size_t i = 0; i < writers.size(); ++i) {
    writers[i].user = server.register_user("writer" + std::to_string(i));
    sockets.push_back(server.connect(writers[i].user));
    ASSERT_EQ(sockets.back().next().at("type"), "connection.established");
  }
  std::atomic<int> acknowledged{0};
  std::vector<std::thread> threads;
  for (Writer& writer : writers)
    threads.emplace_back([&] { write_until_refused(server, writer, acknowledged); });
  while (acknowledged < 20) std::this_thread::yield();
  EXPECT_TRUE(server.stop());
  for (std::thread& thread : threads) thread.join();

  for (WsClient& socket : sockets) {
    std::vector<json::object> received;
    EXPECT_EQ(socket.wait_close(&received), (WsClose{1001, "draining"}));
    std::int64_t last = 0;
    for (const json::object& event : received) {
      EXPECT_GT(event.at("seq").as_int64(), last);
      last = event.at("seq").as_int64();
    }
  }
  server.restart();
  for (const Writer& writer : writers) {
    const HttpAnswer me = server.client().get("/api/v1/users/me", writer.user.access_token);
    ASSERT_EQ(me.status, 200) << me.body;
    const std::int64_t age = me.at("data.age").is_null() ? 0 : me.at("data.age").as_int64();
    EXPECT_GE(age, writer.acknowledged);
    EXPECT_LE(age, writer.acknowledged + 1);  // the last one may have been done and not answered
  }
}

}  // namespace
}  // namespace corohub::test
