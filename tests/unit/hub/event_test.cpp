#include "hub/event.hpp"

#include "core/deflate.hpp"
#include "core/json.hpp"
#include "core/metrics.hpp"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::hub {
namespace {

constexpr UnixMs some_time = 1'767'695'401'123;

TEST(Event, a_durable_one_says_type_data_timestamp_and_seq) {
  const Event event({"user.updated", R"({"user_id":42})", Audience::everyone()}, 1042, some_time);
  EXPECT_EQ(
      event.text(),
      R"({"type":"user.updated","data":{"user_id":42},"timestamp":"2026-01-06T10:30:01.123Z","seq":1042})");
  EXPECT_TRUE(event.durable());
}

TEST(Event, a_volatile_one_has_no_seq) {
  const Event event({"health.status.changed", "null", Audience::admins()}, 0, some_time);
  EXPECT_EQ(event.text(),
            R"({"type":"health.status.changed","data":null,"timestamp":"2026-01-06T10:30:01.123Z"})");
  EXPECT_FALSE(event.durable());
}

TEST(Event, data_is_delivered_as_it_was_given) {
  const std::string data = R"([ 1.50, "\u00e9\n", {"b":1,"a":2} ])";
  const Event event({"x", data, Audience::everyone()}, 0, some_time);
  EXPECT_NE(event.text().find(data), std::string_view::npos);
}

TEST(Event, a_type_cannot_break_out_of_its_string) {
  const Event event({R"(a","seq":7,"b":")", "1", Audience::everyone()}, 0, some_time);
  const Result<json::value> parsed = parse_json(event.text());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->as_object().at("type").as_string(), R"(a","seq":7,"b":")");
  EXPECT_FALSE(parsed->as_object().contains("seq"));
}

// RFC 6455 section 5.2: each length has exactly one form.
TEST(Event, the_websocket_frame_has_the_shortest_length_form) {
  const std::size_t around = Event({"t", "", Audience::everyone()}, 0, some_time).text().size();
  const auto frame_with_text_of = [&](std::size_t size) {
    const Event event({"t", std::string(size - around, '1'), Audience::everyone()}, 0, some_time);
    EXPECT_EQ(event.text().size(), size);
    const std::string bytes(event.frame(WireFormat::websocket_text)->bytes());
    EXPECT_TRUE(bytes.ends_with(event.text()));
    return bytes.substr(0, bytes.size() - size);
  };
  using namespace std::string_literals;
  EXPECT_EQ(frame_with_text_of(125), "\x81\x7d"s);
  EXPECT_EQ(frame_with_text_of(126), "\x81\x7e\x00\x7e"s);
  EXPECT_EQ(frame_with_text_of(65535), "\x81\x7e\xff\xff"s);
  EXPECT_EQ(frame_with_text_of(65536), "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s);
}

TEST(Event, in_a_stream_a_durable_one_has_its_position_as_id) {
  const Event durable({"t", "1", Audience::everyone()}, 42, some_time);
  const std::string expected = "id: epoch:42\ndata: " + std::string(durable.text()) + "\n\n";
  EXPECT_EQ(durable.frame(WireFormat::event_stream, "epoch")->bytes(), http_chunk(expected));
  const Event passing({"t", "1", Audience::everyone()}, 0, some_time);
  EXPECT_EQ(passing.frame(WireFormat::event_stream, "epoch")->bytes(),
            http_chunk("data: " + std::string(passing.text()) + "\n\n"));
}

TEST(Event, T54d_a_line_break_in_the_data_begins_no_field_of_a_stream) {
  const FrameRef frame = make_frame(WireFormat::event_stream, "[1,\n\nevent: x\r\ndata: y,\rid: 7\n]", "e:1",
                                    Audience::everyone());
  EXPECT_EQ(
      frame->bytes(),
      http_chunk("id: e:1\ndata: [1,\ndata: \ndata: event: x\ndata: data: y,\ndata: id: 7\ndata: ]\n\n"));
}

TEST(Event, a_chunk_says_its_size_in_hexadecimal) {
  EXPECT_EQ(http_chunk(std::string(26, 'x')), "1a\r\n" + std::string(26, 'x') + "\r\n");
}

TEST(Event, is_encoded_once_per_format_whoever_asks_first) {
  const Event event({"t", "1", Audience::user(7)}, 0, some_time);
  const std::uint64_t before = frames_built();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 100; ++n) (void)event.frame(WireFormat::websocket_text)->bytes();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(frames_built() - before, 1U);
  EXPECT_EQ(event.frame(WireFormat::websocket_text)->audience(), Audience::user(7));
}

TEST(Event, is_compressed_once_and_shares_its_plain_frame_whoever_asks_first) {
  const Event large({"t", std::string(1000, '1'), Audience::everyone()}, 0, some_time);
  const Event small({"t", "1", Audience::everyone()}, 0, some_time);
  const std::uint64_t before = frames_built();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i)
    threads.emplace_back(
        [&, format = i % 2 == 0 ? WireFormat::websocket_text : WireFormat::websocket_deflate] {
          for (const Event* event : {&large, &small}) (void)event->frame(format)->bytes();
        });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(frames_built() - before, 3U);
}

double events_compressed() { return metrics::counter("corohub_compressed_events_total", "").Value(); }

std::string text_of_size(std::size_t size) {
  const std::size_t around = Event({"t", "", Audience::everyone()}, 0, some_time).text().size();
  return std::string(size - around, '1');
}

TEST(Event, compressed_it_is_one_frame_with_RSV1_that_everyone_can_inflate) {
  const Event event({"t", text_of_size(5000), Audience::user(7)}, 0, some_time);
  const double before = events_compressed();
  const FrameRef& frame = event.frame(WireFormat::websocket_deflate);
  EXPECT_EQ(&event.frame(WireFormat::websocket_deflate), &frame);
  EXPECT_EQ(events_compressed() - before, 1);
  EXPECT_EQ(frame->bytes()[0], '\xc1');
  ASSERT_LT(frame->size(), 126U + 2U);
  EXPECT_EQ(static_cast<std::size_t>(frame->bytes()[1]), frame->size() - 2);
  EXPECT_EQ(inflate_message(frame->bytes().substr(2), 5000).bytes, event.text());
  EXPECT_EQ(frame->audience(), Audience::user(7));
  EXPECT_EQ(event.frame(WireFormat::websocket_text)->bytes()[0], '\x81');
}

TEST(Event, below_256_bytes_both_formats_of_a_websocket_share_the_plain_frame) {
  const Event small({"t", text_of_size(255), Audience::everyone()}, 0, some_time);
  const std::uint64_t before = frames_built();
  EXPECT_EQ(small.frame(WireFormat::websocket_deflate), small.frame(WireFormat::websocket_text));
  EXPECT_EQ(frames_built() - before, 1U);
  const Event large_enough({"t", text_of_size(256), Audience::everyone()}, 0, some_time);
  EXPECT_EQ(large_enough.frame(WireFormat::websocket_deflate)->bytes()[0], '\xc1');
}

TEST(Event, what_would_not_shrink_is_shared_as_it_is) {
  std::string noise;
  for (std::uint32_t state = 1; noise.size() < 1000; state = state * 1'664'525U + 1'013'904'223U)
    noise += static_cast<char>(state >> 24);
  const Event event({"t", noise, Audience::everyone()}, 0, some_time);
  const double before = events_compressed();
  EXPECT_EQ(event.frame(WireFormat::websocket_deflate), event.frame(WireFormat::websocket_text));
  EXPECT_EQ(events_compressed(), before);
}

TEST(Event, what_is_for_one_connection_is_never_compressed) {
  const std::string text(5000, 'a');
  const FrameRef frame = make_frame(WireFormat::websocket_deflate, text, {}, Audience::one_connection());
  EXPECT_EQ(frame->bytes(), make_frame(WireFormat::websocket_text, text, {}, frame->audience())->bytes());
}

TEST(Frame, lives_as_long_as_it_is_referred_to) {
  const std::size_t before = frame_bytes();
  FrameRef frame = Frame::make("head", "body", Audience::one_connection());
  EXPECT_EQ(frame->bytes(), "headbody");
  EXPECT_GT(frame_bytes(), before);
  const FrameRef second = frame;
  frame.reset();
  EXPECT_EQ(second->bytes(), "headbody");
  EXPECT_GT(frame_bytes(), before);
}

TEST(Frame, gives_its_memory_back) {
  const std::size_t before = frame_bytes();
  Frame::make("", std::string(1000, 'x'), Audience::everyone());
  EXPECT_EQ(frame_bytes(), before);
}

TEST(Frame, may_be_empty) { EXPECT_EQ(Frame::make("", "", Audience::everyone())->bytes(), ""); }

}  // namespace
}  // namespace corohub::hub
