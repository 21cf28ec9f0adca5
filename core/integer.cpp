#include "core/integer.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>
#include <system_error>

namespace corohub {
namespace {

// A number's text in its parts: [-] digits [. digits] [e digits].
struct Decimal {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  int exponent = 0;
};

constexpr std::string_view decimal_digits = "0123456789";

std::string_view take_digits(std::string_view& text) noexcept {
  const std::string_view digits =
      text.substr(0, std::min(text.find_first_not_of(decimal_digits), text.size()));
  text.remove_prefix(digits.size());
  return digits;
}

bool take(std::string_view& text, std::string_view any_of) noexcept {
  if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Decimal> parse_decimal(std::string_view text) noexcept {
  Decimal decimal;
  decimal.negative = take(text, "-");
  decimal.whole = take_digits(text);
  if (decimal.whole.empty()) return std::nullopt;
  if (take(text, ".")) {
    decimal.fraction = take_digits(text);
    if (decimal.fraction.empty()) return std::nullopt;
  }
  if (!take(text, "eE")) return text.empty() ? std::optional(decimal) : std::nullopt;
  const bool small = take(text, "-");
  if (!small) take(text, "+");
  const std::string_view digits = take_digits(text);
  if (digits.empty() || !text.empty()) return std::nullopt;
  constexpr int enough = 1 << 24;  // longer than any text here
  if (std::from_chars(digits.data(), digits.data() + digits.size(), decimal.exponent).ec != std::errc())
    decimal.exponent = enough;
  decimal.exponent = std::min(decimal.exponent, enough) * (small ? -1 : 1);
  return decimal;
}

}  // namespace

// Works on the digits: a double would have been rounded before it could be asked.
std::optional<std::int64_t> parse_integer(std::string_view text) noexcept {
  const std::optional<Decimal> decimal = parse_decimal(text);
  if (!decimal) return std::nullopt;
  const auto& [negative, whole, fraction, exponent] = *decimal;
  const std::int64_t most =
      negative ? std::numeric_limits<std::int64_t>::min() : std::numeric_limits<std::int64_t>::max();
  const auto digits = static_cast<std::int64_t>(whole.size() + fraction.size());
  const std::int64_t point = static_cast<std::int64_t>(whole.size()) + exponent;  // digits in front of it
  const auto digit = [&](std::int64_t i) {
    const auto at = static_cast<std::size_t>(i);
    return (at < whole.size() ? whole[at] : fraction[at - whole.size()]) - '0';
  };
  for (std::int64_t i = std::max<std::int64_t>(point, 0); i < digits; ++i)
    if (digit(i) != 0) return std::nullopt;
  std::int64_t number = 0;
  bool beyond = false;
  for (std::int64_t i = 0; i < std::min(point, digits) && !beyond; ++i) {
    number = number * 10 + digit(i);
    beyond = !is_exact(number);
  }
  for (std::int64_t i = digits; i < point && number != 0 && !beyond; ++i) {
    number *= 10;
    beyond = !is_exact(number);
  }
  if (beyond) return most;
  return negative ? -number : number;
}

}  // namespace corohub
