#include "core/close_reason.hpp"

#include <map>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace corohub {
namespace {

TEST(CloseReason, has_these_words_and_codes) {
  const std::map<std::string_view, std::uint16_t> expected{
      {"normal", 1000},          {"peer_gone", 1006},        {"draining", 1001},
      {"pong_timeout", 1001},    {"protocol_error", 1002},   {"binary_not_supported", 1003},
      {"invalid_utf8", 1007},    {"invalid_payload", 1007},  {"token_expired", 1008},
      {"session_revoked", 1008}, {"logged_out", 1008},       {"credentials_changed", 1008},
      {"account_deleted", 1008}, {"account_disabled", 1008}, {"auth_timeout", 1008},
      {"rate_limited", 1008},    {"message_timeout", 1008},  {"kicked", 1008},
      {"message_too_big", 1009}, {"internal_error", 1011},   {"slow_consumer", 1013},
      {"overloaded", 1013},
  };
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < close_reason_count; ++i) {
    const auto reason = static_cast<CloseReason>(i);
    const auto row = expected.find(name(reason));
    ASSERT_NE(row, expected.end()) << name(reason);
    EXPECT_EQ(close_code(reason), row->second) << name(reason);
    EXPECT_TRUE(seen.insert(name(reason)).second) << name(reason);
  }
  EXPECT_EQ(seen.size(), expected.size());
}

TEST(CloseReason, fits_into_a_close_frame_as_a_word) {
  for (std::size_t i = 0; i < close_reason_count; ++i) {
    const std::string_view word = name(static_cast<CloseReason>(i));
    EXPECT_LE(word.size(), 123u);
    EXPECT_EQ(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string_view::npos)
        << word;
  }
}

}  // namespace
}  // namespace corohub
