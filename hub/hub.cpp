#include "hub/hub.hpp"

#include "core/metrics.hpp"

#include <algorithm>

namespace corohub::hub {
namespace {

metrics::Counter& refused_counter() {
  static metrics::Counter& counter = metrics::counter(
      "corohub_publish_refused_total", "Volatile batches refused because a shard's inbox was full.");
  return counter;
}

}  // namespace

void Hub::publish(const BatchRef& batch) noexcept {
  if (shards_.empty()) {
    batch->expect(1);
    batch->applied_by_one_shard();
    return;
  }
  batch->expect(static_cast<std::uint32_t>(shards_.size()));
  for (Shard* shard : shards_) shard->put(batch);
}

bool Hub::try_publish(const BatchRef& batch) noexcept {
  const auto full = std::ranges::find_if_not(shards_, [](Shard* shard) { return shard->reserve(); });
  if (full != shards_.end()) {
    for (auto reserved = shards_.begin(); reserved != full; ++reserved) (*reserved)->release();
    refused_counter().Increment();
    return false;
  }
  batch->expect(std::max<std::uint32_t>(1, static_cast<std::uint32_t>(shards_.size())));
  if (shards_.empty()) batch->applied_by_one_shard();
  for (Shard* shard : shards_) shard->put_reserved(batch);
  return true;
}

}  // namespace corohub::hub
