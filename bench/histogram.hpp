// Durations in buckets that are never wider than 1/64 of their value: percentiles of millions of receipts in
// little memory. Nanoseconds in, milliseconds out. One thread.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace corohub::bench {

class Histogram {
 public:
  void add(std::int64_t nanoseconds) {
    const auto value = static_cast<std::uint64_t>(nanoseconds < 0 ? 0 : nanoseconds);
    ++counts_[bucket_of(value)];
    ++count_;
    if (value > largest_) largest_ = value;
  }

  void clear() { *this = Histogram(); }

  // 0 when nothing was added.
  double percentile_ms(double share) const {
    const auto wanted = static_cast<std::uint64_t>(static_cast<double>(count_) * share);
    std::uint64_t seen = 0;
    for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
      seen += counts_[bucket];
      if (seen > wanted) return static_cast<double>(lower_bound_of(bucket)) / 1e6;
    }
    return max_ms();
  }

  double max_ms() const { return static_cast<double>(largest_) / 1e6; }
  std::uint64_t count() const { return count_; }

 private:
  static constexpr unsigned fine_bits = 6;  // buckets per power of two: 64

  static std::size_t bucket_of(std::uint64_t value) {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= fine_bits) return static_cast<std::size_t>(value);
    const unsigned shift = width - fine_bits - 1;
    return (static_cast<std::size_t>(shift) << fine_bits) + static_cast<std::size_t>(value >> shift);
  }

  static std::uint64_t lower_bound_of(std::size_t bucket) {
    constexpr std::size_t fine = std::size_t{1} << fine_bits;
    if (bucket < 2 * fine) return bucket;
    const auto shift = (bucket >> fine_bits) - 1;
    return static_cast<std::uint64_t>(fine + (bucket & (fine - 1))) << shift;
  }

  std::array<std::uint64_t, std::size_t{60} << fine_bits> counts_{};
  std::uint64_t count_ = 0;
  std::uint64_t largest_ = 0;
};

}  // namespace corohub::bench
