// What the key of an entity may be: namespaces, flags, platforms and their like. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace corohub {

inline constexpr std::size_t key_name_bytes_max = 64;

// [A-Za-z0-9], then such characters and '.', '_', '-' and those of `more`; at most so many bytes.
constexpr bool is_key_name(std::string_view text, std::size_t bytes_max = key_name_bytes_max,
                           std::string_view more = {}) noexcept {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
  };
  if (text.empty() || text.size() > bytes_max || !is_alphanumeric(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alphanumeric(c) || c == '.' || c == '_' || c == '-' || more.find(c) != std::string_view::npos;
  });
}

}  // namespace corohub
