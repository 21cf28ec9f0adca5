#include "flags/evaluation/sem_ver.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

namespace corohub::flags {
namespace {

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
bool is_number(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, is_digit) && (text.size() == 1 || text.front() != '0');
}
bool is_identifier(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return is_digit(c) || c == '-' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

// Cuts what stands before the first separator off the text.
std::string_view take_until(std::string_view& text, char separator) noexcept {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return part;
}

template <class Predicate>
bool each_identifier(std::string_view text, Predicate predicate) noexcept {
  if (text.empty() || text.back() == '.') return false;
  while (!text.empty())
    if (!predicate(take_until(text, '.'))) return false;
  return true;
}

bool is_build(std::string_view text) noexcept { return each_identifier(text, is_identifier); }
bool is_before(std::string_view text) noexcept {
  return each_identifier(text, [](std::string_view part) {
    return is_identifier(part) && (is_number(part) || !std::ranges::all_of(part, is_digit));
  });
}

std::strong_ordering compare_numbers(std::string_view a, std::string_view b) noexcept {
  return a.size() != b.size() ? a.size() <=> b.size() : a.compare(b) <=> 0;
}

std::strong_ordering compare_identifiers(std::string_view a, std::string_view b) noexcept {
  const bool a_is_number = is_number(a);
  const bool b_is_number = is_number(b);
  if (a_is_number && b_is_number) return compare_numbers(a, b);
  if (a_is_number != b_is_number)
    return a_is_number ? std::strong_ordering::less : std::strong_ordering::greater;
  return a.compare(b) <=> 0;
}

// Section 11 of the standard: a release follows all that came before it; the longer list of identifiers
// follows its beginning.
std::strong_ordering compare_before(std::string_view a, std::string_view b) noexcept {
  if (a.empty() || b.empty()) return a.empty() <=> b.empty();
  while (!a.empty() && !b.empty()) {
    const std::strong_ordering order = compare_identifiers(take_until(a, '.'), take_until(b, '.'));
    if (order != 0) return order;
  }
  return !a.empty() <=> !b.empty();
}

std::strong_ordering compare_numbers(const Version& a, const Version& b, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i)
    if (const std::strong_ordering order = compare_numbers(a.numbers[i], b.numbers[i]); order != 0)
      return order;
  return std::strong_ordering::equal;
}

std::strong_ordering compare(const Version& a, const Version& b) noexcept {
  const std::strong_ordering order = compare_numbers(a, b, 3);
  return order != 0 ? order : compare_before(a.before, b.before);
}

// Reads the text, which has no v in front, and counts its numbers: 0 if it is no version.
std::size_t read_version(std::string_view text, Version& version) noexcept {
  const std::size_t numbers_end = std::min(text.find_first_of("-+"), text.size());
  std::string_view numbers = text.substr(0, numbers_end);
  std::string_view rest = text.substr(numbers_end);
  if (numbers.empty() || numbers.back() == '.') return 0;
  std::size_t count = 0;
  while (!numbers.empty()) {
    const std::string_view number = take_until(numbers, '.');
    if (count == 3 || !is_number(number)) return 0;
    version.numbers[count++] = number;
  }
  if (rest.empty()) return count;
  if (count != 3) return 0;
  if (rest.front() == '-') {
    rest.remove_prefix(1);
    version.before = rest.substr(0, rest.find('+'));
    rest.remove_prefix(version.before.size());
    if (!is_before(version.before)) return 0;
  }
  return rest.empty() || is_build(rest.substr(1)) ? count : 0;
}

constexpr std::array<std::pair<std::string_view, VersionRelation>, 8> relations = {{
    {"=", VersionRelation::equal},
    {"!=", VersionRelation::not_equal},
    {"<", VersionRelation::less},
    {"<=", VersionRelation::less_or_equal},
    {">", VersionRelation::greater},
    {">=", VersionRelation::greater_or_equal},
    {"^", VersionRelation::same_major},
    {"~", VersionRelation::same_minor},
}};

}  // namespace

std::optional<Version> parse_version(std::string_view text) noexcept {
  if (text.size() > version_bytes_max) return std::nullopt;
  if (text.starts_with('v') || text.starts_with('V')) text.remove_prefix(1);
  Version version;
  if (read_version(text, version) == 0) return std::nullopt;
  return version;
}

bool is_complete_version(std::string_view text) noexcept {
  Version version;
  return read_version(text, version) == 3;
}

std::optional<VersionRelation> parse_version_relation(std::string_view text) noexcept {
  for (const auto& [word, relation] : relations)
    if (word == text) return relation;
  return std::nullopt;
}

bool holds(const Version& a, VersionRelation relation, const Version& b) noexcept {
  switch (relation) {
    case VersionRelation::equal:
      return compare(a, b) == 0;
    case VersionRelation::not_equal:
      return compare(a, b) != 0;
    case VersionRelation::less:
      return compare(a, b) < 0;
    case VersionRelation::less_or_equal:
      return compare(a, b) <= 0;
    case VersionRelation::greater:
      return compare(a, b) > 0;
    case VersionRelation::greater_or_equal:
      return compare(a, b) >= 0;
    case VersionRelation::same_major:
      return compare_numbers(a, b, 1) == 0;
    case VersionRelation::same_minor:
      return compare_numbers(a, b, 2) == 0;
  }
  return false;
}

}  // namespace corohub::flags
