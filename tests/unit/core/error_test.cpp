#include "core/error.hpp"

#include <set>
#include <stdexcept>
#include <string_view>

#include <gtest/gtest.h>

namespace corohub {
namespace {

TEST(ErrorCode, every_code_has_a_word_of_its_own) {
  std::set<std::string_view> seen;
  for (int i = 0; i <= static_cast<int>(ErrorCode::internal_error); ++i) {
    const std::string_view word = name(static_cast<ErrorCode>(i));
    EXPECT_EQ(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"), std::string_view::npos)
        << word;
    EXPECT_TRUE(seen.insert(word).second) << word;
  }
  EXPECT_EQ(name(ErrorCode::invalid_token), "invalid_token");
}

TEST(Error, keeps_what_the_caller_reads_apart_from_the_cause) {
  const Error error = Error(ErrorCode::validation_failed, "Some fields are wrong.")
                          .because("row 7")
                          .retry_in(std::chrono::seconds(3))
                          .at("/email", "invalid_format", "No address.");
  EXPECT_EQ(error.detail, "Some fields are wrong.");
  EXPECT_EQ(error.cause, "row 7");
  EXPECT_EQ(error.retry_after, std::chrono::seconds(3));
  ASSERT_EQ(error.fields.size(), 1u);
  EXPECT_EQ(error.fields[0].field, "/email");
}

TEST(Result, asking_a_failure_for_its_value_is_a_bug) {
  const Result<int> failed = Error(ErrorCode::not_found);
  EXPECT_THROW(static_cast<void>(failed.value()), std::logic_error);
}

}  // namespace
}  // namespace corohub
