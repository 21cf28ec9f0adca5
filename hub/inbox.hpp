// The one thing of a shard that other threads touch: a queue of batches, bounded in entries and bytes. Many
// threads put, the shard's thread takes. The shard is woken once when the inbox is empty no more. The inbox
// has its memory from the beginning, so that a publisher with a reserved place cannot fail.
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
  // A batch is admitted whole when there is any room. True: the shard sleeps and must be woken. A closed
  // inbox takes nothing, but the batch's receipt counts down.
  bool put(BatchRef batch) noexcept;  // waits for room; counts the waits
  // A place for one batch, kept until it is used or given back. False: there is no room.
  bool reserve() noexcept;
  bool put_reserved(BatchRef batch) noexcept;
  void release() noexcept;
  bool is_awake() const noexcept;  // a turn is on its way
  void close() noexcept;           // wakes those who wait

  // ---- the shard's thread ----
  // So many batches can be here at once. The vector that take() is given has room for them.
  std::size_t batches_max() const noexcept { return limits_.entries + 1; }
  // Moves all batches into `empty`. They fill the inbox until give_back().
  void take(std::vector<BatchRef>& empty) noexcept;
  // So much has been applied. `busy`: some of what was taken is still to be applied. True: another turn is
  // needed; false: the shard sleeps from here on.
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
