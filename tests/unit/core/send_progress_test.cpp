#include "core/send_progress.hpp"

#include <optional>

#include <gtest/gtest.h>

namespace corohub {
namespace {

using namespace std::chrono_literals;

const SteadyTime start{1000s};

// A reader: what its kernel takes at once, and what is acknowledged later, in steps, as windows open.
struct Reader {
  std::uint64_t at_once = 0;
  std::uint64_t step = 1;
  std::uint64_t bytes_per_s = 0;

  std::uint64_t acknowledged(std::chrono::milliseconds after) const {
    const auto read = bytes_per_s * static_cast<std::uint64_t>(after.count()) / 1000;
    return (after > 0ms ? at_once : 0) + read / step * step;
  }
};

// When it is given up, looked at as a wheel does; nothing: it lives.
std::optional<std::chrono::milliseconds> given_up(const Reader& reader, std::chrono::seconds time) {
  SendProgress progress(10s, reader.acknowledged(0ms), start);
  for (std::chrono::milliseconds at{0}; at < time; at += 100ms) {
    if (start + at < progress.next_look()) continue;
    if (!progress.look(reader.acknowledged(at), start + at)) return at;
  }
  return std::nullopt;
}

TEST(SendProgress, R5_who_takes_nothing_is_given_up_in_time) { EXPECT_EQ(given_up({}, 60s), 10s); }

TEST(SendProgress, R5_what_the_kernel_of_a_drip_takes_buys_it_one_look_and_no_more) {
  for (const std::uint64_t at_once : {20'000, 200'000, 6'000'000}) {
    const auto end = given_up({.at_once = at_once, .bytes_per_s = 100}, 60s);
    ASSERT_TRUE(end.has_value()) << at_once;
    EXPECT_LE(*end, 11s) << at_once;
  }
}

TEST(SendProgress, T60_who_reads_on_is_never_given_up) {
  EXPECT_FALSE(given_up({.bytes_per_s = 1100}, 3600s).has_value());
  EXPECT_FALSE(given_up({.at_once = 200'000, .step = 65'536, .bytes_per_s = 40'000}, 3600s).has_value());
  EXPECT_FALSE(given_up({.at_once = 6'000'000, .step = 196'608, .bytes_per_s = 40'000}, 3600s).has_value());
}

TEST(SendProgress, T60_who_stops_reading_is_given_up_soon_after) {
  SendProgress progress(10s, 0, start);
  std::uint64_t acknowledged = 0;
  for (int second = 1; second <= 100; ++second)
    ASSERT_TRUE(progress.look(acknowledged += 40'000, start + std::chrono::seconds(second)));
  EXPECT_TRUE(progress.look(acknowledged, start + 109s));
  EXPECT_FALSE(progress.look(acknowledged, start + 110s));
}

TEST(SendProgress, a_count_that_is_less_than_before_is_no_progress) {
  SendProgress progress(10s, 5, start);
  EXPECT_TRUE(progress.look(4, start + 1s))
      << "the end of our side counts as a byte that is not acknowledged";
  EXPECT_FALSE(progress.look(4, start + 10s));
}

}  // namespace
}  // namespace corohub
