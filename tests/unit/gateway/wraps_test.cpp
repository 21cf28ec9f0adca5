#include "gateway/wire/wraps.hpp"

#include "gateway/wire/frames.hpp"

#include <string>

#include <gtest/gtest.h>

namespace corohub::gateway {
namespace {

using namespace std::string_literals;
using Part = Wrap::Part;

const hub::Audience some_readers = hub::Audience::user(7);

// RFC 6455 section 5.2: each length has exactly one form.
TEST(WebSocketWrap, has_the_shortest_form_of_a_length) {
  const auto head_of = [](std::size_t size) {
    const std::string text(size, '1');
    const std::string bytes(websocket_text().frame(text, Part::whole, some_readers)->bytes());
    EXPECT_TRUE(bytes.ends_with(text));
    return bytes.substr(0, bytes.size() - size);
  };
  EXPECT_EQ(head_of(0), "\x81\0"s);
  EXPECT_EQ(head_of(125), "\x81\x7d"s);
  EXPECT_EQ(head_of(126), "\x81\x7e\x00\x7e"s);
  EXPECT_EQ(head_of(65535), "\x81\x7e\xff\xff"s);
  EXPECT_EQ(head_of(65536), "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"s);
}

// RFC 6455 section 5.4.
TEST(WebSocketWrap, a_beginning_and_a_rest_are_one_fragmented_message) {
  const hub::FrameRef first = websocket_text().frame("ab", Part::first, some_readers);
  const hub::FrameRef last = websocket_text().frame("c", Part::last, some_readers);
  EXPECT_EQ(first->bytes(),
            "\x01\x02"
            "ab");
  EXPECT_EQ(last->bytes(),
            "\x80\x01"
            "c");
  EXPECT_TRUE(first->is_joined_to_next());
  EXPECT_FALSE(last->is_joined_to_next());
  EXPECT_EQ(last->audience(), some_readers);
}

TEST(WebSocketWrap, bytes_have_an_opcode_of_their_own) {
  EXPECT_TRUE(websocket_text().carries_binary());
  EXPECT_EQ(websocket_text().frame("a", Part::whole, some_readers, MessageKind::binary)->bytes(),
            "\x82\x01"
            "a");
  EXPECT_EQ(websocket_text().frame("a", Part::first, some_readers, MessageKind::binary)->bytes(),
            "\x02\x01"
            "a");
}

TEST(WebSocketWrap, with_permessage_deflate_it_compresses_nothing) {
  const std::string text(5000, 'a');
  EXPECT_NE(&websocket_deflate(), &websocket_text());
  EXPECT_EQ(websocket_deflate().frame(text, Part::whole, some_readers)->bytes(),
            websocket_text().frame(text, Part::whole, some_readers)->bytes());
}

TEST(ChunkWrap, says_its_size_in_hexadecimal) {
  const std::string text(26, 'x');
  EXPECT_EQ(http_chunk().frame(text, Part::whole, some_readers)->bytes(), "1a\r\n" + text + "\r\n");
  EXPECT_FALSE(http_chunk().carries_binary());
}

TEST(ChunkWrap, a_joined_message_is_two_chunks) {
  const hub::FrameRef first = http_chunk().frame("ab", Part::first, some_readers);
  EXPECT_EQ(first->bytes(), "2\r\nab\r\n");
  EXPECT_TRUE(first->is_joined_to_next());
  EXPECT_EQ(http_chunk().frame("c", Part::last, some_readers)->bytes(), "1\r\nc\r\n");
}

TEST(BareWrap, adds_nothing) {
  const hub::FrameRef first = bare().frame("ab", Part::first, some_readers);
  EXPECT_EQ(first->bytes(), "ab");
  EXPECT_TRUE(first->is_joined_to_next());
  EXPECT_FALSE(bare().frame("ab", Part::whole, some_readers)->is_joined_to_next());
}

}  // namespace
}  // namespace corohub::gateway
