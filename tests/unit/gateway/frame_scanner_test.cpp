#include "gateway/transports/frame_scanner.hpp"

#include "raw_client.hpp"

#include <gtest/gtest.h>

namespace corohub::gateway::test {
namespace {

std::string fragment(std::uint8_t opcode, std::string payload, bool last) {
  return encode({.opcode = opcode, .payload = std::move(payload), .last = last});
}

TEST(FrameScanner, CountsMessagesAndControlFramesHoweverTheyAreCut) {
  const std::string stream = text("one") + fragment(0x9, "ping", true) + fragment(0x1, "a", false) +
                             fragment(0xA, "", true) + fragment(0x0, std::string(70'000, 'x'), true) +
                             text(std::string(300, 'y'));
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{64}, stream.size()}) {
    FrameScanner scanner;
    std::uint32_t messages = 0;
    std::uint32_t control = 0;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      const ScannedBytes seen = scanner.scan(std::string_view(stream).substr(at, step));
      messages += seen.messages;
      control += seen.control_frames;
    }
    EXPECT_EQ(messages, 3U) << step;
    EXPECT_EQ(control, 2U) << step;
    EXPECT_FALSE(scanner.unfinished()) << step;
  }
}

TEST(FrameScanner, T56_AMessageIsUnfinishedFromItsFirstByteToItsLast) {
  FrameScanner scanner;
  const std::string message = text("hello");
  EXPECT_TRUE(scanner.scan(std::string_view(message).substr(0, 1)).began);
  EXPECT_TRUE(scanner.unfinished());
  EXPECT_FALSE(scanner.scan(std::string_view(message).substr(1, 5)).began) << "it began before";
  EXPECT_TRUE(scanner.unfinished());
  scanner.scan(std::string_view(message).substr(6));
  EXPECT_FALSE(scanner.unfinished());
}

TEST(FrameScanner, T56_AControlFrameInsideAMessageIsNoNewBeginning) {
  FrameScanner scanner;
  EXPECT_TRUE(scanner.scan(fragment(0x1, "a", false)).began);
  EXPECT_FALSE(scanner.scan(fragment(0x9, "", true)).began);
  EXPECT_TRUE(scanner.unfinished());
  EXPECT_TRUE(scanner.scan(fragment(0x0, "b", true) + fragment(0x1, "c", false)).began);
}

TEST(FrameScanner, T56_CountsEmptyFragmentsOfOneMessage) {
  FrameScanner scanner;
  scanner.scan(fragment(0x1, "", false));
  for (int i = 0; i < 99; ++i) scanner.scan(fragment(0x0, "", false));
  EXPECT_EQ(scanner.fragments(), 100U);
  scanner.scan(fragment(0x0, "", true));
  EXPECT_EQ(scanner.fragments(), 0U);
}

}  // namespace
}  // namespace corohub::gateway::test
