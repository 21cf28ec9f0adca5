#include "flags/evaluation/fractional.hpp"

#include <bit>
#include <cmath>
#include <cstddef>

namespace corohub::flags {
namespace {

constexpr std::uint32_t mixed(std::uint32_t block) noexcept {
  return std::rotl(block * 0xcc9e2d51u, 15) * 0x1b873593u;
}

// Takes bytes one after the other, so that two texts need not be joined.
class Murmur3 {
 public:
  void add(std::string_view text) noexcept {
    length_ += static_cast<std::uint32_t>(text.size());
    for (const char c : text) {
      block_ |= std::uint32_t{static_cast<unsigned char>(c)} << (8 * filled_);
      if (++filled_ == 4) mix();
    }
  }

  std::uint32_t finish() noexcept {
    std::uint32_t hash = hash_;
    if (filled_ > 0) hash ^= mixed(block_);
    hash ^= length_;
    hash = (hash ^ (hash >> 16)) * 0x85ebca6bu;
    hash = (hash ^ (hash >> 13)) * 0xc2b2ae35u;
    return hash ^ (hash >> 16);
  }

 private:
  void mix() noexcept {
    hash_ = std::rotl(hash_ ^ mixed(block_), 13) * 5 + 0xe6546b64u;
    block_ = 0;
    filled_ = 0;
  }

  std::uint32_t hash_ = 0;
  std::uint32_t block_ = 0;
  std::uint32_t filled_ = 0;
  std::uint32_t length_ = 0;
};

// Nothing for what is no weight.
std::optional<std::uint32_t> read_weight(const Value& value) noexcept {
  if (!value.is_number() || std::trunc(value.number()) != value.number()) return std::nullopt;
  if (value.number() > static_cast<double>(total_weight_max)) return std::nullopt;
  return value.number() > 0 ? static_cast<std::uint32_t>(value.number()) : 0;
}

}  // namespace

std::optional<Bucket> read_bucket(const Value& value) noexcept {
  if (!value.is_list() || value.size() == 0) return std::nullopt;
  Bucket bucket{value[0]};
  switch (bucket.variant.kind()) {
    case Value::Kind::null:
    case Value::Kind::boolean:
    case Value::Kind::number:
    case Value::Kind::text:
      break;
    default:
      return std::nullopt;
  }
  if (value.size() == 1) return bucket;
  const std::optional<std::uint32_t> weight = read_weight(value[1]);
  if (!weight) return std::nullopt;
  bucket.weight = *weight;
  return bucket;
}

std::uint32_t murmur3(std::string_view text, std::string_view more) noexcept {
  Murmur3 hash;
  hash.add(text);
  hash.add(more);
  return hash.finish();
}

}  // namespace corohub::flags
