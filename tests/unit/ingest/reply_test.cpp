#include "ingest/reply.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::ingest {
namespace {

std::string text_of(const Reply& reply) {
  switch (reply.kind) {
    case Reply::Kind::nil:
      return "nil";
    case Reply::Kind::text:
      return "'" + reply.text + "'";
    case Reply::Kind::error:
      return "!" + reply.text;
    case Reply::Kind::integer:
      return std::to_string(reply.number);
    case Reply::Kind::list:
      break;
  }
  std::string text = "[";
  for (const Reply& item : reply.items) text += (text.size() > 1 ? " " : "") + text_of(item);
  return text + "]";
}

// Fed in pieces of this size.
std::vector<std::string> replies_of(const std::string& bytes, std::size_t piece) {
  ReplyReader reader;
  std::vector<std::string> list;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.feed(std::string_view(bytes).substr(at, piece));
    while (const std::optional<Reply> reply = reader.next()) list.push_back(text_of(*reply));
  }
  if (reader.is_broken()) list.emplace_back("broken");
  return list;
}

TEST(Reply, is_the_same_wherever_it_is_cut) {
  const std::string bytes =
      "+OK\r\n-NOGROUP no "
      "such\r\n:42\r\n$-1\r\n*-1\r\n$0\r\n\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$4\r\n\r\n{}\r\n"
      "*1\r\n*2\r\n$1\r\ns\r\n*2\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n*2\r\n$3\r\n1-2\r\n*-"
      "1\r\n";
  const std::vector<std::string> expected = {"'OK'",
                                             "!NOGROUP no such",
                                             "42",
                                             "nil",
                                             "nil",
                                             "''",
                                             "['message' 'c' '\r\n{}']",
                                             "[['s' [['1-1' ['f' 'v']] ['1-2' nil]]]]"};
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece)
    ASSERT_EQ(replies_of(bytes, piece), expected) << piece;
}

TEST(Reply, what_is_no_RESP_breaks_the_reader) {
  for (const std::string bytes : {"HTTP/1.1 400 Bad Request\r\n", "$x\r\n", "*1\r\n?\r\n", ":1x\r\n", "\r\n"})
    EXPECT_EQ(replies_of(bytes, bytes.size()), std::vector<std::string>{"broken"}) << bytes;
  EXPECT_EQ(replies_of(std::string(ReplyClip::line_bytes_max + 1, '+'), 1000),
            std::vector<std::string>{"broken"});
  EXPECT_EQ(replies_of("*65537\r\n", 8), std::vector<std::string>{"broken"});
  EXPECT_EQ(replies_of("*2147483647\r\n", 13), std::vector<std::string>{"broken"});
}

std::string bulk(std::size_t size) {
  return "$" + std::to_string(size) + "\r\n" + std::string(size, 'x') + "\r\n";
}

TEST(Reply, T73_a_text_is_cut_where_no_message_can_be) {
  ReplyReader reader;
  reader.feed(bulk(ReplyClip::text_bytes_max - 1));
  EXPECT_EQ(reader.next()->text.size(), ReplyClip::text_bytes_max - 1);
  const std::string large = bulk(50 << 20);
  for (std::size_t at = 0; at < large.size(); at += 64 << 10)
    reader.feed(std::string_view(large).substr(at, 64 << 10));
  const std::optional<Reply> reply = reader.next();
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->text, std::string(ReplyClip::text_bytes_max, 'x'));
  EXPECT_FALSE(reader.was_short());
  reader.feed("+PONG\r\n");
  EXPECT_EQ(reader.next()->text, "PONG");
}

TEST(Reply, T73_what_is_too_large_as_a_whole_arrives_without_the_rest_and_says_so) {
  ReplyReader reader;
  constexpr std::size_t count = 100;  // of 64 KiB
  reader.feed("*" + std::to_string(count) + "\r\n");
  for (std::size_t i = 0; i < count; ++i) reader.feed(bulk(64 << 10));
  const std::optional<Reply> reply = reader.next();
  ASSERT_TRUE(reply);
  std::size_t bytes = 0;
  for (const Reply& item : reply->items) bytes += item.text.size();
  EXPECT_EQ(reply->items.size(), count);
  EXPECT_LE(bytes, ReplyClip::reply_bytes_max);
  EXPECT_TRUE(reader.was_short());
  reader.feed("$1\r\na\r\n");
  EXPECT_EQ(reader.next()->text, "a");
  EXPECT_FALSE(reader.was_short());
}

TEST(Reply, T73_short_texts_arrive_however_large_the_reply_is) {
  ReplyReader reader;
  constexpr std::size_t count = 64;
  reader.feed("*" + std::to_string(count) + "\r\n");
  for (std::size_t i = 0; i < count; ++i)
    reader.feed("*2\r\n$3\r\n7-1\r\n*4\r\n$1\r\na\r\n" + bulk(60 << 10) + "$1\r\nb\r\n" + bulk(60 << 10));
  const std::optional<Reply> reply = reader.next();
  ASSERT_TRUE(reply);
  EXPECT_TRUE(reader.was_short());
  for (const Reply& entry : reply->items) ASSERT_EQ(entry.items.at(0).text, "7-1");
}

TEST(Reply, T73_so_do_very_many_small_items) {
  ReplyReader reader;
  reader.feed("*2\r\n");
  std::size_t fed = 0;
  for (int list = 0; list < 2 && !reader.is_broken(); ++list) {
    reader.feed("*65536\r\n");
    for (int i = 0; i < 65'536 && !reader.is_broken(); ++i, ++fed) reader.feed("$1\r\na\r\n");
  }
  EXPECT_TRUE(reader.is_broken() && reader.is_too_large());
  EXPECT_LT(fed, 70'000U);
  ReplyReader other;
  other.feed("HTTP/1.1 400 Bad Request\r\n");
  EXPECT_FALSE(other.next() || other.is_too_large());
}

TEST(Command, names_the_length_of_each_word) {
  EXPECT_EQ(command({"AUTH", "us\r\ner", ""}), "*3\r\n$4\r\nAUTH\r\n$6\r\nus\r\ner\r\n$0\r\n\r\n");
}

}  // namespace
}  // namespace corohub::ingest
