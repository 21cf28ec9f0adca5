// Semantic versions (semver.org, 2.0.0) as sem_ver compares them: a leading v or V is passed over, and what
// is missing at the end (1, 1.2) is zero. Pure.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace corohub::flags {

// Refers to the text that it was read from. Numbers are digits without zeros in front: any length compares.
struct Version {
  std::array<std::string_view, 3> numbers{"0", "0", "0"};  // major, minor, patch
  std::string_view before{};                               // dot separated; empty: a release
};

// A longer text is no version.
inline constexpr std::size_t version_bytes_max = 256;
std::optional<Version> parse_version(std::string_view text) noexcept;
// Whether the text is one without a leading v, with all three numbers.
bool is_complete_version(std::string_view text) noexcept;

enum class VersionRelation : std::uint8_t {
  equal,
  not_equal,
  less,
  less_or_equal,
  greater,
  greater_or_equal,
  same_major,
  same_minor
};
std::optional<VersionRelation> parse_version_relation(std::string_view text) noexcept;
bool holds(const Version& a, VersionRelation relation, const Version& b) noexcept;

}  // namespace corohub::flags
