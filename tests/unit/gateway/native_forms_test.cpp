#include "core/deflate.hpp"
#include "core/metrics.hpp"
#include "gateway/native/forms.hpp"
#include "gateway/wire/frames.hpp"
#include "gateway/wire/wraps.hpp"
#include "hub/event.hpp"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::gateway::native {
namespace {

using hub::Audience;
using hub::Event;
using hub::FrameRef;
using hub::frames_built;

constexpr UnixMs some_time = 1'767'695'401'123;

const hub::Form& plain() { return form_of(websocket_text()); }
const hub::Form& deflated() { return form_of(websocket_deflate()); }

TEST(NativeForms, a_websocket_gets_the_text) {
  const Event event({"t", "1", Audience::user(7)}, 42, some_time);
  const FrameRef& frame = event.frame(plain(), "epoch");
  EXPECT_EQ(frame->bytes(), frame_head(Opcode::text, Fin::yes, event.text().size()).append(event.text()));
  EXPECT_EQ(frame->audience(), Audience::user(7));
}

TEST(NativeForms, in_a_stream_a_durable_event_has_its_position_as_id) {
  const Event durable({"t", "1", Audience::everyone()}, 42, some_time);
  const std::string expected = "id: epoch:42\ndata: " + std::string(durable.text()) + "\n\n";
  EXPECT_EQ(durable.frame(form_of(http_chunk()), "epoch")->bytes(), chunk_of(expected));
  EXPECT_EQ(durable.frame(form_of(bare()), "epoch")->bytes(), expected);
  const Event passing({"t", "1", Audience::everyone()}, 0, some_time);
  EXPECT_EQ(passing.frame(form_of(http_chunk()), "epoch")->bytes(),
            chunk_of("data: " + std::string(passing.text()) + "\n\n"));
}

TEST(NativeForms, T54d_a_line_break_in_the_data_begins_no_field_of_a_stream) {
  const FrameRef frame =
      personal_frame(http_chunk(), "[1,\n\nevent: x\r\ndata: y,\rid: 7\n]", "e:1", Audience::everyone());
  EXPECT_EQ(frame->bytes(),
            chunk_of("id: e:1\ndata: [1,\ndata: \ndata: event: x\ndata: data: y,\ndata: id: 7\ndata: ]\n\n"));
}

TEST(NativeForms, only_a_stream_has_a_place_for_an_id) {
  EXPECT_EQ(personal_frame(bare(), "1", "e:1", Audience::one_connection())->bytes(), "id: e:1\ndata: 1\n\n");
  EXPECT_EQ(personal_frame(websocket_text(), "1", "e:1", Audience::one_connection())->bytes(),
            "\x81\x01"
            "1");
}

TEST(NativeForms, an_event_is_compressed_once_and_shares_its_plain_frame_whoever_asks_first) {
  const Event large({"t", std::string(1000, '1'), Audience::everyone()}, 0, some_time);
  const Event small({"t", "1", Audience::everyone()}, 0, some_time);
  const std::uint64_t before = frames_built();
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&, &form = i % 2 == 0 ? plain() : deflated()] {
      for (const Event* event : {&large, &small}) (void)event->frame(form)->bytes();
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(frames_built() - before, 3U);
}

double events_compressed() { return metrics::counter("corohub_compressed_events_total", "").Value(); }

std::string text_of_size(std::size_t size) {
  const std::size_t around = Event({"t", "", Audience::everyone()}, 0, some_time).text().size();
  return std::string(size - around, '1');
}

TEST(NativeForms, compressed_an_event_is_one_frame_with_RSV1_that_everyone_can_inflate) {
  const Event event({"t", text_of_size(5000), Audience::user(7)}, 0, some_time);
  const double before = events_compressed();
  const FrameRef& frame = event.frame(deflated());
  EXPECT_EQ(&event.frame(deflated()), &frame);
  EXPECT_EQ(events_compressed() - before, 1);
  EXPECT_EQ(frame->bytes()[0], '\xc1');
  ASSERT_LT(frame->size(), 126U + 2U);
  EXPECT_EQ(static_cast<std::size_t>(frame->bytes()[1]), frame->size() - 2);
  EXPECT_EQ(inflate_message(frame->bytes().substr(2), 5000).bytes, event.text());
  EXPECT_EQ(frame->audience(), Audience::user(7));
  EXPECT_EQ(event.frame(plain())->bytes()[0], '\x81');
}

TEST(NativeForms, below_256_bytes_both_forms_of_a_websocket_share_the_plain_frame) {
  const Event small({"t", text_of_size(255), Audience::everyone()}, 0, some_time);
  const std::uint64_t before = frames_built();
  EXPECT_EQ(small.frame(deflated()), small.frame(plain()));
  EXPECT_EQ(frames_built() - before, 1U);
  const Event large_enough({"t", text_of_size(256), Audience::everyone()}, 0, some_time);
  EXPECT_EQ(large_enough.frame(deflated())->bytes()[0], '\xc1');
}

TEST(NativeForms, what_would_not_shrink_is_shared_as_it_is) {
  std::string noise;
  for (std::uint32_t state = 1; noise.size() < 1000; state = state * 1'664'525U + 1'013'904'223U)
    noise += static_cast<char>(state >> 24);
  const Event event({"t", noise, Audience::everyone()}, 0, some_time);
  const double before = events_compressed();
  EXPECT_EQ(event.frame(deflated()), event.frame(plain()));
  EXPECT_EQ(events_compressed(), before);
}

TEST(NativeForms, T57_what_is_for_one_connection_is_never_compressed) {
  const std::string text(5000, 'a');
  const FrameRef frame = personal_frame(websocket_deflate(), text, {}, Audience::one_connection());
  EXPECT_EQ(frame->bytes(), personal_frame(websocket_text(), text, {}, frame->audience())->bytes());
  EXPECT_EQ(&deflated().unshared(), &plain());
}

}  // namespace
}  // namespace corohub::gateway::native
