// The one thing of a shard that other threads touch: a queue of batches, bounded in entries and bytes. Many
// threads put, the shard's thread takes. One wake-up per empty-to-non-empty change. Its memory is there from
// the beginning: whoever has been given a place cannot fail.
#pragma once

#include "hub/control.hpp"

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

namespace corohub::hub {

struct InboxLimits {
  std::size_t entries = 8192;
  std::size_t bytes = 16 << 20;
};

class Inbox {
 public:
  explicit Inbox(InboxLimits limits) : limits_(limits) { batches_.reserve(batches_max()); }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // ---- any thread ----
  // A batch is admitted whole when there is any room. True: the shard sleeps and must be woken. Once closed
  // nothing is taken, but the batch's receipt counts down.
  bool put(BatchRef batch) noexcept;  // waits for room; counts the waits
  // A place for one batch, kept until it is used or given back. False: there is no room.
  bool reserve() noexcept;
  bool put_reserved(BatchRef batch) noexcept;
  void release() noexcept;
  bool is_awake() const noexcept;  // a turn is on its way
  void close() noexcept;           // wakes those who wait

  // ---- the shard's thread ----
  // So many can be here at once. What take() is given has room for them.
  std::size_t batches_max() const noexcept { return limits_.entries + 1; }
  // Moves all that is here into `empty`. It still fills the inbox until it is given back.
  void take(std::vector<BatchRef>& empty) noexcept;
  // So much has been applied. `busy`: something taken is still left to do. True: another turn is needed;
  // false: the shard sleeps from here on.
  bool give_back(std::size_t entries, std::size_t bytes, bool busy) noexcept;

 private:
  bool room() const noexcept;
  bool enqueue(BatchRef batch, std::unique_lock<std::mutex> lock) noexcept;

  const InboxLimits limits_;
  mutable std::mutex mutex_;  // guards all that follows
  std::condition_variable room_made_;
  std::vector<BatchRef> batches_;
  std::size_t entries_ = 0;
  std::size_t bytes_ = 0;
  std::size_t reserved_ = 0;
  bool awake_ = false;  // a turn is on its way
  bool closed_ = false;
};

}  // namespace corohub::hub
