// flagd's `fractional`: which of some weighted variants a text falls to, the same everywhere. Pure.
#pragma once

#include "flags/evaluation/value.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace corohub::flags {

inline constexpr std::uint64_t total_weight_max = 0x7fffffff;

struct Bucket {
  Value variant;
  std::uint32_t weight = 1;
};

// A list of a variant (null, a boolean, a number, a text) and, if need be, its weight, an integer: a negative
// one is 0. Nothing for anything else.
std::optional<Bucket> read_bucket(const Value& value) noexcept;

// MurmurHash3, x86, 32 bits, seed 0, of the two texts one behind the other.
std::uint32_t murmur3(std::string_view text, std::string_view more = {}) noexcept;

// Where on the line of all weights the hash falls.
constexpr std::uint64_t place_of(std::uint32_t hash, std::uint64_t total_weight) noexcept {
  return (std::uint64_t{hash} * total_weight) >> 32;
}

}  // namespace corohub::flags
