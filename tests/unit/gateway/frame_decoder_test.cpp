#include "gateway/wire/frame_decoder.hpp"

#include "core/deflate.hpp"
#include "raw_client.hpp"

#include <algorithm>
#include <new>
#include <vector>

#include <gtest/gtest.h>

namespace corohub::gateway::test {
namespace {

using Kind = Received::Kind;

struct Said {
  Kind kind;
  std::string payload;
  bool operator==(const Said&) const = default;
};

// All that the bytes say, given in pieces of `step` bytes, up to a breach.
std::vector<Said> decode(FrameDecoder& decoder, std::string bytes, std::size_t step) {
  std::vector<Said> all;
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    std::span<char> piece = std::span(bytes).subspan(at, std::min(step, bytes.size() - at));
    for (Received received = decoder.next(piece); received.kind != Kind::nothing;
         received = decoder.next(piece)) {
      all.push_back({received.kind, std::string(received.payload)});
      if (received.kind == Kind::broken) return all;
    }
    EXPECT_TRUE(piece.empty());
  }
  return all;
}

std::string fragment(std::uint8_t opcode, std::string payload, bool last) {
  return encode({.opcode = opcode, .payload = std::move(payload), .last = last});
}

CloseReason breach(std::string bytes, const MessageLimits& limits = {}, bool deflate = false) {
  FrameDecoder decoder(limits, deflate);
  std::span<char> all(bytes);
  for (;;) {
    const Received received = decoder.next(all);
    if (received.kind == Kind::broken) return received.reason;
    if (received.kind == Kind::nothing) return CloseReason::normal;
  }
}

TEST(FrameDecoder, says_the_same_however_the_bytes_are_cut) {
  const std::string emoji = "\xf0\x9f\x8c\x8d";
  const std::string large(70'000, 'y');
  const MessageLimits limits{.bytes = 200'000, .fragments = 10, .text_only = false};
  const std::string stream = text("one") + fragment(0x9, "ping", true) +
                             fragment(0x1, "a" + emoji.substr(0, 2), false) + fragment(0xA, "", true) +
                             fragment(0x0, "", false) + fragment(0x0, emoji.substr(2), true) +
                             fragment(0x2, std::string("\0\xff", 2), true) + text(std::string(300, 'x')) +
                             text("") + text(large) + close(1000, "bye");
  const std::vector<Said> expected{{Kind::text, "one"},
                                   {Kind::ping, "ping"},
                                   {Kind::pong, ""},
                                   {Kind::text, "a" + emoji},
                                   {Kind::binary, std::string("\0\xff", 2)},
                                   {Kind::text, std::string(300, 'x')},
                                   {Kind::text, ""},
                                   {Kind::text, large},
                                   {Kind::close,
                                    "\x03\xe8"
                                    "bye"}};
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7},
                                 std::size_t{64}, std::size_t{4096}, stream.size()}) {
    FrameDecoder decoder(limits);
    EXPECT_EQ(decode(decoder, stream, step), expected) << step;
    EXPECT_FALSE(decoder.unfinished()) << step;
  }
}

TEST(FrameDecoder, a_message_in_one_piece_is_not_copied) {
  const MessageLimits limits;
  FrameDecoder decoder(limits);
  std::string bytes = text("where it stands");
  std::span<char> all(bytes);
  const Received received = decoder.next(all);
  EXPECT_EQ(received.payload, "where it stands");
  EXPECT_EQ(received.payload.data(), bytes.data() + 6);
}

TEST(FrameDecoder, T56_a_message_is_unfinished_from_its_first_byte_to_its_last) {
  const MessageLimits limits;
  FrameDecoder decoder(limits);
  const std::string message = text("hello");
  EXPECT_FALSE(decoder.unfinished());
  decode(decoder, message.substr(0, 1), 1);
  EXPECT_TRUE(decoder.unfinished());
  decode(decoder, message.substr(1), 1);
  EXPECT_FALSE(decoder.unfinished());
  decode(decoder, fragment(0x1, "a", false), 1);
  EXPECT_TRUE(decoder.unfinished());
  decode(decoder, fragment(0x9, "", true), 1);
  EXPECT_TRUE(decoder.unfinished()) << "a control frame is not the message's end";
  decode(decoder, fragment(0x0, "", true), 1);
  EXPECT_FALSE(decoder.unfinished());
}

TEST(FrameDecoder, T56_counts_the_fragments_of_one_message) {
  const MessageLimits limits{.fragments = 3};
  const std::string three = fragment(0x1, "", false) + fragment(0x0, "", false) + fragment(0x0, "", true);
  const std::string four = fragment(0x1, "", false) + fragment(0x0, "", false) + fragment(0x0, "", false) +
                           fragment(0x0, "", true);
  EXPECT_EQ(breach(three + three, limits), CloseReason::normal);
  EXPECT_EQ(breach(three + four, limits), CloseReason::message_timeout);
}

TEST(FrameDecoder, T55_counts_the_bytes_of_one_message_by_its_heads) {
  const MessageLimits limits{.bytes = 100};
  const std::string half(50, 'h');
  EXPECT_EQ(breach(fragment(0x1, half, false) + fragment(0x0, half, true) + text(half + half), limits),
            CloseReason::normal);
  EXPECT_EQ(breach(text(half + half + "1"), limits), CloseReason::message_too_big);
  const std::string one_more = fragment(0x0, half + "1", true);
  EXPECT_EQ(breach(fragment(0x1, half, false) + one_more.substr(0, 6), limits), CloseReason::message_too_big)
      << "before the bytes come";
}

TEST(FrameDecoder, finds_bad_utf_8_at_the_byte_that_shows_it) {
  EXPECT_EQ(breach(fragment(0x1, "\xf4\x90", false)), CloseReason::invalid_utf8) << "above U+10FFFF";
  EXPECT_EQ(breach(fragment(0x1, "\xed\xa0", false)), CloseReason::invalid_utf8) << "a surrogate";
  EXPECT_EQ(breach(text("12345678\xff")), CloseReason::invalid_utf8);
  EXPECT_EQ(breach(fragment(0x1, "\xe2\x82", false)), CloseReason::normal) << "may go on";
  EXPECT_EQ(breach(fragment(0x1, "\xe2\x82", false) + fragment(0x0, "", true)), CloseReason::invalid_utf8);
}

TEST(FrameDecoder, knows_which_close_codes_may_be_sent) {
  for (const std::uint16_t code : {1000, 1001, 1003, 1007, 1011, 1014, 3000, 4999})
    EXPECT_EQ(breach(close(code)), CloseReason::normal) << code;
  for (const std::uint16_t code : {0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65'535})
    EXPECT_EQ(breach(close(code)), CloseReason::protocol_error) << code;
  EXPECT_EQ(breach(close(1000, "\xc0")), CloseReason::invalid_utf8);
}

TEST(FrameDecoder, a_length_is_written_in_as_few_bytes_as_it_takes) {
  const MessageLimits limits{.bytes = 100'000};
  const auto head = [](std::string_view length) { return "\x81" + std::string(length) + "mask"; };
  EXPECT_EQ(breach(head({"\xfe\x00\x7d", 3}), limits), CloseReason::protocol_error) << "125 in 16 bits";
  EXPECT_EQ(breach(head({"\xfe\x00\x7e", 3}), limits), CloseReason::normal);
  EXPECT_EQ(breach(head({"\xff\0\0\0\0\0\0\xff\xff", 9}), limits), CloseReason::protocol_error);
  EXPECT_EQ(breach(head({"\xff\0\0\0\0\0\x01\x00\x00", 9}), limits), CloseReason::normal);
  EXPECT_EQ(breach(head({"\xff\x80\0\0\0\0\0\0\0", 9}), limits), CloseReason::protocol_error) << "no sign";
}

// ---- permessage-deflate ----

std::string compressed_frame(std::string payload, bool last = true, std::uint8_t opcode = 0x1) {
  return encode({.opcode = opcode, .payload = std::move(payload), .last = last, .reserved_bits = 0x40});
}

std::string compressed(std::string_view text) { return std::string(deflate_message(text)); }

TEST(FrameDecoder, inflates_a_message_where_that_is_agreed_however_it_is_cut) {
  const std::string long_text = R"({"type":"ping"})" + std::string(5000, ' ');
  const std::string packed = compressed(long_text);
  const MessageLimits limits{.text_only = false};
  const std::string stream = compressed_frame(packed) + text("plain between") +
                             compressed_frame(packed.substr(0, 5), false) + fragment(0x9, "ping", true) +
                             fragment(0x0, "", false) + fragment(0x0, packed.substr(5), true) +
                             compressed_frame(packed, true, 0x2) + compressed_frame(std::string(1, '\0')) +
                             compressed_frame("") + text("plain again") + close(1000);
  const std::vector<Said> expected{
      {Kind::text, long_text}, {Kind::text, "plain between"}, {Kind::ping, "ping"},
      {Kind::text, long_text}, {Kind::binary, long_text},     {Kind::text, ""},
      {Kind::text, ""},        {Kind::text, "plain again"},   {Kind::close, "\x03\xe8"}};
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, stream.size()}) {
    FrameDecoder decoder(limits, true);
    EXPECT_EQ(decode(decoder, stream, step), expected) << step;
  }
}

TEST(FrameDecoder, says_how_much_a_message_has_grown) {
  const MessageLimits limits;
  FrameDecoder decoder(limits, true);
  std::string bytes = compressed_frame(compressed(std::string(5000, 'a'))) + text("plain");
  std::span<char> all(bytes);
  const std::size_t grown = decoder.next(all).grown;
  EXPECT_GT(grown, 4900U);
  EXPECT_LT(grown, 5000U);
  EXPECT_EQ(decoder.next(all).grown, 0U);
}

// RFC 7692 section 6: on the first frame of a message, where it is agreed on, and nowhere else.
TEST(FrameDecoder, T57_the_bit_of_a_compressed_message_has_one_place) {
  const std::string packed = compressed(std::string(300, 'a'));
  EXPECT_EQ(breach(compressed_frame(packed)), CloseReason::protocol_error) << "not agreed on";
  EXPECT_EQ(breach(compressed_frame(packed), {}, true), CloseReason::normal);
  EXPECT_EQ(breach(compressed_frame(packed, false) + compressed_frame("", true, 0x0), {}, true),
            CloseReason::protocol_error);
  EXPECT_EQ(breach(fragment(0x1, "a", false) + compressed_frame("", true, 0x0), {}, true),
            CloseReason::protocol_error);
  for (const std::uint8_t control : {0x8, 0x9, 0xA})
    EXPECT_EQ(breach(compressed_frame("", true, control), {}, true), CloseReason::protocol_error);
  for (const std::uint8_t bits : {0x20, 0x10, 0x60, 0x50, 0x70})
    EXPECT_EQ(breach(encode({.payload = packed, .reserved_bits = bits}), {}, true),
              CloseReason::protocol_error);
}

TEST(FrameDecoder, T57_the_limit_counts_inflated_bytes_and_stops_a_bomb) {
  const std::string fits(65'536, 'a');
  EXPECT_EQ(breach(compressed_frame(compressed(fits)), {}, true), CloseReason::normal);
  EXPECT_EQ(breach(compressed_frame(compressed(fits + 'a')), {}, true), CloseReason::message_too_big);
  const std::string bomb = compressed(std::string(30 << 20, 'a'));
  ASSERT_LT(bomb.size(), 65'536U);
  EXPECT_EQ(breach(compressed_frame(bomb), {}, true), CloseReason::message_too_big);
}

// Stored blocks make it longer, and it is still a message of 64 KiB.
TEST(FrameDecoder, T57_what_comes_has_a_limit_of_its_own) {
  std::string stored;
  for (int block = 0; block < 256; ++block)
    stored += std::string("\x00\x00\x01\xff\xfe", 5) + std::string(256, 'a');
  ASSERT_GT(stored.size(), 65'536U);
  EXPECT_EQ(breach(compressed_frame(stored + '\0'), {}, true), CloseReason::normal);
  std::string empty_blocks;
  while (empty_blocks.size() <= deflated_bytes_max(65'536))
    empty_blocks += std::string("\x00\x00\x00\xff\xff", 5);
  EXPECT_EQ(breach(compressed_frame(empty_blocks).substr(0, 14), {}, true), CloseReason::message_too_big)
      << "before the bytes come";
}

TEST(FrameDecoder, T57_what_cannot_be_inflated_or_is_no_text_ends_the_connection) {
  EXPECT_EQ(breach(compressed_frame("\x07"), {}, true), CloseReason::invalid_payload);
  EXPECT_EQ(breach(compressed_frame("not deflate at all"), {}, true), CloseReason::invalid_payload);
  const std::string packed = compressed(std::string(300, 'a'));
  EXPECT_EQ(breach(compressed_frame(packed.substr(0, packed.size() - 3)), {}, true),
            CloseReason::invalid_payload);
  EXPECT_EQ(breach(compressed_frame(compressed(std::string(300, 'a') + "\xff")), {}, true),
            CloseReason::invalid_utf8);
  EXPECT_EQ(breach(compressed_frame(packed, true, 0x2), {}, true), CloseReason::binary_not_supported);
}

}  // namespace
}  // namespace corohub::gateway::test
