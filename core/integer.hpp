// Integers as JSON Schema 2020-12 means them: a number without a fraction, however it is written (25, 25.0,
// 2.5e1). parse_json() makes an is_int64() of each up to exact_integer_max. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace corohub {

// Up to here, with either sign, each integer is a double, too, so every reader of JSON reads the same number.
inline constexpr std::int64_t exact_integer_max = std::int64_t{1} << 53;

constexpr bool is_exact(std::int64_t number) noexcept {
  return number >= -exact_integer_max && number <= exact_integer_max;
}

// The integer that the text of a number means, as JSON writes it or with zeros in front; nothing for any
// other text. What is not exact is the greatest or the least int64.
std::optional<std::int64_t> parse_integer(std::string_view text) noexcept;

}  // namespace corohub
