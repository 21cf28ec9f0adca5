#include "hub/inbox.hpp"

#include "core/metrics.hpp"

#include <utility>

namespace corohub::hub {
namespace {

metrics::Counter& waits_counter() {
  static metrics::Counter& counter =
      metrics::counter("corohub_inbox_waits_total", "Times the writer waited for room in a shard's inbox.");
  return counter;
}

}  // namespace

// No more batches than entries: the number is bounded by the same limit.
bool Inbox::room() const noexcept {
  return entries_ + reserved_ < limits_.entries && bytes_ < limits_.bytes &&
         batches_.size() + reserved_ < limits_.entries;
}

bool Inbox::is_awake() const noexcept {
  const std::scoped_lock lock(mutex_);
  return awake_;
}

bool Inbox::put(BatchRef batch) noexcept {
  std::unique_lock lock(mutex_);
  if (!closed_ && !room()) {
    waits_counter().Increment();
    room_made_.wait(lock, [this] { return closed_ || room(); });
  }
  return enqueue(std::move(batch), std::move(lock));
}

bool Inbox::reserve() noexcept {
  const std::scoped_lock lock(mutex_);
  if (closed_ || !room()) return false;
  ++reserved_;
  return true;
}

bool Inbox::put_reserved(BatchRef batch) noexcept {
  std::unique_lock lock(mutex_);
  --reserved_;
  return enqueue(std::move(batch), std::move(lock));
}

void Inbox::release() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    --reserved_;
  }
  room_made_.notify_all();
}

bool Inbox::enqueue(BatchRef batch, std::unique_lock<std::mutex> lock) noexcept {
  if (closed_) {
    lock.unlock();
    // Nobody is left to deliver to, but somebody waits for the receipt.
    batch->applied_by_one_shard();
    return false;
  }
  const std::size_t entries = batch->entries().size();
  const std::size_t bytes = batch->bytes();
  batches_.push_back(std::move(batch));
  entries_ += entries;
  bytes_ += bytes;
  return !std::exchange(awake_, true);
}

void Inbox::close() noexcept {
  {
    const std::scoped_lock lock(mutex_);
    closed_ = true;
  }
  room_made_.notify_all();
}

void Inbox::take(std::vector<BatchRef>& empty) noexcept {
  const std::scoped_lock lock(mutex_);
  empty.swap(batches_);
}

bool Inbox::give_back(std::size_t entries, std::size_t bytes, bool busy) noexcept {
  bool again = false;
  {
    const std::scoped_lock lock(mutex_);
    entries_ -= entries;
    bytes_ -= bytes;
    awake_ = again = busy || !batches_.empty();
  }
  room_made_.notify_all();
  return again;
}

}  // namespace corohub::hub
