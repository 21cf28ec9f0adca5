#include "flags/preconditions.hpp"

#include <gmock/gmock.h>

namespace corohub::flags::test {
namespace {

http::Request with(std::string_view field, std::string_view value) {
  http::Request request;
  request.headers.push_back({field, value});
  return request;
}

TEST(Preconditions, if_match_names_strong_tags_of_versions_or_any) {
  struct Case {
    const char* value;
    bool holds;  // of version 3
  };
  for (const Case& one : {Case{"\"v3\"", true},
                          {"\"v2\", \"v3\"", true},
                          {"*", true},
                          {"\"v2\"", false},
                          {"W/\"v3\"", false},
                          {"v3", false},
                          {"\"v03\"", false},
                          {"\"3\"", false},
                          {"", false},
                          {"\"v3", false},
                          {"\"a,b\" , \"v3\"", true}}) {
    const Result<IfMatch> match = IfMatch::read(with("If-Match", one.value));
    ASSERT_TRUE(match);
    EXPECT_EQ(match->holds(3), one.holds) << one.value;
  }
}

TEST(Preconditions, if_match_is_required_where_it_is_read) {
  EXPECT_EQ(IfMatch::read({}).error().code, ErrorCode::precondition_required);
  EXPECT_TRUE(IfMatch::read_optional({}).holds(9));
}

TEST(Preconditions, a_mismatch_shows_what_is_there_with_its_tag) {
  const Result<> checked = IfMatch::version(2).check(3, [] { return json::object{{"key", "a"}}; });
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::version_mismatch);
  EXPECT_EQ(checked.error().members, R"({"current":{"key":"a"}})");
  EXPECT_EQ(checked.error().etag, "\"v3\"");
}

TEST(Preconditions, if_none_match_knows_lists_weak_tags_and_any) {
  EXPECT_TRUE(is_known(with("If-None-Match", "\"x\", W/\"v3\""), "\"v3\""));
  EXPECT_TRUE(is_known(with("If-None-Match", "*"), "\"v3\""));
  EXPECT_FALSE(is_known(with("If-None-Match", "\"v2\""), "\"v3\""));
  EXPECT_FALSE(is_known({}, "\"v3\""));
}

}  // namespace
}  // namespace corohub::flags::test
