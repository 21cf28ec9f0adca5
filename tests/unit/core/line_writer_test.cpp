#include "core/line_writer.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <string>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

namespace corohub {
namespace {

constexpr std::chrono::milliseconds long_enough{20'000};

class LineWriterTest : public testing::Test {
 protected:
  LineWriterTest() {
    std::signal(SIGPIPE, SIG_IGN);
    EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0);
  }
  ~LineWriterTest() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }

  // Until a further write would wait.
  void fill() const {
    ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
    const std::string some(4096, '.');
    while (::write(ends_[1], some.data(), some.size()) > 0) {
    }
    ::fcntl(ends_[1], F_SETFL, 0);
  }

  std::string read_until(std::string_view last) const {
    std::string text;
    std::array<char, 4096> buffer{};
    while (!text.ends_with(last)) {
      const ssize_t count = ::read(ends_[0], buffer.data(), buffer.size());
      if (count <= 0) break;
      text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

  std::array<int, 2> ends_{};
};

TEST_F(LineWriterTest, writes_every_line_before_it_stops) {
  LineWriter lines(ends_[1], 1000);
  std::string expected;
  for (int i = 0; i < 1000; ++i) {
    lines.write(std::to_string(i));
    expected += std::to_string(i) + '\n';
  }
  EXPECT_TRUE(lines.stop(long_enough));
  lines.write("late");
  EXPECT_EQ(read_until("999\n"), expected);
  EXPECT_EQ(lines.dropped(), 0u);
}

// Hangs where the end waits for a reader. What the thread does afterwards touches nothing that is gone.
TEST_F(LineWriterTest, H3_ends_although_nobody_reads_the_other_end) {
  fill();
  LineWriter lines(ends_[1], 2);
  lines.write("one");
  EXPECT_FALSE(lines.stop(std::chrono::milliseconds(1)));
}

TEST_F(LineWriterTest, T53_loses_the_oldest_lines_of_a_full_queue_and_counts_them) {
  fill();
  LineWriter lines(ends_[1], 2);
  while (lines.dropped() == 0) lines.write("old");
  const std::uint64_t before = lines.dropped();
  lines.write("kept");
  lines.write("last");
  EXPECT_EQ(lines.dropped(), before + 2);
  EXPECT_TRUE(read_until("kept\nlast\n").ends_with("kept\nlast\n"));
  EXPECT_TRUE(lines.stop(long_enough));
}

// Somebody who shares the descriptor has asked for it.
TEST_F(LineWriterTest, waits_for_room_in_a_pipe_that_does_not_block) {
  fill();
  ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
  LineWriter lines(ends_[1], 2);
  lines.write("whole");
  EXPECT_TRUE(read_until("whole\n").ends_with("whole\n"));
  EXPECT_TRUE(lines.stop(long_enough));
}

}  // namespace
}  // namespace corohub
