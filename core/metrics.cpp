#include "core/metrics.hpp"

#include <prometheus/family.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace corohub::metrics {
namespace {

prometheus::Registry& registry() {
  static prometheus::Registry instance(prometheus::Registry::InsertBehavior::Merge);
  return instance;
}

}  // namespace

Counter& counter(const std::string& name, const std::string& help, const Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry()).Add(labels);
}

Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry()).Add(labels);
}

Histogram& histogram(const std::string& name, const std::string& help,
                     const std::vector<double>& upper_bounds, const Labels& labels) {
  return prometheus::BuildHistogram()
      .Name(name)
      .Help(help)
      .Register(registry())
      .Add(labels, prometheus::Histogram::BucketBoundaries(upper_bounds.begin(), upper_bounds.end()));
}

std::string text() { return prometheus::TextSerializer().Serialize(registry().Collect()); }

}  // namespace corohub::metrics
