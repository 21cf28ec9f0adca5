#include "core/deflate.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include <zlib.h>

namespace corohub {
namespace {

using namespace std::string_literals;

constexpr std::size_t no_limit = 16 << 20;

std::string like_json(std::size_t size) {
  std::string text;
  for (int i = 0; text.size() < size; ++i)
    text += R"({"id":)" + std::to_string(i * 7919 % 1000) + R"(,"name":"user )" + std::to_string(i) + "\"},";
  text.resize(size);
  return text;
}

// Bytes that no compressor can make fewer of.
std::string noise(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint64_t state = 88172645463325252ULL;
  for (char& byte : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

// Another one's compressor, in one step; the sync flush's tail is cut off.
std::string compressed_elsewhere(std::string_view text, int level = 9, int window_bits = 15,
                                 int flush = Z_SYNC_FLUSH) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, level, Z_DEFLATED, -window_bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, flush);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  if (flush != Z_SYNC_FLUSH) return out;
  EXPECT_TRUE(out.ends_with("\x00\x00\xff\xff"s));
  return out.substr(0, out.size() - 4);
}

// As a client with a window of so many bits reads it, in one go: nothing, if it can't.
std::string inflated_elsewhere(std::string_view compressed, int window_bits) {
  const std::string whole = std::string(compressed) + "\x00\x00\xff\xff"s;
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, -window_bits), Z_OK);
  std::string out;
  std::string piece(512, '\0');  // so that only what is in the window can be referred to
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(whole.data()));
  stream.avail_in = static_cast<uInt>(whole.size());
  int result = Z_OK;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(piece.data());
    stream.avail_out = static_cast<uInt>(piece.size());
    result = inflate(&stream, Z_SYNC_FLUSH);
    out.append(piece, 0, piece.size() - stream.avail_out);
  } while (result == Z_OK && stream.avail_out == 0);
  inflateEnd(&stream);
  return result == Z_OK || result == Z_BUF_ERROR ? out : "";
}

InflatedMessage inflated(std::string_view compressed) { return inflate_message(compressed, no_limit); }

TEST(Deflate, what_is_compressed_can_be_read_with_the_promised_window) {
  for (const std::size_t size : {256U, 1000U, 5000U, 65'536U, 1'000'000U}) {
    const std::string text = like_json(size);
    const std::string compressed(deflate_message(text));
    ASSERT_FALSE(compressed.empty()) << size;
    EXPECT_LT(compressed.size(), size / 2);
    EXPECT_EQ(inflated_elsewhere(compressed, deflate_window_bits), text);
    const InflatedMessage back = inflated(compressed);
    EXPECT_EQ(back.outcome, Inflated::whole);
    EXPECT_EQ(back.bytes, text);
  }
}

TEST(Deflate, each_message_stands_for_itself) {
  const std::string first = like_json(1000);
  const std::string alone(deflate_message(first));
  (void)deflate_message(like_json(70'000));
  EXPECT_EQ(deflate_message(first), alone);
}

TEST(Deflate, what_does_not_shrink_stays_as_it_is) {
  EXPECT_EQ(deflate_message(noise(1000)), "");
  EXPECT_EQ(deflate_message(""), "");
  EXPECT_EQ(deflate_message("x"), "");
}

TEST(Inflate, takes_the_examples_of_RFC_7692) {
  EXPECT_EQ(inflated("\xf2\x48\xcd\xc9\xc9\x07\x00"s).bytes, "Hello");                          // 7.2.3.1
  EXPECT_EQ(inflated("\x00\x05\x00\xfa\xffHello\x00"s).bytes, "Hello");                         // 7.2.3.3
  EXPECT_EQ(inflated("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"s).bytes, "Hello");                      // 7.2.3.4
  EXPECT_EQ(inflated("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"s).bytes, "Hello");  // 7.2.3.5
  const InflatedMessage empty = inflated("\x00"s);                                              // 7.2.3.6
  EXPECT_EQ(empty.outcome, Inflated::whole);
  EXPECT_EQ(empty.bytes, "");
}

TEST(Inflate, nothing_at_all_is_an_empty_message) {
  EXPECT_EQ(inflated("").outcome, Inflated::whole);
  EXPECT_EQ(inflated("").bytes, "");
}

TEST(Inflate, copes_with_every_window_and_level) {
  const std::string text = like_json(60'000) + noise(5000) + like_json(60'000);
  for (int window_bits = 9; window_bits <= 15; ++window_bits)
    for (int level = 0; level <= 9; ++level) {
      const InflatedMessage back = inflated(compressed_elsewhere(text, level, window_bits));
      EXPECT_EQ(back.outcome, Inflated::whole) << window_bits << ' ' << level;
      EXPECT_EQ(back.bytes, text) << window_bits << ' ' << level;
    }
}

TEST(Inflate, goes_on_behind_blocks_that_call_themselves_the_last) {
  const std::string half = like_json(1000);
  const std::string part = compressed_elsewhere(half, 9, 15, Z_FINISH);
  EXPECT_EQ(inflated(part + part + "\x00"s).bytes, half + half);
}

TEST(Inflate, a_block_behind_a_last_one_may_look_back_into_it) {
  // "Hello" as the last block, then length 5 at distance 5, then the empty block's head.
  EXPECT_EQ(inflated("\xf3\x48\xcd\xc9\xc9\x07\x00\x02\x13\x00\x00"s).bytes, "HelloHello");
}

TEST(Inflate, T57_last_blocks_without_end_are_refused) {
  std::string blocks;
  for (int i = 0; i < 65; ++i) blocks += "\x03\x00"s;
  EXPECT_EQ(inflated(blocks + "\x00"s).outcome, Inflated::malformed);
  EXPECT_EQ(inflated(blocks.substr(2) + "\x00"s).outcome, Inflated::whole);
}

TEST(Inflate, T57_the_limit_is_exact) {
  const std::string text(65'536, 'a');
  const std::string fits = compressed_elsewhere(text);
  EXPECT_EQ(inflate_message(fits, 65'536).bytes, text);
  const InflatedMessage more = inflate_message(compressed_elsewhere(text + 'a'), 65'536);
  EXPECT_EQ(more.outcome, Inflated::too_big);
  EXPECT_EQ(more.bytes, "");
  EXPECT_EQ(inflate_message("\x00"s, 0).outcome, Inflated::whole);
}

// 20 KB that would become 20 MB.
TEST(Inflate, T57_a_bomb_is_left_alone_at_the_limit) {
  const std::string bomb = compressed_elsewhere(std::string(20 << 20, '\0'));
  ASSERT_LT(bomb.size(), 30'000U);
  EXPECT_EQ(inflate_message(bomb, 65'536).outcome, Inflated::too_big);
  EXPECT_EQ(inflate_message(compressed_elsewhere("after it"), 65'536).bytes, "after it");
}

TEST(Inflate, a_limit_holds_also_after_a_larger_message_of_the_same_thread) {
  const std::string large(100'000, 'a');
  EXPECT_EQ(inflated(compressed_elsewhere(large)).bytes, large);
  EXPECT_EQ(inflate_message(compressed_elsewhere(large), 99'999).outcome, Inflated::too_big);
}

TEST(Inflate, what_is_no_deflate_is_refused) {
  const std::string text = like_json(2000);
  const std::string good = compressed_elsewhere(text);
  EXPECT_EQ(inflated("\x07"s).outcome, Inflated::malformed);  // no such kind of block
  EXPECT_EQ(inflated("\x00\x05\x00\x00\x00Hello"s).outcome,
            Inflated::malformed);                                         // length and its complement
  EXPECT_EQ(inflated("\x02\x13\x00\x00"s).outcome, Inflated::malformed);  // looks back beyond the beginning
  for (std::size_t cut = 1; cut < good.size(); ++cut)
    EXPECT_EQ(inflated(good.substr(0, cut)).outcome, Inflated::malformed) << cut;
  // Four bytes short: the tail would be taken for them.
  EXPECT_EQ(inflated("\x00\x09\x00\xf6\xffHello"s).outcome, Inflated::malformed);
  EXPECT_EQ(inflated(good).bytes, text);  // and the thread goes on
}

TEST(Inflate, a_longest_form_covers_every_compressor) {
  for (const std::size_t size : {0U, 1U, 100U, 65'536U}) {
    const std::string text = noise(size);
    for (int level = 0; level <= 9; ++level) {
      const std::size_t longest = compressed_elsewhere(text, level, 9).size();
      EXPECT_LE(longest, deflated_bytes_max(size)) << size << ' ' << level;
    }
  }
}

}  // namespace
}  // namespace corohub
