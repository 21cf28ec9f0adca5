#include "core/metrics.hpp"

#include <string>

#include <gtest/gtest.h>

namespace corohub::metrics {
namespace {

TEST(Metrics, the_same_name_and_labels_give_the_same_metric) {
  Counter& first = counter("corohub_test_things_total", "Things", {{"kind", "a"}});
  Counter& again = counter("corohub_test_things_total", "Things", {{"kind", "a"}});
  Counter& other = counter("corohub_test_things_total", "Things", {{"kind", "b"}});
  EXPECT_EQ(&first, &again);
  EXPECT_NE(&first, &other);
  first.Increment(2);
  EXPECT_NE(text().find("corohub_test_things_total{kind=\"a\"} 2"), std::string::npos) << text();
}

TEST(Metrics, gauges_and_histograms_are_printed) {
  gauge("corohub_test_level", "Level").Set(5);
  histogram("corohub_test_seconds", "Seconds", {0.1, 1}).Observe(0.5);
  const std::string printed = text();
  EXPECT_NE(printed.find("corohub_test_level 5"), std::string::npos);
  EXPECT_NE(printed.find("corohub_test_seconds_bucket{le=\"0.1\"} 0"), std::string::npos);
  EXPECT_NE(printed.find("corohub_test_seconds_bucket{le=\"1\"} 1"), std::string::npos);
}

}  // namespace
}  // namespace corohub::metrics
