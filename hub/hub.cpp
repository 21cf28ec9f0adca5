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

void Hub::publish(const BatchRef& batch) {
  if (shards_.empty()) {
    batch->expect(1);
    batch->applied_by_one_shard();
    return;
  }
  batch->expect(static_cast<std::uint32_t>(shards_.size()));
  for (Shard* shard : shards_) shard->put(batch);
}

bool Hub::try_publish(const BatchRef& batch) {
  const bool room = std::ranges::all_of(shards_, [](const Shard* shard) { return shard->has_room(); });
  if (!room) {
    refused_counter().Increment();
    return false;
  }
  batch->expect(std::max<std::uint32_t>(1, static_cast<std::uint32_t>(shards_.size())));
  if (shards_.empty()) batch->applied_by_one_shard();
  // Another publisher may have taken the last room since: then an inbox holds this one batch more than it
  // should, which is better than an event that only some shards have.
  for (Shard* shard : shards_) shard->force_put(batch);
  return true;
}

}  // namespace corohub::hub
