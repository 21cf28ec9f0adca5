#include "core/json.hpp"
#include "gateway/sockjs/messages.hpp"
#include "gateway/sockjs/wraps.hpp"

#include <cstdio>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace corohub::gateway::sockjs {
namespace {

using testing::ElementsAre;
using Part = Wrap::Part;

std::vector<std::string> messages_of(std::string_view text) {
  std::vector<std::string> messages;
  EXPECT_EQ(read_messages(text, 100, messages), Reading::good) << text;
  return messages;
}

Reading reading_of(std::string_view text, std::size_t max = 100) {
  std::vector<std::string> messages;
  return read_messages(text, max, messages);
}

TEST(SockjsMessages, are_an_array_of_strings) {
  EXPECT_THAT(messages_of(R"(["a"])"), ElementsAre("a"));
  EXPECT_THAT(messages_of(" [ \"a\" ,\t\"b\"\r\n] "), ElementsAre("a", "b"));
  EXPECT_THAT(messages_of("[]"), ElementsAre());
  EXPECT_THAT(messages_of(R"(["","\"\\\/\b\f\n\r\t"])"), ElementsAre("", "\"\\/\b\f\n\r\t"));
  EXPECT_THAT(messages_of(R"(["\u00e9\u20AC\ud83d\uDE00é€😀"])"), ElementsAre("é€😀é€😀"));
  EXPECT_THAT(messages_of(R"(["\u0000x"])"), ElementsAre(std::string("\0x", 2)));
}

TEST(SockjsMessages, T54b_half_a_pair_alone_is_replaced) {
  EXPECT_THAT(messages_of(R"(["\ud83d","\ude00","\ud83dx","\ud83d\ud83d\ude00","\ude00\ud83d"])"),
              ElementsAre("\uFFFD", "\uFFFD", "\uFFFDx", "\uFFFD😀", "\uFFFD\uFFFD"));
}

TEST(SockjsMessages, T54b_what_is_no_such_array_is_told_apart) {
  for (const char* text : {"",           "[",         "[\"a",          "[\"a\"",        "[\"a\",]",
                           "[,]",        "[\"a\"]x",  "[\"a\" \"b\"]", "[1]",           "[null]",
                           "[[\"a\"]]",  "[\"\\x\"]", "[\"\\u12\"]",   "[\"\\u12g4\"]", "[\"\\u+123\"]",
                           "[\"a\nb\"]", "['a']",     "[\"\xff\"]",    "\xff",          "x",
                           "{",          "\"a",       "\xEF\xBB\xBF[]"})
    EXPECT_EQ(reading_of(text), Reading::broken) << text;
  for (const char* text : {"{}", "\"a\"", "1", "null", "true", " {\"a\":[\"b\"]} "})
    EXPECT_EQ(reading_of(text), Reading::no_array) << text;
}

TEST(SockjsMessages, T54b_an_array_is_bounded) {
  EXPECT_EQ(reading_of(R"(["a","b"])", 2), Reading::good);
  EXPECT_EQ(reading_of(R"(["a","b","c"])", 2), Reading::broken);
}

// The list of the protocol's own suite.
TEST(SockjsMessages, characters_that_browsers_change_are_escaped) {
  std::string text;
  std::string escaped = "\"";
  const auto add = [&](unsigned from, unsigned to) {
    for (unsigned code = from; code <= to; ++code) {
      text += static_cast<char>(0xE0 | code >> 12);
      text += static_cast<char>(0x80 | (code >> 6 & 0x3F));
      text += static_cast<char>(0x80 | (code & 0x3F));
      char hex[8];
      std::snprintf(hex, sizeof hex, "\\u%04x", code);
      escaped += hex;
    }
  };
  add(0x200C, 0x200F);
  add(0x2028, 0x202F);
  add(0x2060, 0x206F);
  add(0xFFF0, 0xFFFF);
  EXPECT_EQ(json_string(text), escaped + "\"");
  EXPECT_THAT(messages_of("[" + json_string(text) + "]"), ElementsAre(text));
}

TEST(SockjsMessages, everything_else_stands_for_itself) {
  EXPECT_EQ(json_string("a/é€😀\x7f\u200B\u2010\u2027\u2030\u205F\u2070\uFFEF\uF000"),
            "\"a/é€😀\x7f\u200B\u2010\u2027\u2030\u205F\u2070\uFFEF\uF000\"");
  EXPECT_EQ(json_string(std::string_view("\0\x01\n\r\t\b\f\x1f\"\\", 10)),
            R"("\u0000\u0001\n\r\t\b\f\u001f\"\\")");
}

TEST(SockjsMessages, whatever_is_quoted_comes_back) {
  std::string all;
  for (int byte = 0; byte < 0x80; ++byte) all += static_cast<char>(byte);
  all += "é\u2028\uFFFF😀";
  EXPECT_THAT(messages_of("[" + json_string(all) + "]"), ElementsAre(all));
  EXPECT_EQ(parse_json(json_string(all)).value().as_string(), all);
}

TEST(SockjsMessages, the_end_has_a_code_and_a_reason) {
  EXPECT_EQ(close_frame_text(CloseReason::kicked), R"(c[1008,"kicked"])");
  EXPECT_EQ(close_frame_text(2010, "Another connection still open"),
            R"(c[2010,"Another connection still open"])");
}

TEST(SockjsWraps, two_parts_make_one_message) {
  const hub::Audience who = hub::Audience::one_connection();
  EXPECT_EQ(item_wrap().frame("a\n", Part::whole, who)->bytes(), R"("a\n")");
  const hub::FrameRef first = item_wrap().frame("a\n", Part::first, who);
  const hub::FrameRef last = item_wrap().frame("b\"", Part::last, who);
  EXPECT_TRUE(first->is_joined_to_next());
  EXPECT_FALSE(last->is_joined_to_next());
  EXPECT_EQ(std::string(first->bytes()) + std::string(last->bytes()), R"("a\nb\"")");

  EXPECT_EQ(socket_wrap().frame("a", Part::whole, who)->bytes(),
            "\x81\x06"
            R"(a["a"])");
  EXPECT_EQ(socket_wrap().frame("a", Part::first, who)->bytes(),
            "\x01\x04"
            R"(a["a)");
  EXPECT_EQ(socket_wrap().frame("b", Part::last, who)->bytes(),
            "\x80\x03"
            R"(b"])");
  EXPECT_TRUE(socket_wrap().frame("a", Part::first, who)->is_joined_to_next());
  EXPECT_FALSE(socket_wrap().carries_binary());
}

}  // namespace
}  // namespace corohub::gateway::sockjs
