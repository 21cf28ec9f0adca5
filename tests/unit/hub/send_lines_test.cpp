#include "hub/send_lines.hpp"

#include "support.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::hub {
namespace {

constexpr std::size_t step = SendLines::sends_per_step;
constexpr std::size_t share = SendLines::long_share;
constexpr std::size_t many = SendLines::short_line_members + 1;

class Waiting final : public Member, private Outlet {
 public:
  explicit Waiting(const OutboxLimits& limits) : Member(ClientId{}, limits) { set_outlet(this); }
  using Member::set_outlet;
  const Form& form() const noexcept override { return test::plain_form; }
  void close(CloseReason) noexcept override {}
  void role_changed() noexcept override {}
  void subscription_lost(const Subscription&) noexcept override {}
  MemberInfo info() const override { return {}; }

  int sends = 0;

 private:
  void flush() noexcept override { ++sends; }
  bool is_full() const noexcept override { return false; }
};

// Some members beside each other.
class Group {
 public:
  explicit Group(std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      owned_.push_back(std::make_unique<Waiting>(limits_));
      members.push_back(owned_.back().get());
    }
  }

  void without_outlet(std::size_t i) { owned_[i]->set_outlet(nullptr); }

  std::size_t sent() const {
    std::size_t sends = 0;
    for (const auto& member : owned_) sends += static_cast<std::size_t>(member->sends);
    return sends;
  }
  bool first_have_it(std::size_t count) const {
    return std::all_of(owned_.begin(), owned_.begin() + static_cast<std::ptrdiff_t>(count),
                       [](const auto& member) { return member->sends == 1; });
  }

  std::vector<Member*> members;

 private:
  OutboxLimits limits_;
  std::vector<std::unique_ptr<Waiting>> owned_;
};

struct SendLinesTest : testing::Test {
  void run() {
    while (!lines.empty()) lines.step();
  }

  SendLines lines;
};

TEST_F(SendLinesTest, a_step_sends_to_some_in_their_order) {
  Group group(step + 3);
  lines.join(group.members);
  EXPECT_EQ(group.sent(), 0U);
  lines.step();
  EXPECT_EQ(group.sent(), step);
  EXPECT_TRUE(group.first_have_it(step));
  lines.step();
  EXPECT_TRUE(group.first_have_it(step + 3));
  EXPECT_TRUE(lines.empty());
}

TEST_F(SendLinesTest, R7_few_do_not_wait_behind_many_who_have_a_small_share_meanwhile) {
  Group crowd(many);
  Group few(2 * step);
  lines.join(crowd.members);
  lines.step();
  EXPECT_EQ(crowd.sent(), step) << "alone it has all of a step";
  lines.join(few.members);
  lines.step();
  EXPECT_EQ(few.sent(), step);
  EXPECT_EQ(crowd.sent(), step + share);
  lines.step();
  EXPECT_EQ(few.sent(), 2 * step);
  EXPECT_EQ(crowd.sent(), step + 2 * share);
  lines.step();
  EXPECT_EQ(crowd.sent(), 2 * step + 2 * share);
  run();
  EXPECT_TRUE(crowd.first_have_it(many));
}

TEST_F(SendLinesTest, many_are_served_however_much_the_few_have) {
  Group crowd(many);
  Group few(step);
  lines.join(crowd.members);
  for (std::size_t steps = 0; steps < (many + share - 1) / share; ++steps) {
    lines.join(few.members);
    lines.step();
  }
  EXPECT_TRUE(crowd.first_have_it(many));
}

TEST_F(SendLinesTest, who_waits_already_waits_once_and_may_move_to_the_shorter_line) {
  Group crowd(many);
  lines.join(crowd.members);
  lines.join(crowd.members);
  const std::vector<Member*> last(crowd.members.end() - 3, crowd.members.end());
  lines.join(last);
  lines.step();
  EXPECT_EQ(crowd.sent(), step) << "what the few leave of a step is for the many";
  run();
  EXPECT_TRUE(crowd.first_have_it(many));
}

TEST_F(SendLinesTest, who_waits_in_the_short_line_stays_there) {
  Group crowd(many);
  lines.join({crowd.members.data(), 3});
  lines.join(crowd.members);
  lines.step();
  EXPECT_TRUE(crowd.first_have_it(step));
  run();
  EXPECT_TRUE(crowd.first_have_it(many));
}

TEST_F(SendLinesTest, who_leaves_is_not_sent_to) {
  Group few(3);
  Group crowd(many);
  const SendLines::Place behind_few = lines.join(few.members);
  const SendLines::Place behind_crowd = lines.join(crowd.members);
  lines.leave(*few.members[1]);
  for (std::size_t i = 0; i < many; i += 2) lines.leave(*crowd.members[i]);
  run();
  EXPECT_EQ(few.sent(), 2U);
  EXPECT_EQ(crowd.sent(), many / 2);
  EXPECT_TRUE(lines.has_passed(behind_few) && lines.has_passed(behind_crowd));
}

TEST_F(SendLinesTest, who_has_no_outlet_is_passed_over) {
  Group group(2);
  lines.join(group.members);
  group.without_outlet(0);
  run();
  EXPECT_EQ(group.sent(), 1U);
}

TEST_F(SendLinesTest, a_place_has_passed_when_all_ahead_have_left) {
  EXPECT_TRUE(lines.has_passed({}));
  Group crowd(many);
  Group few(step + 1);
  const SendLines::Place behind_crowd = lines.join(crowd.members);
  const SendLines::Place behind_few = lines.join(few.members);
  lines.step();
  EXPECT_FALSE(lines.has_passed(behind_few)) << "one is left";
  lines.step();
  EXPECT_TRUE(lines.has_passed(behind_few));
  EXPECT_FALSE(lines.has_passed(behind_crowd));
  Group later(3);
  lines.join(later.members);
  run();
  EXPECT_TRUE(lines.has_passed(behind_crowd));
}

}  // namespace
}  // namespace corohub::hub
