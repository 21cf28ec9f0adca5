#include "core/clock.hpp"

#include <gtest/gtest.h>

namespace corohub {
namespace {

TEST(Rfc3339, prints_utc_with_milliseconds) {
  EXPECT_EQ(rfc3339(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(1'767'695'401'123), "2026-01-06T10:30:01.123Z");
  EXPECT_EQ(rfc3339(951'827'696'007), "2000-02-29T12:34:56.007Z");
  EXPECT_EQ(rfc3339(4'102'444'799'999), "2099-12-31T23:59:59.999Z");
  EXPECT_EQ(rfc3339(-1), "1969-12-31T23:59:59.999Z");
}

TEST(SystemClock, goes_forward) {
  const Clock& clock = system_clock();
  const SteadyTime before = clock.steady();
  EXPECT_GT(clock.unix_ms(), 1'700'000'000'000);
  EXPECT_GE(clock.steady(), before);
}

}  // namespace
}  // namespace corohub
