#include "core/clock.hpp"

#include "core/rfc3339.hpp"

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

TEST(Rfc3339, reads_what_it_prints_and_what_others_write) {
  for (const UnixMs time : {UnixMs{0}, UnixMs{-1}, UnixMs{1'767'695'401'123}, UnixMs{951'827'696'007}})
    EXPECT_EQ(parse_rfc3339(rfc3339(time)), time);
  EXPECT_EQ(parse_rfc3339("2026-01-06T10:30:01Z"), 1'767'695'401'000);
  EXPECT_EQ(parse_rfc3339("2026-01-06t11:30:01.1234567+01:00"), 1'767'695'401'123);
  EXPECT_EQ(parse_rfc3339("2026-01-06T05:00:01.5-05:30"), 1'767'695'401'500);
  EXPECT_EQ(parse_rfc3339("2016-12-31T23:59:60Z"), parse_rfc3339("2017-01-01T00:00:00z"));
}

TEST(Rfc3339, refuses_every_other_text) {
  for (const char* text :
       {"", "2026", "2026-01-06", "2026-01-06T10:30:01", "2026-01-06 10:30:01Z", "2026-02-30T10:30:01Z",
        "2026-13-06T10:30:01Z", "2026-01-06T24:00:00Z", "2026-01-06T10:60:01Z", "2026-01-06T10:30:61Z",
        "2026-01-06T10:30:01.Z", "2026-01-06T10:30:01+1:00", "2026-01-06T10:30:01+24:00",
        "2026-01-06T10:30:01Z ", "+026-01-06T10:30:01Z", "1767695401123", "2026-1-6T10:30:01Z"})
    EXPECT_EQ(parse_rfc3339(text), std::nullopt) << text;
}

TEST(SystemClock, goes_forward) {
  const Clock& clock = system_clock();
  const SteadyTime before = clock.steady();
  EXPECT_GT(clock.unix_ms(), 1'700'000'000'000);
  EXPECT_GE(clock.steady(), before);
}

}  // namespace
}  // namespace corohub
