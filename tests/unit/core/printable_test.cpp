#include "core/printable.hpp"

#include "core/encoding.hpp"
#include "core/json.hpp"

#include <string>

#include <gtest/gtest.h>

namespace corohub {
namespace {

using namespace std::string_literals;

TEST(Printable, leaves_what_is_text_as_it_is) {
  const std::string text =
      "Zoë \"quotes\" and \\ \xe2\x82\xac \xf0\x9f\x98\x80 \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d";
  EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable(""), "");
}

TEST(Printable, T53_escapes_what_a_terminal_would_obey) {
  EXPECT_EQ(printable("\x1b[2J\r\n\t\x07\x7f"), R"(\u001b[2J\u000d\u000a\u0009\u0007\u007f)");
  EXPECT_EQ(printable("\0"s), R"(\u0000)");
  EXPECT_EQ(printable("\xc2\x80 \xc2\x9b \xc2\xa0"), "\\u0080 \\u009b \xc2\xa0");
  EXPECT_EQ(printable("\u2027\u2028\u2029\u202a\u202e\u202f"), "\u2027\\u2028\\u2029\\u202a\\u202e\u202f");
  EXPECT_EQ(printable("\u061b\u061c\u200d\u200e\u200f\u2010"), "\u061b\\u061c\u200d\\u200e\\u200f\u2010");
  EXPECT_EQ(printable("\u2065\u2066\u2069\u206a"), "\u2065\\u2066\\u2069\u206a");
}

TEST(Printable, T53_is_always_utf8) {
  EXPECT_EQ(printable("a\xff"
                      "b\x9b"
                      "c\xe2\x82"),
            R"(a\ufffdb\ufffdc\ufffd\ufffd)");
  EXPECT_EQ(printable("\xed\xa0\x80"), R"(\ufffd\ufffd\ufffd)");
  EXPECT_TRUE(is_utf8(printable("\xf4\x90\x80\x80\xc0\xaf")));
}

TEST(Printable, T53_json_stays_the_value_it_is) {
  const std::string raw = "{\"a\":\t\"\x7f \xc2\x9b \u202e \\u001b \\\" \\\\\",\r\n\"b\" : [1]}";
  const std::string shown = printable_json(raw);
  EXPECT_EQ(shown, R"({"a": "\u007f \u009b \u202e \u001b \" \\",  "b" : [1]})");
  EXPECT_EQ(*parse_json(shown), *parse_json(raw));
}

}  // namespace
}  // namespace corohub
