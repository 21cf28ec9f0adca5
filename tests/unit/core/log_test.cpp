#include "core/log.hpp"

#include "core/encoding.hpp"
#include "core/json.hpp"
#include "core/secret.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

#include <gtest/gtest.h>

namespace corohub::log {
namespace {

using namespace std::string_literals;

constexpr UnixMs time_of_line = 1'767'695'401'123;

std::string line(Options::Format format, std::string_view value) {
  return format_line(format, time_of_line, Level::info, "request_refused", {{"path", value}});
}
std::string json(std::string_view value) { return line(Options::Format::json, value); }
std::string text(std::string_view value) { return line(Options::Format::text, value); }

TEST(LogLine, is_an_object_or_readable_text) {
  EXPECT_EQ(format_line(Options::Format::json, time_of_line, Level::warn, "disk_low",
                        {{"free_bytes", 1024}, {"ratio", 0.5}, {"ok", false}, {"path", "/data"}}),
            R"({"time":"2026-01-06T10:30:01.123Z","level":"warn","event":"disk_low",)"
            R"("free_bytes":1024,"ratio":0.5,"ok":false,"path":"/data"})");
  EXPECT_EQ(format_line(Options::Format::text, time_of_line, Level::info, "listening",
                        {{"port", 8080}, {"name", "a b"}, {"empty", ""}}),
            R"(10:30:01.123 info  listening port=8080 name="a b" empty="")");
}

TEST(LogLine, T53_stays_one_line_of_valid_text_whatever_a_field_holds) {
  const std::string hostile[] = {"\r\n{\"level\":\"error\"}"s,
                                 "\x1b[31mred\x1b[0m"s,
                                 "nul\0nul"s,
                                 "quote\" backslash\\"s,
                                 "line\xe2\x80\xa8separator\xe2\x80\xa9"s,
                                 "csi\xc2\x9b"
                                 "31m"s,
                                 "\x7f\x01\x1f"s,
                                 "broken\xff\xfe\xc0\xaf"s,
                                 "surrogate\xed\xa0\x80"s,
                                 "overlong\xe0\x80\x80\xf0\x80\x80\x80"s,
                                 "beyond\xf5\x80\x80\x80\xf4\x90\x80\x80"s,
                                 "cut\xe2\x82"s,
                                 "lead\xe2 then text"s};
  for (const std::string& value : hostile) {
    for (const std::string& printed : {json(value), text(value)}) {
      EXPECT_TRUE(is_utf8(printed)) << printed;
      for (const char c : printed) {
        EXPECT_GE(static_cast<unsigned char>(c), 0x20) << printed;
        EXPECT_NE(c, '\x7f');
      }
      for (const char* control : {"\xe2\x80\xa8", "\xe2\x80\xa9", "\xc2\x9b"})
        EXPECT_EQ(printed.find(control), std::string::npos);
    }
    const auto parsed = parse_json(json(value));
    ASSERT_TRUE(parsed) << json(value);
    EXPECT_EQ(parsed->as_object().size(), 4u);
  }
}

TEST(LogLine, escapes_so_that_a_reader_gets_the_text_back) {
  const std::string value = "a\"b\\c\r\n\x1b \xe2\x80\xa8 \xc2\x9b \xc3\xa9 \xf0\x9f\x98\x80";
  EXPECT_EQ(parse_json(json(value))->at("path").as_string(), value);
}

TEST(LogLine, T53_cuts_long_fields) {
  EXPECT_EQ(parse_json(json(std::string(1024, 'a')))->at("path").as_string().size(), 1024u);
  const std::string cut(parse_json(json(std::string(100'000, 'a')))->at("path").as_string());
  EXPECT_EQ(cut, std::string(1024, 'a') + "...");
  EXPECT_LT(json(std::string(1'000'000, '\0')).size(), 7'000u);
}

TEST(LogLine, numbers_that_are_none_leave_valid_json) {
  for (const double number : {std::nan(""), std::numeric_limits<double>::infinity(), 1e300, -1e-300, 9e15})
    EXPECT_TRUE(
        parse_json(format_line(Options::Format::json, time_of_line, Level::info, "e", {{"n", number}})));
}

// T72: a Secret is no field.
static_assert(!std::is_constructible_v<Field, std::string_view, Secret>);

}  // namespace
}  // namespace corohub::log
