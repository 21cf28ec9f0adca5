// A queue in front of the threads that do blocking work, bounded in items and, where items say their size, in
// bytes. Putting is a try and never waits; taking may wait. Safe from any thread.
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

namespace corohub::storage {

template <class Item>
class WorkQueue {
 public:
  enum class Put : std::uint8_t { queued, full, closed };
  enum class Wake : std::uint8_t { item, timeout, closed };  // closed: and empty

  explicit WorkQueue(std::size_t capacity,
                     std::size_t capacity_bytes = std::numeric_limits<std::size_t>::max())
      : capacity_(capacity), capacity_bytes_(capacity_bytes) {}

  // Takes the item only when it answers `queued`.
  Put try_put(std::unique_ptr<Item>& item) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return Put::closed;
      const std::size_t bytes = bytes_of(*item);
      const bool too_many_bytes =
          !items_.empty() && bytes > capacity_bytes_ - std::min(bytes_, capacity_bytes_);
      if (items_.size() >= capacity_ || too_many_bytes) return Put::full;
      items_.push_back(std::move(item));
      bytes_ += bytes;
    }
    changed_.notify_one();
    return Put::queued;
  }

  // Null, too, if the next item has more than `room` bytes.
  std::unique_ptr<Item> try_take(std::size_t room = std::numeric_limits<std::size_t>::max()) {
    const std::lock_guard lock(mutex_);
    if (!items_.empty() && bytes_of(*items_.front()) > room) return nullptr;
    return take_locked();
  }

  // Waits for an item; null once the queue is closed and empty.
  std::unique_ptr<Item> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ready(); });
    return take_locked();
  }

  // Waits until there is an item, without taking it.
  Wake wait(std::optional<std::chrono::milliseconds> at_most) {
    std::unique_lock lock(mutex_);
    if (!at_most)
      changed_.wait(lock, [this] { return ready(); });
    else if (!changed_.wait_for(lock, *at_most, [this] { return ready(); }))
      return Wake::timeout;
    return items_.empty() ? Wake::closed : Wake::item;
  }

  // No more items are put. Those that are inside can still be taken.
  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_all();
  }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return items_.size();
  }

 private:
  static std::size_t bytes_of(const Item& item) {
    if constexpr (requires { item.bytes(); })
      return item.bytes();
    else
      return 0;
  }

  bool ready() const { return closed_ || !items_.empty(); }

  std::unique_ptr<Item> take_locked() {
    if (items_.empty()) return nullptr;
    std::unique_ptr<Item> item = std::move(items_.front());
    items_.pop_front();
    bytes_ -= bytes_of(*item);
    return item;
  }

  const std::size_t capacity_;
  const std::size_t capacity_bytes_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Item>> items_;
  std::size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace corohub::storage
