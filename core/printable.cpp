#include "core/printable.hpp"

#include "core/encoding.hpp"

#include <cstddef>
#include <iterator>

#include <fmt/format.h>

namespace corohub {
namespace {

constexpr char32_t replacement = 0xfffd;

// How many bytes the character has that begins with `lead`, as that byte promises.
std::size_t character_length(unsigned char lead) noexcept {
  if (lead < 0x80) return 1;
  return lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
}

char32_t decode(std::string_view character) noexcept {
  const auto lead = static_cast<unsigned char>(character[0]);
  if (character.size() == 1) return lead;
  char32_t code = lead & (0xffU >> (character.size() + 1));
  for (const char c : character.substr(1)) code = code << 6U | (static_cast<unsigned char>(c) & 0x3fU);
  return code;
}

bool is_control(char32_t code) noexcept {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) ||  // terminals obey those of 0x80 to 0x9f, too
         (code >= 0x2028 && code <= 0x202e) ||            // line ends, then marks of direction
         code == 0x061c || code == 0x200e || code == 0x200f || (code >= 0x2066 && code <= 0x2069);
}

// Walks along the characters of `text`: those to be escaped are written as \uXXXX, the others by `plain`.
template <class Plain>
void escape(std::string& out, std::string_view text, Plain plain) {
  while (!text.empty()) {
    std::string_view character = text.substr(0, character_length(static_cast<unsigned char>(text[0])));
    const bool broken = !is_utf8(character);
    if (broken) character = text.substr(0, 1);
    const char32_t code = broken ? replacement : decode(character);
    if (broken || is_control(code))
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(code));
    else
      plain(character);
    text.remove_prefix(character.size());
  }
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  escape(out, text, [&](std::string_view character) { out += character; });
  return out;
}

// Inside its strings JSON has no raw control character below 0x20, so such a character stands between tokens.
std::string printable_json(std::string_view text) {
  std::string spaced(text);
  for (char& c : spaced)
    if (c == '\t' || c == '\n' || c == '\r') c = ' ';
  return printable(spaced);
}

void append_printable_quoted(std::string& out, std::string_view text) {
  escape(out, text, [&](std::string_view character) {
    if (character == "\"" || character == "\\") out += '\\';
    out += character;
  });
}

}  // namespace corohub
