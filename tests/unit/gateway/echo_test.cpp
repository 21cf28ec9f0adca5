#include "gateway/echo.hpp"

#include "raw_client.hpp"
#include "support/manual_clock.hpp"

#include <gtest/gtest.h>

namespace corohub::gateway::test {
namespace {

class EchoTest : public testing::Test {
 protected:
  explicit EchoTest() : client(context) {
    start_websocket({.socket = client.take_server_socket(),
                     .unread = {},
                     .head = "HTTP/1.1 101 Switching Protocols\r\n\r\n",
                     .limited = false},
                    {settings, shard.wheel(), clock}, echo->outbox(), echo);
  }
  ~EchoTest() override {
    client.shut_down_sending();
    turn_until(context, {&client}, [this] { return echo.use_count() == 1; });
  }

  bool until_frames(std::size_t count) {
    return turn_until(context, {&client}, [&] { return client.frames.size() >= count; });
  }

  asio::io_context context{1};
  corohub::test::ManualClock clock;
  hub::Shard shard{context, clock};
  Outsiders outsiders;
  WebSocketSettings settings = echo_settings();
  std::shared_ptr<Echo> echo = std::make_shared<Echo>(shard, outsiders);
  RawClient client;
};

TEST_F(EchoTest, R17_text_comes_back_as_text_and_binary_as_binary) {
  std::string every_byte;
  for (int i = 0; i < 256; ++i) every_byte += static_cast<char>(i);
  const std::string unicode = "h\xc3\xa9llo \xf0\x9f\x8c\x8d";
  client.send(text(unicode) + encode({.opcode = 0x2, .payload = every_byte}) + text("") +
              encode({.opcode = 0x2}));
  ASSERT_TRUE(until_frames(4));
  EXPECT_EQ(client.frames[0].opcode, 0x1);
  EXPECT_EQ(client.frames[0].payload, unicode);
  EXPECT_EQ(client.frames[1].opcode, 0x2);
  EXPECT_EQ(client.frames[1].payload, every_byte);
  EXPECT_EQ(client.frames[2].opcode, 0x1);
  EXPECT_EQ(client.frames[3].opcode, 0x2);
}

TEST_F(EchoTest, R17_one_message_of_16_mib) {
  std::string payload(16 << 20, '\0');
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(i * 31 % 251);
  client.send(encode({.opcode = 0x2, .payload = payload}));
  ASSERT_TRUE(until_frames(1));
  EXPECT_TRUE(client.frames[0].payload == payload);
}

TEST_F(EchoTest, R17_a_message_of_65536_fragments) {
  std::string payload;
  for (int i = 0; i < 65'536; ++i) {
    const std::string part(1, static_cast<char>('a' + i % 26));
    payload += part;
    client.send(encode(
        {.opcode = static_cast<std::uint8_t>(i == 0 ? 0x1 : 0x0), .payload = part, .last = i == 65'535}));
  }
  ASSERT_TRUE(until_frames(1));
  EXPECT_TRUE(client.frames[0].payload == payload);
}

TEST_F(EchoTest, R17_many_messages_before_a_close_come_back_first) {
  std::vector<std::string> sent;
  for (int i = 0; i < 3000; ++i) {
    sent.push_back("message " + std::to_string(i) + std::string(static_cast<std::size_t>(i % 900), 'x'));
    client.send(text(sent.back()));
    if (i % 10 == 0) client.send(encode({.opcode = 0x9, .payload = std::to_string(i)}));
  }
  client.send(close(4000, "done"));
  client.reading = false;
  for (int i = 0; i < 50; ++i) {
    context.restart();
    context.poll();
    client.turn();
  }
  client.reading = true;
  ASSERT_TRUE(turn_until(context, {&client}, [&] { return client.end_of_file; }));
  std::vector<std::string> echoed;
  std::size_t pongs = 0;
  for (const ServerFrame& frame : client.frames) {
    if (frame.opcode == 0x1) echoed.push_back(frame.payload);
    if (frame.opcode == 0xA) ++pongs;
  }
  EXPECT_EQ(echoed, sent);
  EXPECT_EQ(pongs, 300U);
  ASSERT_EQ(client.frames.back().opcode, 0x8);
  EXPECT_EQ(client.frames.back().close_code(), 4000);
}

TEST_F(EchoTest, R2_a_drain_sends_it_away) {
  outsiders.send_away_all();
  ASSERT_TRUE(until_frames(1));
  EXPECT_EQ(client.frames[0].close_code(), 1001);
  client.shut_down_sending();
  ASSERT_TRUE(turn_until(context, {&client}, [this] { return echo.use_count() == 1; }));
}

TEST_F(EchoTest, a_client_that_does_not_read_is_not_read_from) {
  client.reading = false;
  const std::string message = encode({.opcode = 0x2, .payload = std::string(1 << 20, 'x')});
  for (int i = 0; i < 32; ++i) client.send(message);
  for (int i = 0; i < 3000; ++i) {
    context.restart();
    context.poll();
    client.turn();
  }
  EXPECT_LE(echo->outbox().bytes(), 4U << 20);
  client.reading = true;
  ASSERT_TRUE(until_frames(32));
}

}  // namespace
}  // namespace corohub::gateway::test
