// Small text of HTTP headers: ASCII without case, blanks, lists. Pure; the views point into their arguments.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace corohub::http {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

constexpr bool same_word(std::string_view left, std::string_view right) noexcept {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i < left.size(); ++i)
    if (lower(left[i]) != lower(right[i])) return false;
  return true;
}

// The text without spaces and tabs at both ends.
constexpr std::string_view trim_blanks(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The part before the separator; `rest` keeps the part behind it (nothing, when there was none).
constexpr std::string_view cut(std::string_view& rest, char separator) noexcept {
  const std::size_t end = rest.find(separator);
  const std::string_view piece = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return piece;
}

// A set of bytes, for questions that are asked of every byte of a head.
class ByteSet {
 public:
  // Letters and digits, and the characters of `others`.
  static constexpr ByteSet alphanumeric_and(std::string_view others) noexcept {
    ByteSet set;
    for (char c = '0'; c <= '9'; ++c) set.add(c);
    for (char c = 'a'; c <= 'z'; ++c) set.add(c);
    for (char c = 'A'; c <= 'Z'; ++c) set.add(c);
    for (const char c : others) set.add(c);
    return set;
  }

  constexpr bool has(char c) const noexcept { return has_[static_cast<unsigned char>(c)]; }
  constexpr bool has_all(std::string_view text) const noexcept {
    bool all = true;  // every byte is asked, which is faster than to stop at the first that is missing
    for (const char c : text) all &= has(c);
    return all;
  }

 private:
  constexpr void add(char c) noexcept { has_[static_cast<unsigned char>(c)] = true; }

  std::array<bool, 256> has_{};
};

// RFC 9110 section 5.6.2.
inline constexpr ByteSet token_chars = ByteSet::alphanumeric_and("!#$%&'*+-.^_`|~");
constexpr bool is_token_char(char c) noexcept { return token_chars.has(c); }
constexpr bool is_token(std::string_view text) noexcept { return !text.empty() && token_chars.has_all(text); }

}  // namespace corohub::http
