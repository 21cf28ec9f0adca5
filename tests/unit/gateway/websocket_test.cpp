#include "core/deflate.hpp"
#include "core/departures.hpp"
#include "gateway/wire/wraps.hpp"
#include "websocket_rig.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

std::vector<std::string> payloads(const RawClient& client, std::uint8_t opcode) {
  std::vector<std::string> out;
  for (const ServerFrame& frame : client.frames)
    if (frame.opcode == opcode) out.push_back(frame.payload);
  return out;
}

bool has_close(const RawClient& client) {
  return !client.frames.empty() && client.frames.back().opcode == 0x8;
}

// ---- the upgrade ----

TEST(WebSocket, sends_the_head_and_what_the_listener_says_at_once) {
  WebSocketRig rig;
  rig.push("welcome");
  rig.start();
  ASSERT_TRUE(rig.until([&] { return !rig.client.frames.empty(); }));
  EXPECT_THAT(rig.client.head, HasSubstr("HTTP/1.1 101 "));
  EXPECT_EQ(rig.client.frames[0].payload, "welcome");
}

TEST(WebSocket, T6_bytes_behind_the_request_are_the_first_frames) {
  WebSocketRig rig;
  rig.start(text("early") + text("bird").substr(0, 3));
  rig.client.send(text("bird").substr(3));
  ASSERT_TRUE(rig.until([&] { return rig.recorder->messages.size() == 2; }));
  EXPECT_EQ(rig.recorder->messages[0].second, "early");
  EXPECT_EQ(rig.recorder->messages[1].second, "bird");
}

// ---- messages in ----

TEST(WebSocket, reads_messages_of_every_size_and_cut) {
  WebSocketRig rig;
  rig.start();
  std::vector<std::string> sent;
  for (const std::size_t size : {0, 1, 63, 64, 65, 125, 126, 513, 1535, 1536, 1537, 65'535, 65'536})
    sent.emplace_back(size, 'a');
  for (const std::string& message : sent) rig.client.send(text(message));
  ASSERT_TRUE(rig.until([&] { return rig.recorder->messages.size() == sent.size(); }));
  for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(rig.recorder->messages[i].second, sent[i]);
}

TEST(WebSocket, joins_fragments_around_control_frames) {
  WebSocketRig rig;
  rig.start();
  rig.client.send(encode({.opcode = 0x1, .payload = "one ", .last = false}));
  rig.client.send(encode({.opcode = 0x9, .payload = "in between"}));
  rig.client.send(encode({.opcode = 0x0, .payload = "", .last = false}));
  rig.client.send(encode({.opcode = 0x0, .payload = "message"}));
  ASSERT_TRUE(rig.until([&] { return !rig.recorder->messages.empty() && !rig.client.frames.empty(); }));
  EXPECT_EQ(rig.recorder->messages[0].second, "one message");
  EXPECT_EQ(payloads(rig.client, 0xA), std::vector<std::string>{"in between"});
}

struct Violation {
  std::string name;
  std::string bytes;
  CloseReason reason;
};

class Violations : public testing::TestWithParam<Violation> {};

TEST_P(Violations, T55_end_the_connection_with_code_and_word) {
  WebSocketRig rig;
  rig.start();
  rig.client.send(text("before"));
  rig.client.send(GetParam().bytes);
  ASSERT_TRUE(rig.until([&] { return has_close(rig.client); }));
  EXPECT_EQ(rig.client.frames.back().close_code(), close_code(GetParam().reason));
  EXPECT_EQ(rig.client.frames.back().close_reason(), name(GetParam().reason));
  rig.client.send(close(rig.client.frames.back().close_code()));
  rig.client.shut_down_sending();
  ASSERT_TRUE(rig.until_closed());
  EXPECT_EQ(rig.recorder->closed, GetParam().reason);
  EXPECT_EQ(rig.recorder->closes, 1);
  ASSERT_EQ(rig.recorder->messages.size(), 1U);
}

std::string length_64(std::string_view eight_bytes) {
  return std::string("\x81\xff", 2) + std::string(eight_bytes) + "mask";
}

INSTANTIATE_TEST_SUITE_P(
    WebSocket, Violations,
    testing::Values(
        Violation{"binary", encode({.opcode = 0x2, .payload = "bytes"}), CloseReason::binary_not_supported},
        Violation{"empty_binary", encode({.opcode = 0x2}), CloseReason::binary_not_supported},
        Violation{"bad_utf8", text("\xc0\xaf"), CloseReason::invalid_utf8},
        Violation{"cut_utf8", text("\xe2\x82"), CloseReason::invalid_utf8},
        Violation{"cut_utf8_before_an_empty_fragment",
                  encode({.opcode = 0x1, .payload = "\xe2\x82", .last = false}) + encode({.opcode = 0x0}),
                  CloseReason::invalid_utf8},
        Violation{"too_big", text(std::string(65'537, 'a')), CloseReason::message_too_big},
        Violation{"too_big_in_fragments",
                  encode({.opcode = 0x1, .payload = std::string(40'000, 'a'), .last = false}) +
                      encode({.opcode = 0x0, .payload = std::string(40'000, 'a')}),
                  CloseReason::message_too_big},
        Violation{"length_2_62", length_64({"\x40\0\0\0\0\0\0\0", 8}), CloseReason::message_too_big},
        Violation{"unmasked", encode({.opcode = 0x1, .payload = "x", .masked = false}),
                  CloseReason::protocol_error},
        Violation{"reserved_bit", encode({.opcode = 0x1, .payload = "x", .reserved_bits = 0x40}),
                  CloseReason::protocol_error},
        Violation{"reserved_opcode", encode({.opcode = 0x3, .payload = "x"}), CloseReason::protocol_error},
        Violation{"reserved_control", encode({.opcode = 0xB, .payload = "x"}), CloseReason::protocol_error},
        Violation{"big_ping", encode({.opcode = 0x9, .payload = std::string(126, 'p')}),
                  CloseReason::protocol_error},
        Violation{"fragmented_ping", encode({.opcode = 0x9, .payload = "p", .last = false}),
                  CloseReason::protocol_error},
        Violation{"stray_continuation", encode({.opcode = 0x0, .payload = "x"}), CloseReason::protocol_error},
        Violation{"interleaved_messages", encode({.opcode = 0x1, .payload = "x", .last = false}) + text("y"),
                  CloseReason::protocol_error},
        Violation{"close_code_1005", close(1005), CloseReason::protocol_error},
        Violation{"close_reason_not_utf8", close(1000, "\xff"), CloseReason::invalid_utf8},
        Violation{"close_of_one_byte", encode({.opcode = 0x8, .payload = "x"}), CloseReason::protocol_error}),
    [](const auto& info) { return info.param.name; });

// ---- control frames ----

TEST(WebSocket, answers_every_ping_with_its_payload_in_order) {
  WebSocketRig rig(4096);
  rig.start({}, /*limited=*/false);
  std::vector<std::string> pings;
  for (int i = 0; i < 500; ++i) {
    pings.push_back(std::to_string(i) + std::string(static_cast<std::size_t>(i % 120), 'p'));
    rig.client.send(encode({.opcode = 0x9, .payload = pings.back()}));
  }
  ASSERT_TRUE(rig.until([&] { return rig.client.frames.size() >= pings.size(); }));
  EXPECT_EQ(payloads(rig.client, 0xA), pings);
}

TEST(WebSocket, shared_frames_and_pongs_never_mix_under_small_buffers) {
  WebSocketRig rig(4096);
  rig.start({}, /*limited=*/false);
  std::vector<std::string> data;
  std::vector<std::string> pings;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 40; ++i) {
      data.push_back(std::to_string(round) + "/" + std::to_string(i) +
                     std::string(static_cast<std::size_t>(i) * 97, 'd'));
      rig.push(data.back());
      pings.push_back(data.back().substr(0, 100));
      rig.client.send(encode({.opcode = 0x9, .payload = pings.back()}));
    }
    rig.recorder->transport->flush();
    ASSERT_TRUE(rig.until([&] { return rig.client.frames.size() == data.size() + pings.size(); })) << round;
  }
  EXPECT_EQ(payloads(rig.client, 0x1), data);
  EXPECT_EQ(payloads(rig.client, 0xA), pings);
}

TEST(WebSocket, tells_when_a_full_socket_has_taken_all) {
  WebSocketRig rig(4096);
  rig.start();
  for (int i = 0; i < 100; ++i) rig.push(std::string(5000, 'x'));
  rig.recorder->transport->flush();
  EXPECT_FALSE(rig.recorder->outbox.empty());
  ASSERT_TRUE(rig.until([&] { return rig.client.frames.size() == 100; }));
  EXPECT_EQ(rig.recorder->low_waters, 1);
}

// ---- closing ----

TEST(WebSocket, echoes_the_code_of_a_clients_close) {
  WebSocketRig rig;
  rig.start();
  rig.client.send(close(3001, "bye"));
  ASSERT_TRUE(rig.until([&] { return rig.client.end_of_file; }));
  ASSERT_TRUE(rig.until([&] { return has_close(rig.client); }));
  EXPECT_EQ(rig.client.frames.back().close_code(), 3001);
  rig.client.shut_down_sending();
  ASSERT_TRUE(rig.until_closed());
  EXPECT_EQ(rig.recorder->closed, CloseReason::normal);
  EXPECT_FALSE(rig.client.reset);
}

TEST(WebSocket, no_data_follows_the_answer_to_a_clients_close) {
  WebSocketRig rig(4096);
  rig.start();
  for (int i = 0; i < 300; ++i) rig.push("event " + std::to_string(i) + std::string(1000, 'x'));
  rig.recorder->transport->flush();
  rig.client.reading = false;
  rig.client.send(close(1000));
  rig.settle();
  rig.push("too late");
  if (rig.recorder->transport != nullptr) rig.recorder->transport->flush();
  rig.client.reading = true;
  ASSERT_TRUE(rig.until([&] { return rig.client.end_of_file || rig.client.reset; }));
  ASSERT_TRUE(rig.until([&] { return has_close(rig.client); }));
  EXPECT_EQ(payloads(rig.client, 0x8).size(), 1U);
  EXPECT_LT(payloads(rig.client, 0x1).size(), 300U) << "what waited is dropped";
  for (std::size_t i = 0; i + 1 < rig.client.frames.size(); ++i)
    EXPECT_TRUE(rig.client.frames[i].payload.starts_with("event " + std::to_string(i)));
}

TEST(WebSocket, what_waits_leaves_before_a_close_of_ours) {
  WebSocketRig rig(4096);
  rig.start();
  for (int i = 0; i < 200; ++i) rig.push(std::to_string(i) + std::string(2000, 'x'));
  rig.recorder->transport->close(CloseReason::credentials_changed, Drain::yes);
  ASSERT_TRUE(rig.until([&] { return has_close(rig.client); }));
  EXPECT_EQ(payloads(rig.client, 0x1).size(), 200U);
  EXPECT_EQ(rig.client.frames.back().close_code(), 1008);
  EXPECT_EQ(rig.client.frames.back().close_reason(), "credentials_changed");
  rig.client.send(close(1008));
  rig.client.shut_down_sending();
  ASSERT_TRUE(rig.until_closed());
  EXPECT_EQ(rig.recorder->closed, CloseReason::credentials_changed);
}

TEST(WebSocket, a_close_of_ours_drops_what_has_not_left_after_a_second_and_resets_after_another) {
  WebSocketRig rig(4096);
  rig.start();
  rig.client.reading = false;
  for (int i = 0; i < 200; ++i) rig.push(std::string(5000, 'x'));
  rig.recorder->transport->close(CloseReason::draining, Drain::yes);
  rig.settle();
  rig.pass(900ms);
  EXPECT_FALSE(rig.recorder->outbox.empty());
  rig.pass(200ms);
  EXPECT_LE(rig.recorder->outbox.messages(), 1U) << "only a frame that was started may stay";
  EXPECT_FALSE(rig.recorder->closed.has_value());
  rig.pass(1100ms);
  ASSERT_TRUE(rig.until_closed());
  EXPECT_EQ(rig.recorder->closed, CloseReason::draining);
  rig.client.reading = true;
  ASSERT_TRUE(rig.until([&] { return rig.client.reset; }));
}

TEST(WebSocket, a_peer_that_never_answers_our_close_is_reset) {
  WebSocketRig rig;
  rig.start();
  rig.recorder->transport->close(CloseReason::kicked, Drain::yes);
  ASSERT_TRUE(rig.until([&] { return has_close(rig.client); }));
  rig.pass(900ms);
  EXPECT_FALSE(rig.recorder->closed.has_value());
  rig.pass(200ms);
  ASSERT_TRUE(rig.until_closed());
  ASSERT_TRUE(rig.until([&] { return rig.client.reset; }));
}

TEST(WebSocket, nothing_is_delivered_after_a_close_of_ours) {
  WebSocketRig rig;
  rig.start();
  rig.recorder->transport->close(CloseReason::kicked, Drain::yes);
  rig.client.send(text("late") + encode({.opcode = 0x9, .payload = "late"}) + close(1008));
  rig.client.shut_down_sending();
  ASSERT_TRUE(rig.until_closed());
  EXPECT_TRUE(rig.recorder->messages.empty());
  ASSERT_EQ(rig.client.frames.size(), 1U);
}

TEST(WebSocket, a_broken_connection_is_told_once) {
  WebSocketRig rig;
  rig.start();
  rig.client.send(text("half").substr(0, 4));
  rig.client.shut_down_sending();
  ASSERT_TRUE(rig.until_closed());
  EXPECT_EQ(rig.recorder->closed, CloseReason::peer_gone);
  EXPECT_EQ(rig.recorder->closes, 1);
}

// ---- deadlines ----

TEST(WebSocket, T64_pings_once_per_interval_beginning_at_a_random_moment) {
  WebSocketRig rig;
  rig.start();
  rig.pass(54s);
  EXPECT_TRUE(rig.until([&] { return payloads(rig.client, 0x9).size() == 1; }));
  rig.client.send(encode({.opcode = 0xA}));
  rig.settle();
  rig.pass(54s);
  EXPECT_TRUE(rig.until([&] { return payloads(rig.client, 0x9).size() == 2; }));
}

TEST(WebSocket, T64_without_a_pong_it_ends_after_sixty_seconds_whatever_else_is_sent) {
  WebSocketRig rig;
  rig.start();
  for (int second = 0; second < 60; ++second) {
    EXPECT_FALSE(has_close(rig.client)) << second;
    rig.client.send(text("I live"));
    rig.pass(1s);
  }
  rig.pass(500ms);
  ASSERT_TRUE(rig.until([&] { return has_close(rig.client); }));
  EXPECT_EQ(rig.client.frames.back().close_code(), 1001);
  EXPECT_EQ(rig.client.frames.back().close_reason(), "pong_timeout");
}

TEST(WebSocket, T64_any_pong_starts_the_deadline_again) {
  WebSocketRig rig;
  rig.start();
  rig.pass(50s);
  rig.client.send(encode({.opcode = 0xA, .payload = "unasked"}));
  rig.settle();
  rig.pass(59s);
  EXPECT_FALSE(has_close(rig.client));
  rig.pass(1500ms);
  EXPECT_TRUE(rig.until([&] { return has_close(rig.client); }));
}

TEST(WebSocket, T56_a_message_must_end_within_ten_seconds_of_its_first_byte) {
  WebSocketRig rig;
  rig.start();
  const std::string message = text(std::string(100, 'x'));
  for (int i = 0; i < 9; ++i) {
    rig.client.send(message.substr(static_cast<std::size_t>(i), 1));
    rig.settle();
    rig.pass(1s);
  }
  EXPECT_FALSE(has_close(rig.client));
  rig.client.send(encode({.opcode = 0x9}).substr(0, 1));
  rig.settle();
  rig.pass(1200ms);
  ASSERT_TRUE(rig.until([&] { return has_close(rig.client); }));
  EXPECT_EQ(rig.client.frames.back().close_reason(), "message_timeout");
}

TEST(WebSocket, T56_endless_empty_fragments_end) {
  WebSocketRig rig;
  rig.start({}, /*limited=*/false);
  rig.client.send(encode({.opcode = 0x1, .last = false}));
  for (int i = 0; i < 1024; ++i) rig.client.send(encode({.opcode = 0x0, .last = false}));
  ASSERT_TRUE(rig.until([&] { return has_close(rig.client); }));
  EXPECT_EQ(rig.client.frames.back().close_reason(), "message_timeout");
}

TEST(WebSocket, T60_a_client_that_does_not_read_is_closed_after_ten_seconds) {
  WebSocketRig rig(4096);
  rig.start();
  rig.client.reading = false;
  for (int i = 0; i < 200; ++i) rig.push(std::string(5000, 'x'));
  rig.recorder->transport->flush();
  rig.settle();
  for (int second = 0; second < 9; ++second) {
    rig.client.send(encode({.opcode = 0xA}));  // it talks, but it does not read
    rig.pass(1s);
  }
  EXPECT_FALSE(rig.recorder->closed.has_value());
  rig.pass(2200ms);
  ASSERT_TRUE(rig.until_closed());
  EXPECT_EQ(rig.recorder->closed, CloseReason::slow_consumer);
}

TEST(WebSocket, T60_a_slow_client_that_reads_on_gets_all_however_long_it_takes) {
  WebSocketRig rig(4096);
  rig.settings.pong_timeout = std::chrono::hours(1);
  rig.start();
  rig.settle();
  rig.client.reading = false;
  for (int i = 0; i < 200; ++i) rig.push(std::string(5000, 'x'));
  rig.recorder->transport->flush();
  // Every half of the write deadline it takes some of what waits.
  int rounds = 0;
  for (std::size_t before = 0; payloads(rig.client, 0x1).size() < 200; ++rounds) {
    ASSERT_FALSE(rig.recorder->closed.has_value()) << before << " messages, after " << rounds * 5 << " s";
    const auto some = [&] {
      return payloads(rig.client, 0x1).size() >= std::min<std::size_t>(before + 10, 200);
    };
    rig.client.reading = true;
    ASSERT_TRUE(rig.until(some));
    before = payloads(rig.client, 0x1).size();
    rig.client.reading = false;
    rig.pass(rig.settings.timeouts.write / 2);
  }
  EXPECT_GT(rounds, 2) << "longer than one deadline";
}

TEST(WebSocket, T58_a_ping_flood_is_held_back_and_then_closed) {
  WebSocketRig rig;
  rig.start();
  for (int i = 0; i < 5000; ++i) rig.client.send(encode({.opcode = 0x9}));
  rig.settle();
  EXPECT_EQ(rig.recorder->throttled, 1);
  EXPECT_EQ(payloads(rig.client, 0xA).size(), 21U) << "the burst and the one that made the debt";
  rig.pass(4900ms);
  EXPECT_FALSE(has_close(rig.client));
  rig.pass(300ms);
  ASSERT_TRUE(rig.until([&] { return has_close(rig.client); }));
  EXPECT_EQ(rig.client.frames.back().close_code(), 1008);
  EXPECT_EQ(rig.client.frames.back().close_reason(), "rate_limited");
  EXPECT_EQ(rig.recorder->throttled, 1);
}

TEST(WebSocket, T58_a_burst_a_bit_above_the_limit_only_waits) {
  WebSocketRig rig;
  rig.start();
  for (int i = 0; i < 260; ++i) rig.client.send(text("message " + std::to_string(i) + std::string(40, 'x')));
  rig.settle();
  EXPECT_LT(rig.recorder->messages.size(), 260U);
  rig.pass(2s);
  EXPECT_EQ(rig.recorder->messages.size(), 260U);
  EXPECT_EQ(rig.recorder->throttled, 1);
  rig.pass(6s);
  EXPECT_FALSE(has_close(rig.client));
}

// So many messages in the ten ticks of a second.
void talk(WebSocketRig& rig, int per_s, int seconds) {
  for (int tick = 0; tick < 10 * seconds && !has_close(rig.client); ++tick) {
    const int count = per_s * (tick + 1) / 10 - per_s * tick / 10;
    for (int i = 0; i < count; ++i) rig.client.send(text("message"));
    rig.pass(Wheel::tick);
  }
}

TEST(WebSocket, T58_who_sends_almost_as_much_as_it_may_lives_on_after_a_burst) {
  WebSocketRig rig;
  rig.start();
  for (int i = 0; i < 205; ++i) rig.client.send(text("message"));
  talk(rig, 97, 20);
  EXPECT_FALSE(has_close(rig.client));
  rig.pass(1s);
  EXPECT_EQ(rig.recorder->messages.size(), 205U + 97 * 20);
  EXPECT_EQ(rig.recorder->throttled, 1);
}

TEST(WebSocket, T58_who_sends_more_than_it_may_is_told_and_then_closed) {
  WebSocketRig rig;
  rig.start();
  talk(rig, 160, 7);  // 60 a second too many: the burst of 200 lasts for three seconds
  EXPECT_FALSE(has_close(rig.client));
  EXPECT_EQ(rig.recorder->throttled, 1);
  talk(rig, 160, 5);
  ASSERT_TRUE(rig.until([&] { return has_close(rig.client); }));
  EXPECT_EQ(rig.client.frames.back().close_reason(), "rate_limited");
}

TEST(WebSocket, a_message_may_come_compressed_where_that_is_agreed) {
  WebSocketRig rig;
  rig.deflate = true;
  rig.start();
  EXPECT_EQ(&rig.recorder->transport->wrap(), &websocket_deflate());
  const std::string message(1000, 'a');
  rig.client.send(encode({.payload = std::string(deflate_message(message)), .reserved_bits = 0x40}));
  ASSERT_TRUE(rig.until([&] { return !rig.recorder->messages.empty(); }));
  EXPECT_EQ(rig.recorder->messages[0].second, message);
}

TEST(WebSocket, T58_what_inflating_adds_is_charged_too) {
  WebSocketRig rig;
  rig.deflate = true;
  rig.start();
  const std::string message(60'000, 'a');
  for (int i = 0; i < 12; ++i)
    rig.client.send(encode({.payload = std::string(deflate_message(message)), .reserved_bits = 0x40}));
  rig.settle();
  EXPECT_EQ(rig.recorder->throttled, 1);
  EXPECT_EQ(rig.recorder->messages.size(), 9U) << "the burst of 512 KiB and the one that made the debt";
}

TEST(WebSocket, a_paused_listener_gets_nothing_until_it_resumes) {
  WebSocketRig rig;
  rig.settings.messages.bytes = 1 << 20;
  rig.start({}, /*limited=*/false);
  rig.recorder->transport->pause_reading();
  for (int i = 0; i < 10; ++i) rig.client.send(text(std::string(60'000, 'x')));
  int rounds = 0;
  ASSERT_TRUE(rig.until([&] { return ++rounds > 200; }));
  EXPECT_EQ(rig.recorder->messages.size(), 0U);
  rig.recorder->transport->resume_reading();
  ASSERT_TRUE(rig.until([&] { return rig.recorder->messages.size() == 10; }));
}

TEST(WebSocket, of_a_crowd_that_goes_at_once_most_wait_for_their_turn) {
  constexpr std::size_t crowd = 40;
  WebSocketRig rig;
  rig.start();
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto theirs = std::make_shared<Recorder>(rig.limits);
  for (std::size_t i = 0; i < crowd; ++i) {
    clients.push_back(std::make_unique<RawClient>(rig.context));
    start_websocket({.socket = clients.back()->take_server_socket(), .unread = {}, .head = "head\r\n\r\n"},
                    {rig.settings, rig.wheel, rig.clock}, theirs->outbox, theirs);
  }
  rig.settle();
  clients.clear();
  const Departures& departures = asio::use_service<Departures>(rig.context);
  std::size_t waited = 0;
  while (theirs->closes < static_cast<int>(crowd)) {
    rig.context.restart();
    rig.context.poll_one();
    waited = std::max(waited, departures.waiting());
  }
  EXPECT_GT(waited, crowd / 2);
  EXPECT_EQ(departures.waiting(), 0U);
}

}  // namespace
}  // namespace corohub::gateway::test
