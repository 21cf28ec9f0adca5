#include "core/encoding.hpp"

#include <string>

#include <gtest/gtest.h>

namespace corohub {
namespace {

using namespace std::string_literals;

TEST(Base64url, encodes_the_vectors_of_rfc_4648_without_padding) {
  EXPECT_EQ(base64url(""), "");
  EXPECT_EQ(base64url("f"), "Zg");
  EXPECT_EQ(base64url("fo"), "Zm8");
  EXPECT_EQ(base64url("foo"), "Zm9v");
  EXPECT_EQ(base64url("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64url("\xfb\xff\xbf"), "-_-_");
}

TEST(Base64url, gives_back_every_byte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (std::size_t size = 0; size <= all.size(); ++size)
    EXPECT_EQ(from_base64url(base64url(all.substr(0, size))), all.substr(0, size));
}

TEST(Base64url, T19_takes_one_text_per_value) {
  EXPECT_EQ(from_base64url("Zg"), "f");
  for (const std::string& text : {"Zh"s, "Zm9"s, "Z"s, "Zg=="s, "Zg="s, "Z g"s, "Zg\n"s, "Zm+v"s, "Zm/v"s,
                                  "Zg.\0"s, "Z\0g"s, "Zm9vY"s, "\xc3\xa9"s})
    EXPECT_EQ(from_base64url(text), std::nullopt) << text;
}

TEST(Encoding, base64_is_padded_and_strict) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("\xfb\xff\xbf"), "+/+/");
  for (const char* text : {"", "f", "fo", "foo", "foob"}) EXPECT_EQ(from_base64(base64(text)), text);
  for (const char* text : {"Zg", "Zg=", "Zh==", "Zg==\n", "-_-_", "Zg== ", "====",
                           "A\x80"
                           "AA",
                           "\xcb\xb1"
                           "AA"})
    EXPECT_EQ(from_base64(text), std::nullopt) << text;
}

TEST(PercentDecode, decodes_and_refuses) {
  EXPECT_EQ(percent_decode("a%20b%2Fc"), "a b/c");
  EXPECT_EQ(percent_decode("a+b"), "a+b");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("%c3%A9"), "\xc3\xa9");
  for (const char* text :
       {"%", "%2", "a%", "%zz", "%-1", "%00", "a%00b", "%ff", "%c0%af", "%ed%a0%80", "\xff"})
    EXPECT_EQ(percent_decode(text), std::nullopt) << text;
}

TEST(Utf8, tells_well_formed_text) {
  for (const char* text : {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
                           "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(is_utf8(text)) << text;
  EXPECT_TRUE(is_utf8("a\0b"s));
}

TEST(Utf8, refuses_overlong_surrogate_cut_and_stray_bytes) {
  for (const char* text :
       {"\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x80\x80", "\xe0\x9f\xbf",
        "\xe2\x82", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff", "a\xe2\x82z"})
    EXPECT_FALSE(is_utf8(text));
}

TEST(Utf8, counts_code_points) {
  EXPECT_EQ(code_points(""), 0u);
  EXPECT_EQ(code_points("abc"), 3u);
  EXPECT_EQ(code_points("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 3u);
}

TEST(Sha256, gives_the_vector_of_fips_180) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  for (const unsigned char byte : sha256("abc")) {
    hex += digits[byte >> 4];
    hex += digits[byte & 15];
  }
  EXPECT_EQ(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_text("").size(), 32u);
  EXPECT_NE(sha256_text("a"), sha256_text("a\0"s));
}

TEST(HmacSha256, gives_the_vectors_of_rfc_4231) {
  EXPECT_EQ(base64url(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM");
  EXPECT_EQ(base64url(hmac_sha256(std::string(131, '\xaa'),
                                  "Test Using Larger Than Block-Size Key - Hash Key First")),
            "YOQxWR7gtn8Niiaqy_W3f44LxiE3KMUUBUYEDw7jf1Q");
}

TEST(HexDigit, knows_sixteen) {
  EXPECT_EQ(hex_digit('0'), 0);
  EXPECT_EQ(hex_digit('f'), 15);
  EXPECT_EQ(hex_digit('F'), 15);
  for (const char c : {'g', 'G', '/', ':', '@', '`', ' ', '\0'}) EXPECT_EQ(hex_digit(c), -1);
}

}  // namespace
}  // namespace corohub
