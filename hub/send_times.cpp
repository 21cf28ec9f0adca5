#include "hub/send_times.hpp"

#include "core/metrics.hpp"

#include <algorithm>
#include <chrono>

namespace corohub::hub {
namespace {

constexpr std::size_t batches_max = 1024;  // at a time; more are not measured

metrics::Histogram& commit_to_send() {
  static metrics::Histogram& histogram = metrics::histogram(
      "corohub_commit_to_send_seconds",
      "From a commit to the return of a shard's last send of what it committed.",
      {0.00005, 0.0001, 0.0002, 0.0003, 0.0005, 0.00075, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1});
  return histogram;
}

}  // namespace

SendTimes::SendTimes() {
  batches_.reserve(batches_max);
  (void)commit_to_send();
}

void SendTimes::queued(SteadyTime committed) noexcept {
  if (batches_.size() < batches_.capacity()) batches_.push_back({committed});
}

void SendTimes::turn_ended(const SendLines::Place& place) noexcept {
  for (auto batch = batches_.rbegin(); batch != batches_.rend() && !batch->place; ++batch)
    batch->place = place;
}

void SendTimes::look(const SendLines& lines, const Clock& clock) noexcept {
  const auto left = std::ranges::find_if(
      batches_, [&](const Batch& batch) { return !batch.place || !lines.has_passed(*batch.place); });
  if (left == batches_.begin()) return;
  const SteadyTime now = clock.steady();
  for (auto sent = batches_.begin(); sent != left; ++sent)
    commit_to_send().Observe(std::chrono::duration<double>(now - sent->committed).count());
  batches_.erase(batches_.begin(), left);
}

}  // namespace corohub::hub
