// Text encodings: base64url (RFC 4648 section 5, no padding), base64, percent-decoding, UTF-8, SHA-256 and
// HMAC-SHA-256.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub {

std::string base64url(std::string_view bytes);
// Nothing for a foreign character, padding, or tail bits that are not zero: each value has one text.
std::optional<std::string> from_base64url(std::string_view text);

// Base64 as most people write it (RFC 4648 section 4, with padding).
std::string base64(std::string_view bytes);
// Nothing for a foreign character, missing padding, or tail bits that are not zero.
std::optional<std::string> from_base64(std::string_view text);

int hex_digit(char c) noexcept;  // -1: none

// Percent-decoding of a path segment or query value; `+` is a space only when `plus_is_space`.
// Nothing for a broken escape, NUL, or bytes that are not UTF-8.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

bool is_utf8(std::string_view text) noexcept;

// Well-formed UTF-8 (Unicode table 3-7) in pieces that may be cut anywhere. Knows of an error with the first
// byte that can't be right.
class Utf8Check {
 public:
  // False: an error; the check is of no use afterwards.
  bool add(std::string_view piece) noexcept;
  // No sequence is unfinished.
  bool complete() const noexcept { return left_ == 0; }

 private:
  bool begin_sequence(unsigned char lead) noexcept;

  // Continuation bytes that are still to come, and what the next one may be.
  std::uint8_t left_ = 0;
  std::uint8_t low_ = 0x80;
  std::uint8_t high_ = 0xbf;
};

// Unicode code points of valid UTF-8.
std::size_t code_points(std::string_view text) noexcept;

using Sha256 = std::array<unsigned char, 32>;
Sha256 sha256(std::string_view bytes) noexcept;
std::string sha256_text(std::string_view bytes);  // the 32 bytes as a string, for a BLOB column
std::string hmac_sha256(std::string_view key, std::string_view bytes);  // RFC 2104, 32 bytes

}  // namespace corohub
