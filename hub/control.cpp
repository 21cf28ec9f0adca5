#include "hub/control.hpp"

#include <utility>

namespace corohub::hub {
namespace {

// What an entry costs beside its text: the objects and their places in a batch.
constexpr std::size_t entry_overhead = 128;

std::size_t size_of(const Entry& entry) noexcept {
  if (const EventRef* event = std::get_if<EventRef>(&entry)) return entry_overhead + (*event)->size();
  if (const Notice* notice = std::get_if<Notice>(&entry))
    return entry_overhead + notice->event->size() +
           (notice->only.size() + notice->except.size()) * sizeof(UserId);
  return entry_overhead;
}

}  // namespace

Batch::Batch(std::vector<Entry> entries, std::unique_ptr<BatchDone> done, std::optional<SteadyTime> committed)
    : entries_(std::move(entries)), committed_(committed), reached_(entries_.size()), done_(std::move(done)) {
  for (const Entry& entry : entries_) bytes_ += size_of(entry);
  if (done_) said_.reserve(entries_.size());
}

void Batch::applied_by_one_shard() noexcept {
  // Release and acquire: the last shard sees what all others have counted.
  if (shards_left_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (!done_) return;
  for (const std::atomic<std::uint32_t>& count : reached_)
    said_.push_back(count.load(std::memory_order_relaxed));
  // The receipt may keep another thread's loop alive, so it dies now and not with the last reference to the
  // batch.
  const std::unique_ptr<BatchDone> done = std::move(done_);
  done->applied(said_);
}

}  // namespace corohub::hub
