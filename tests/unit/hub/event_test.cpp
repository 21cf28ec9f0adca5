#include "hub/event.hpp"

#include "core/json.hpp"
#include "support.hpp"

#include <array>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::hub::test {
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

TEST(Event, data_time_and_attributes_are_what_they_were_made_of) {
  const Event event(
      {R"(a"b)", R"({"n":1})", Audience::everyone(), "rooms/a", R"({"content_type":"text/plain"})"}, 7,
      some_time);
  EXPECT_EQ(event.data(), R"({"n":1})");
  EXPECT_GE(event.data().data(), event.text().data()) << "a part of the text, no copy";
  EXPECT_LT(event.data().data(), event.text().data() + event.text().size());
  EXPECT_EQ(event.time(), some_time);
  EXPECT_EQ(event.attributes(), R"({"content_type":"text/plain"})");
  EXPECT_EQ(event.text().find("content_type"), std::string_view::npos);
  EXPECT_EQ(event.size(), event.text().size() + event.attributes().size());
}

TEST(Event, is_encoded_once_per_form_whoever_asks_first) {
  const Event event({"t", "1", Audience::user(7)}, 0, some_time);
  const std::array<CountingForm, 4> forms;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (std::size_t i = 0; i < 8; ++i)
    threads.emplace_back([&, i] {
      for (std::size_t n = 0; n < 400; ++n) {
        const Form& form = forms[(i + n) % forms.size()];
        const FrameRef& frame = event.frame(form);
        ASSERT_EQ(frame->bytes(), event.text());
        ASSERT_EQ(&frame, &event.frame(form));
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const CountingForm& form : forms) EXPECT_EQ(form.encoded, 1);
  EXPECT_EQ(event.frame(forms[0])->audience(), Audience::user(7));
}

// As a compressing form does that has nothing to gain.
class BorrowingForm final : public Form {
 public:
  FrameRef encode(const Event& event, std::string_view epoch) const override {
    return event.frame(plain_form, epoch);
  }
};

TEST(Event, a_form_may_ask_for_the_frame_of_another_one_from_several_threads) {
  const BorrowingForm borrowing;
  for (int round = 0; round < 100; ++round) {
    const Event one({"t", "1", Audience::everyone()}, 0, some_time);
    const Event other({"t", "1", Audience::everyone()}, 0, some_time);
    const std::uint64_t before = frames_built();
    std::thread thread([&] {
      (void)one.frame(borrowing);
      (void)other.frame(plain_form);
    });
    (void)other.frame(borrowing);
    (void)one.frame(plain_form);
    thread.join();
    ASSERT_EQ(one.frame(borrowing), one.frame(plain_form));
    ASSERT_EQ(frames_built() - before, 2U);
  }
}

class UnsharedForm final : public Form {
 public:
  FrameRef encode(const Event&, std::string_view) const override {
    ++encoded;
    return nullptr;
  }
  mutable int encoded = 0;
};

TEST(Event, a_form_without_bytes_to_share_is_asked_once_too) {
  const Event event({"t", "1", Audience::everyone()}, 0, some_time);
  const UnsharedForm first, second;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(event.frame(first), nullptr);
    EXPECT_EQ(event.frame(second), nullptr);
  }
  EXPECT_EQ(first.encoded + second.encoded, 2);
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
}  // namespace corohub::hub::test
