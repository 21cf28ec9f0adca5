#include "core/position.hpp"

#include <string>

#include <gtest/gtest.h>

namespace corohub {
namespace {

TEST(ParsePosition, takes_epoch_and_number_or_a_number) {
  const auto full = parse_position("a-Z_9:1042");
  ASSERT_TRUE(full);
  EXPECT_EQ(full->epoch, "a-Z_9");
  EXPECT_EQ(full->seq, 1042);
  EXPECT_EQ(full->text(), "a-Z_9:1042");

  const auto bare = parse_position("7");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->epoch, "");
  EXPECT_EQ(bare->seq, 7);

  EXPECT_EQ(parse_position("0")->seq, 0);
  EXPECT_EQ(parse_position("e:9223372036854775807")->seq, 9'223'372'036'854'775'807);
  EXPECT_TRUE(parse_position(std::string(64, 'e') + ":1"));
}

TEST(ParsePosition, T62_refuses_anything_else) {
  using namespace std::string_literals;
  for (const std::string& text : {""s,
                                  ":"s,
                                  ":1"s,
                                  "e:"s,
                                  "e"s,
                                  "abc"s,
                                  "-1"s,
                                  "+1"s,
                                  " 1"s,
                                  "1 "s,
                                  "1.0"s,
                                  "1e3"s,
                                  "0x1"s,
                                  "e:-1"s,
                                  "e:1:2"s,
                                  "e f:1"s,
                                  "e/f:1"s,
                                  "\xc3\xa9:1"s,
                                  "1\0"s,
                                  "e:1\n"s,
                                  "9223372036854775808"s,
                                  "18446744073709551615"s,
                                  "99999999999999999999999"s,
                                  std::string(65, 'e') + ":1"}) {
    const auto position = parse_position(text);
    ASSERT_FALSE(position) << text;
    EXPECT_EQ(position.error().code, ErrorCode::invalid_since);
  }
}

}  // namespace
}  // namespace corohub
