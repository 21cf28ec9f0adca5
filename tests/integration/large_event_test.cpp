// An event of 3 MiB takes every way an event can take, and holds up nothing.
#include "support/sse_client.hpp"
#include "support/test_server.hpp"

#include <thread>

#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace corohub::test {
namespace {

class LargeEvent : public testing::Test {
 protected:
  static constexpr std::size_t large = 3 << 20;

  static void allow(server::Settings& settings) {
    settings.http.max_body_bytes = 4 << 20;
    settings.gateway.outbox.bytes_max = 16 << 20;
    settings.topics.insert(settings.topics.begin(), {.pattern = "big/*",
                                                     .subscribers = hub::Audience::everyone_bits,
                                                     .publishers = hub::Audience::everyone_bits,
                                                     .history_count = 100,
                                                     .bytes_max = 3'407'872});
  }

  // Its position.
  std::string publish(const std::string& topic, char letter, std::size_t size = large) {
    const HttpAnswer answer = client_.post("/api/v1/topics/" + topic + "/events",
                                           {{"data", std::string(size, letter)}}, ann_.access_token);
    EXPECT_EQ(answer.status, 200) << answer.body.substr(0, 200);
    return answer.header("Corohub-Position");
  }

  static std::string letters_of(const json::array& events) {
    std::string letters;
    for (const json::value& event : events) letters += event.at("data").as_string().front();
    return letters;
  }

  TestServer server_{allow};
  TestUser ann_ = server_.register_user("ann");
  HttpClient client_ = server_.client();
};

TEST_F(LargeEvent, other_topics_do_not_allow_it) {
  const HttpAnswer answer = client_.post("/api/v1/topics/rooms/one/events",
                                         {{"data", std::string(100'000, 'x')}}, ann_.access_token);
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.at("code"), "payload_too_large");
}

TEST_F(LargeEvent, comes_live_over_a_web_socket_and_an_event_stream) {
  WsClient socket = server_.connect(ann_);
  socket.next();
  socket.send_text(R"({"type":"subscribe","id":1,"data":{"topic":"big/one"}})");
  EXPECT_EQ(socket.next().at("type"), "reply");
  SseClient stream(server_.port(),
                   {.target = "/api/v1/events/stream?topic=big/one", .token = ann_.access_token});
  stream.next();  // the welcome
  for (const char letter : {'a', 'b', 'c', 'd', 'e', 'f'}) {
    publish("big/one", letter);
    const json::object event = socket.next();
    EXPECT_EQ(event.at("data").as_string(), std::string(large, letter));
    EXPECT_EQ(stream.next().data.at("data").as_string(), std::string(large, letter));
  }
}

TEST_F(LargeEvent, is_replayed_from_what_shards_remember_and_from_the_log) {
  const std::string start = publish("big/one", 's', 10);
  for (const char letter : {'a', 'b', 'c', 'd', 'e', 'f'}) publish("big/one", letter);
  publish("rooms/one", 'z', 10);
  const auto resume = [&] {
    WsClient socket(server_.port(),
                    {.target = "/ws?topic=big/one&since=" + start, .token = ann_.access_token});
    socket.next();
    json::array events;
    while (events.size() < 6) events.emplace_back(socket.next());
    return letters_of(events);
  };
  EXPECT_EQ(resume(), "abcdef");
  server_.restart();
  EXPECT_EQ(resume(), "abcdef");
}

TEST_F(LargeEvent, is_read_page_by_page) {
  const std::string start = publish("big/one", 's', 10);
  for (const char letter : {'a', 'b', 'c'}) publish("big/one", letter);
  publish("big/one", 'd', 10);
  for (const std::string way : {"topics/big/one/history?", "events?topic=big/one&"}) {
    std::string since = start;
    std::string letters;
    for (bool more = true; more;) {
      const HttpAnswer page = client_.get("/api/v1/" + way + "limit=2&since=" + since, ann_.access_token);
      ASSERT_EQ(page.status, 200) << page.body.substr(0, 200);
      letters += letters_of(page.at("data").as_array());
      since = page.at("meta.next").as_string();
      more = page.at("meta.more").as_bool();
    }
    EXPECT_EQ(letters, "abcd") << way;
  }

  WsClient socket = server_.connect(ann_);
  socket.next();
  json::value since(start.c_str());
  std::string letters;
  for (bool more = true; more;) {
    const json::value ask{{"type", "history"}, {"id", 1}, {"data", {{"topic", "big/one"}, {"since", since}}}};
    socket.send_text(json::serialize(ask));
    const json::object reply = socket.next();
    ASSERT_EQ(reply.at("type"), "reply");
    letters += letters_of(reply.at("data").at("events").as_array());
    since = reply.at("data").at("next");
    more = reply.at("data").at("more").as_bool();
  }
  EXPECT_EQ(letters, "abcd");
}

TEST_F(LargeEvent, ends_a_poll_that_waits) {
  const std::string start = publish("big/one", 's', 10);
  TcpStream waiting(server_.port());
  waiting.write(request_text(
      {.target = "/api/v1/events/poll?topic=big/one&since=" + start, .token = ann_.access_token}));
  const TestUser root = server_.superadmin();
  const auto connections = [&] {
    return client_.get("/api/v1/admin/connections", root.access_token).at("meta.total");
  };
  while (connections() != 1) std::this_thread::yield();
  publish("big/one", 'a');
  std::string buffer;
  const HttpAnswer answer = read_answer(waiting, buffer);
  ASSERT_EQ(answer.status, 200) << answer.body.substr(0, 200);
  EXPECT_EQ(letters_of(answer.at("data").as_array()), "a");
}

}  // namespace
}  // namespace corohub::test
