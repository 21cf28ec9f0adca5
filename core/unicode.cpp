#include "core/unicode.hpp"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include <utf8proc.h>

namespace corohub {
namespace {

struct Free {
  void operator()(utf8proc_uint8_t* memory) const noexcept { std::free(memory); }
};

std::string mapped(std::string_view text, int options) {
  utf8proc_uint8_t* made = nullptr;
  const utf8proc_ssize_t size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                             static_cast<utf8proc_ssize_t>(text.size()), &made,
                                             static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, Free> owner(made);
  if (size == UTF8PROC_ERROR_NOMEM) throw std::bad_alloc();
  if (size < 0) return std::string(text);
  return {reinterpret_cast<const char*>(made), static_cast<std::size_t>(size)};
}

// The code point that `text` begins with, and its bytes; -1 and one byte for what is not well-formed.
struct CodePoint {
  std::int32_t value = -1;
  std::size_t bytes = 1;
};

CodePoint first_of(std::string_view text) noexcept {
  utf8proc_int32_t value = -1;
  const utf8proc_ssize_t bytes = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                                  static_cast<utf8proc_ssize_t>(text.size()), &value);
  if (bytes <= 0) return {};
  return {value, static_cast<std::size_t>(bytes)};
}

CodePoint last_of(std::string_view text) noexcept {
  std::size_t begin = text.size() - 1;
  while (begin > 0 && text.size() - begin < 4 && (static_cast<unsigned char>(text[begin]) & 0xc0) == 0x80)
    --begin;
  const CodePoint last = first_of(text.substr(begin));
  return begin + last.bytes == text.size() ? last : CodePoint{};
}

// The property White_Space.
bool is_white_space(std::int32_t c) noexcept {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

bool is_joiner(std::int32_t c) noexcept { return c == 0x200c || c == 0x200d; }

// Arabic and what comes after it: scripts, and pictures, whose characters joiners join or keep apart.
bool may_be_joined(std::int32_t c) noexcept {
  return c >= 0x600 && !is_white_space(c) && !(c >= 0x2000 && c <= 0x206f);
}

bool is_invisible(std::int32_t c) noexcept {
  return c == 0xad || c == 0x61c || c == 0x115f || c == 0x1160 || c == 0x180e || c == 0x200b || c == 0x200e ||
         c == 0x200f || (c >= 0x202a && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0x2028 ||
         c == 0x2029 || c == 0x3164 || c == 0xfeff || c == 0xffa0 || (c >= 0xfff9 && c <= 0xfffb) ||
         (c >= 0xe0000 && c <= 0xe0fff);
}

}  // namespace

std::string nfc(std::string_view text) { return mapped(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE); }

std::string fold_case(std::string_view text) {
  return mapped(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
}

std::string_view trim_white_space(std::string_view text) noexcept {
  while (!text.empty()) {
    const CodePoint first = first_of(text);
    if (!is_white_space(first.value)) break;
    text.remove_prefix(first.bytes);
  }
  while (!text.empty()) {
    const CodePoint last = last_of(text);
    if (!is_white_space(last.value)) break;
    text.remove_suffix(last.bytes);
  }
  return text;
}

bool has_invisible(std::string_view text) noexcept {
  std::int32_t before = -1;
  while (!text.empty()) {
    const CodePoint here = first_of(text);
    text.remove_prefix(here.bytes);
    if (is_invisible(here.value)) return true;
    if (is_joiner(here.value) &&
        !(may_be_joined(before) && !text.empty() && may_be_joined(first_of(text).value)))
      return true;
    before = here.value;
  }
  return false;
}

}  // namespace corohub
