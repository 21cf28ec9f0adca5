#include "gateway/session/typing.hpp"

#include <gmock/gmock.h>

namespace corohub::gateway {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const TypingChange begins{"rooms/one", true};
const TypingChange ends{"rooms/one", false};

class TypingTest : public testing::Test {
 protected:
  Typing::Changes start(std::string_view topic = "rooms/one") { return typing_.start(topic, now_); }
  Typing::Changes pass(std::chrono::milliseconds time) {
    now_ += time;
    return typing_.pass(now_);
  }

  SteadyTime now_{1h};
  Typing typing_;
};

TEST_F(TypingTest, begins_and_ends_once) {
  EXPECT_FALSE(typing_.next());
  EXPECT_THAT(start(), ElementsAre(begins));
  EXPECT_THAT(typing_.stop("rooms/two"), IsEmpty());
  EXPECT_THAT(typing_.stop("rooms/one"), ElementsAre(ends));
  EXPECT_THAT(typing_.stop("rooms/one"), IsEmpty());
  EXPECT_FALSE(typing_.next());
}

TEST_F(TypingTest, ends_by_itself_six_seconds_after_he_last_said_so) {
  start();
  EXPECT_THAT(pass(2s), IsEmpty());
  EXPECT_THAT(start(), IsEmpty()) << "within three seconds: no event, but he goes on";
  EXPECT_EQ(typing_.next(), now_ + 6s);
  EXPECT_THAT(pass(5999ms), IsEmpty());
  EXPECT_THAT(pass(1ms), ElementsAre(ends));
  EXPECT_THAT(pass(10s), IsEmpty());
}

TEST_F(TypingTest, says_again_that_he_goes_on_every_three_seconds_at_most) {
  EXPECT_THAT(start(), ElementsAre(begins));
  pass(2999ms);
  EXPECT_THAT(start(), IsEmpty());
  pass(1ms);
  EXPECT_THAT(start(), ElementsAre(begins));
  pass(1s);
  EXPECT_THAT(start(), IsEmpty());
}

TEST_F(TypingTest, a_beginning_that_came_too_soon_is_told_when_it_may_be) {
  start();
  pass(1s);
  typing_.stop();
  EXPECT_THAT(start(), IsEmpty());
  EXPECT_EQ(typing_.next(), now_ + 2s);
  EXPECT_THAT(pass(2s), ElementsAre(begins));
  EXPECT_THAT(pass(4s), ElementsAre(ends));
}

TEST_F(TypingTest, who_was_not_told_of_the_beginning_hears_of_no_end) {
  start();
  typing_.stop();
  EXPECT_THAT(start(), IsEmpty());
  EXPECT_THAT(typing_.stop(), IsEmpty());
}

TEST_F(TypingTest, he_types_in_one_topic_at_a_time) {
  start();
  pass(3s);
  EXPECT_THAT(start("rooms/two"), ElementsAre(ends, TypingChange{"rooms/two", true}));
  EXPECT_THAT(typing_.stop("rooms/one"), IsEmpty());
}

}  // namespace
}  // namespace corohub::gateway
