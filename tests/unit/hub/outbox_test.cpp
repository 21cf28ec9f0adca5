#include "hub/outbox.hpp"

#include "hub/event.hpp"
#include "support/allocations.hpp"

#include <algorithm>
#include <deque>
#include <new>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace corohub::hub {
namespace {

FrameRef frame(std::string_view text, Audience audience = Audience::everyone()) {
  return Frame::make("", text, audience);
}

FrameRef beginning(std::string_view text) {
  return Frame::make("", text, Audience::one_connection(), Frame::Next::is_joined);
}

std::string all(const Outbox& outbox) {
  std::string text;
  for (std::uint32_t i = 0; i < outbox.frames(); ++i) {
    if (i > 0) text += ' ';
    text += outbox.at(i).bytes();
  }
  return text;
}

constexpr OutboxLimits plenty;
const Identity user_seven{7, Role::user, {}};

TEST(Outbox, keeps_the_order_while_it_grows_and_wraps) {
  Outbox outbox(plenty);
  int next_in = 0;
  int next_out = 0;
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 5; ++i) ASSERT_EQ(outbox.push(frame(std::to_string(1000 + next_in++))), Push::queued);
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(outbox.at(0).bytes(), std::to_string(1000 + next_out++));
      outbox.consume(4);
    }
  }
  EXPECT_EQ(outbox.messages(), 80U);
  EXPECT_EQ(outbox.bytes(), 320U);
  for (std::uint32_t i = 0; i < 80; ++i)
    EXPECT_EQ(outbox.at(i).bytes(), std::to_string(1000 + next_out + static_cast<int>(i)));
}

TEST(Outbox, one_send_may_cover_many_frames_and_end_inside_one) {
  Outbox outbox(plenty);
  for (const char* text : {"aaaa", "bbbb", "cccc"}) outbox.push(frame(text));
  outbox.consume(3);
  EXPECT_EQ(outbox.messages(), 3U);
  EXPECT_EQ(outbox.sent(), 3U);
  outbox.consume(7);
  EXPECT_EQ(all(outbox), "cccc");
  EXPECT_EQ(outbox.sent(), 2U);
  EXPECT_EQ(outbox.bytes(), 4U);
  outbox.consume(2);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.sent(), 0U);
  EXPECT_EQ(outbox.bytes(), 0U);
}

TEST(Outbox, T60_is_full_by_messages) {
  const OutboxLimits limits{3, 1000};
  Outbox outbox(limits);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(outbox.push(frame("x")), Push::queued);
  EXPECT_EQ(outbox.push(frame("y")), Push::full);
  EXPECT_EQ(all(outbox), "x x x");
  outbox.consume(1);
  EXPECT_EQ(outbox.push(frame("y")), Push::queued);
}

TEST(Outbox, T60_is_full_by_bytes) {
  const OutboxLimits limits{100, 10};
  Outbox outbox(limits);
  EXPECT_EQ(outbox.push(frame("123456")), Push::queued);
  EXPECT_EQ(outbox.push(frame("12345")), Push::full);
  EXPECT_EQ(outbox.push(frame("1234")), Push::queued);
  EXPECT_EQ(outbox.push(frame("1")), Push::full);
}

TEST(Outbox, T60_refuses_a_frame_larger_than_all_bytes_allowed) {
  const OutboxLimits limits{100, 10};
  Outbox outbox(limits);
  EXPECT_EQ(outbox.push(frame("12345678901")), Push::full);
  EXPECT_EQ(outbox.push(frame("1234567890")), Push::queued);
}

TEST(Outbox, discards_what_is_not_for_the_identity_any_more) {
  Outbox outbox(plenty);
  outbox.push(frame("admins", Audience::admins()));
  outbox.push(frame("all", Audience::everyone()));
  outbox.push(frame("other", Audience::user(8)));
  outbox.push(frame("own", Audience::user(7)));
  outbox.push(frame("welcome", Audience::one_connection()));
  outbox.push(frame("both", Audience::user_and_admins(7)));
  outbox.discard_lost(user_seven);
  EXPECT_EQ(all(outbox), "all own welcome both");
  EXPECT_EQ(outbox.bytes(), 3U + 3U + 7U + 4U);
}

// Half a frame cannot be taken back: the rest of the stream would be garbage.
TEST(Outbox, keeps_a_started_frame_whatever_it_is) {
  Outbox outbox(plenty);
  outbox.push(frame("admins", Audience::admins()));
  outbox.push(frame("more", Audience::admins()));
  outbox.consume(1);
  outbox.discard_lost(user_seven);
  EXPECT_EQ(all(outbox), "admins");
  EXPECT_EQ(outbox.sent(), 1U);
  outbox.consume(5);
  EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, closed_keeps_what_waits_and_takes_no_more) {
  Outbox outbox(plenty);
  outbox.push(frame("a"));
  outbox.close();
  EXPECT_EQ(outbox.push(frame("b")), Push::closed);
  EXPECT_EQ(all(outbox), "a");
}

TEST(Outbox, cleared_forgets_all_but_a_started_frame) {
  Outbox outbox(plenty);
  outbox.push(frame("aaa"));
  outbox.push(frame("bbb"));
  outbox.consume(1);
  outbox.close_and_clear();
  EXPECT_EQ(all(outbox), "aaa");
  EXPECT_EQ(outbox.push(frame("c")), Push::closed);
  Outbox untouched(plenty);
  untouched.push(frame("aaa"));
  untouched.close_and_clear();
  EXPECT_TRUE(untouched.empty());
  EXPECT_EQ(untouched.bytes(), 0U);
}

TEST(Outbox, gives_its_memory_back_when_it_is_empty) {
  const std::size_t before = outbox_memory();
  Outbox outbox(plenty);
  for (int i = 0; i < 1000; ++i) outbox.push(frame("x"));
  EXPECT_GT(outbox_memory(), before + 1000 * sizeof(FrameRef));
  outbox.consume(1000);
  EXPECT_EQ(outbox_memory(), before);
}

TEST(Outbox, in_steady_use_it_does_not_allocate) {
  Outbox outbox(plenty);
  const FrameRef shared = frame("x");
  for (int i = 0; i < 8; ++i) outbox.push(shared);
  outbox.consume(8);
  const corohub::test::AllocationCount allocations;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 8; ++i) outbox.push(shared);
    outbox.consume(8);
  }
  EXPECT_EQ(allocations.so_far(), 0U);
}

TEST(Outbox, one_at_a_time_never_allocates) {
  const FrameRef shared = frame("x");
  const std::size_t before = outbox_memory();
  const corohub::test::AllocationCount allocations;
  Outbox outbox(plenty);
  for (int i = 0; i < 10; ++i) {
    outbox.push(shared);
    EXPECT_EQ(&outbox.at(0), shared.get());
    outbox.consume(1);
  }
  EXPECT_EQ(allocations.so_far(), 0U);
  EXPECT_EQ(outbox_memory(), before);
}

// ---- joined frames ----

TEST(Outbox, a_pair_is_one_message_until_its_last_byte_has_left) {
  Outbox outbox(plenty);
  ASSERT_EQ(outbox.push(beginning("ab"), frame("cd")), Push::queued);
  EXPECT_EQ(outbox.messages(), 1U);
  EXPECT_EQ(outbox.frames(), 2U);
  EXPECT_EQ(outbox.bytes(), 4U);
  EXPECT_EQ(outbox.begun(), 0U);
  outbox.consume(1);
  EXPECT_EQ(outbox.begun(), 2U);
  outbox.consume(1);
  EXPECT_EQ(outbox.begun(), 1U) << "the rest is due";
  EXPECT_EQ(outbox.messages(), 1U);
  outbox.consume(1);
  EXPECT_EQ(outbox.begun(), 1U);
  outbox.consume(1);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.messages(), 0U);
  EXPECT_EQ(outbox.begun(), 0U);
}

TEST(Outbox, T60_a_pair_fits_whole_or_not_at_all) {
  const OutboxLimits limits{2, 10};
  Outbox outbox(limits);
  EXPECT_EQ(outbox.push(beginning("12345"), frame("123456")), Push::full);
  EXPECT_TRUE(outbox.empty());
  EXPECT_EQ(outbox.push(beginning("12"), frame("34")), Push::queued);
  EXPECT_EQ(outbox.push(beginning("12"), frame("34")), Push::queued);
  EXPECT_EQ(outbox.push(frame("1")), Push::full) << "two messages, though four frames";
  outbox.close();
  EXPECT_EQ(outbox.push(beginning("1"), frame("2")), Push::closed);
}

TEST(Outbox, a_pair_is_judged_by_its_last_frame_and_goes_whole) {
  Outbox outbox(plenty);
  outbox.push(beginning("1"), frame("admins", Audience::admins()));
  outbox.push(beginning("2"), frame("all"));
  outbox.push(beginning("3"), frame("own", Audience::user(7)));
  outbox.discard_lost(user_seven);
  EXPECT_EQ(all(outbox), "2 all 3 own");
  EXPECT_EQ(outbox.messages(), 2U);
  EXPECT_EQ(outbox.bytes(), 8U);
  outbox.discard_from_first_impersonal(7);
  EXPECT_EQ(all(outbox), "") << "what is behind it would tell a later position";
}

TEST(Outbox, the_rest_of_a_begun_pair_stays_whatever_it_is) {
  for (const std::size_t handed_over : {1U, 2U, 3U}) {
    Outbox outbox(plenty);
    outbox.push(beginning("ab"), frame("cd", Audience::admins()));
    outbox.push(beginning("ef"), frame("gh", Audience::admins()));
    outbox.consume(handed_over);
    outbox.discard_lost(user_seven);
    outbox.close_and_clear();
    EXPECT_EQ(outbox.messages(), 1U);
    EXPECT_EQ(all(outbox), handed_over < 2 ? "ab cd" : "cd");
  }
}

// The ring against the obvious queue, through everything that can happen to it: nothing is ever torn.
TEST(Outbox, behaves_like_a_queue_of_messages) {
  struct Message {
    std::string bytes;
    Audience audience;
    std::size_t sent = 0;
  };
  std::mt19937 random(1);
  const OutboxLimits limits{64, 300};
  for (int life = 0; life < 300; ++life) {
    Outbox outbox(limits);
    std::deque<Message> model;
    bool closed = false;
    const auto keep_only = [&](auto keep) {
      std::erase_if(model, [&](const Message& message) { return message.sent == 0 && !keep(message); });
    };
    for (int step = 0; step < 200; ++step) {
      const auto dice = random() % 100;
      std::size_t left = 0;
      for (const Message& message : model) left += message.bytes.size() - message.sent;
      if (dice < 60) {
        const Audience audience = random() % 2 == 0 ? Audience::admins() : Audience::user(7);
        const std::string first(random() % 2 == 0 ? 0 : 1 + random() % 9, 'a');
        const std::string rest(1 + random() % 20, 'b');
        const std::size_t counted = outbox.bytes() + first.size() + rest.size();
        const bool fits = model.size() < limits.messages_max && counted <= limits.bytes_max;
        const Push pushed = first.empty() ? outbox.push(frame(rest, audience))
                                          : outbox.push(beginning(first), frame(rest, audience));
        ASSERT_EQ(pushed, closed ? Push::closed : fits ? Push::queued : Push::full);
        if (pushed == Push::queued) model.push_back({first + rest, audience});
      } else if (dice < 64) {
        outbox.discard_lost(user_seven);
        keep_only([](const Message& message) { return message.audience.includes(user_seven); });
      } else if (dice < 66) {
        outbox.discard_from_first_impersonal(7);
        bool keeps = true;
        keep_only([&](const Message& message) { return keeps = keeps && message.audience.user_id == 7; });
      } else if (dice < 67) {
        closed = true;
        if (random() % 2 == 0) {
          outbox.close();
        } else {
          outbox.close_and_clear();
          keep_only([](const Message&) { return false; });
        }
      } else {
        std::size_t bytes = left == 0 ? 0 : random() % (left + 1);
        outbox.consume(bytes);
        while (bytes > 0) {
          Message& oldest = model.front();
          const std::size_t taken = std::min(bytes, oldest.bytes.size() - oldest.sent);
          oldest.sent += taken;
          bytes -= taken;
          if (oldest.sent == oldest.bytes.size()) model.pop_front();
        }
      }
      std::string expected;
      for (const Message& message : model) expected += message.bytes.substr(message.sent);
      std::string waiting;
      std::size_t whole = 0;
      for (std::uint32_t i = 0; i < outbox.frames(); ++i) {
        waiting += outbox.at(i).bytes().substr(i == 0 ? outbox.sent() : 0);
        whole += outbox.at(i).size();
      }
      ASSERT_EQ(waiting, expected);
      ASSERT_EQ(outbox.bytes(), whole);
      ASSERT_EQ(outbox.messages(), model.size());
      ASSERT_EQ(outbox.empty(), model.empty());
      ASSERT_EQ(outbox.begun() > 0, !model.empty() && model.front().sent > 0);
    }
  }
}

TEST(Outbox, wraps_anew_what_waits_and_counts_it_anew) {
  Outbox outbox(plenty);
  for (int i = 0; i < 3; ++i) outbox.push(frame("x"));
  outbox.consume(3);  // so that the ring begins somewhere
  outbox.push(frame("a", Audience::user(7)));
  outbox.push(beginning("b"), frame("c"));
  for (int i = 0; i < 6; ++i) outbox.push(frame("d"));
  const auto wrapped = [](const Frame& old, bool is_rest) {
    const std::string text = (is_rest ? "-" : "+") + std::string(old.bytes());
    return Frame::make("", text, old.audience(),
                       old.is_joined_to_next() ? Frame::Next::is_joined : Frame::Next::is_free);
  };
  outbox.rewrap(wrapped);
  EXPECT_EQ(all(outbox), "+a +b -c +d +d +d +d +d +d");
  EXPECT_EQ(outbox.bytes(), 18U);
  EXPECT_EQ(outbox.messages(), 8U);
  outbox.discard_lost(Identity{8, Role::user, {}});
  EXPECT_EQ(all(outbox), "+b -c +d +d +d +d +d +d");

  int left = 2;
  const auto failing = [&](const Frame& old, bool is_rest) {
    if (left-- == 0) throw std::bad_alloc();
    return wrapped(old, is_rest);
  };
  EXPECT_THROW(outbox.rewrap(failing), std::bad_alloc);
  EXPECT_EQ(all(outbox), "+b -c +d +d +d +d +d +d") << "all or nothing";
}

TEST(Outbox, what_a_frame_is_about_decides_what_stays_also_in_another_wrap) {
  const OutboxLimits limits;
  Outbox outbox(limits);
  for (const Seq seq : {1, 2, 3}) {
    const FrameRef one = frame(std::to_string(seq));
    if (seq != 3) one->set_about(new Event({.type = "t", .data = "1", .audience = {}}, seq, 0));
    outbox.push(one);
  }
  outbox.rewrap([](const Frame& old, bool) { return frame("+" + std::string(old.bytes())); });
  outbox.keep_only([](const Frame& one) { return one.about() == nullptr || one.about()->seq() != 1; });
  EXPECT_EQ(all(outbox), "+2 +3");
  EXPECT_EQ(outbox.bytes(), 4U);
}

}  // namespace
}  // namespace corohub::hub
