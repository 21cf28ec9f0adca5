// A bounded queue in front of the threads that do blocking work. Putting is a try and never waits; taking may
// wait. Safe from any thread.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
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

  explicit WorkQueue(std::size_t capacity) : capacity_(capacity) {}

  // Takes the item only when it answers `queued`.
  Put try_put(std::unique_ptr<Item>& item) {
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return Put::closed;
      if (items_.size() >= capacity_) return Put::full;
      items_.push_back(std::move(item));
    }
    changed_.notify_one();
    return Put::queued;
  }

  std::unique_ptr<Item> try_take() {
    const std::lock_guard lock(mutex_);
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

  // What is inside can still be taken.
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
  bool ready() const { return closed_ || !items_.empty(); }

  std::unique_ptr<Item> take_locked() {
    if (items_.empty()) return nullptr;
    std::unique_ptr<Item> item = std::move(items_.front());
    items_.pop_front();
    return item;
  }

  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::unique_ptr<Item>> items_;
  bool closed_ = false;
};

}  // namespace corohub::storage
