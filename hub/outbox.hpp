// One connection's bounded queue of frames, in messages and bytes. A ring: one slot of its own, which is all
// that a client needs that gets its events one by one, then memory that grows from 4 slots and is given back
// when it is empty (up to 8 slots stay). Used on the shard's thread only; allocates only while it grows, and
// is `full` when there is no memory.
#pragma once

#include "hub/frame.hpp"

#include <cstddef>
#include <cstdint>

namespace corohub::hub {

struct OutboxLimits {
  std::uint32_t messages_max = 1024;
  std::uint32_t bytes_max = 1 << 20;
};

enum class Push : std::uint8_t { queued, full, closed };

class Outbox {
 public:
  // `limits` must outlive the outbox.
  explicit Outbox(const OutboxLimits& limits) noexcept : limits_(&limits) {}
  ~Outbox();
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // `full` when it would exceed a limit, also for a single frame that is larger than all bytes allowed.
  Push push(FrameRef frame) noexcept;

  bool empty() const noexcept { return count_ == 0; }
  std::uint32_t messages() const noexcept { return count_; }
  // Of whole frames: a started one counts until its last byte is handed over.
  std::uint32_t bytes() const noexcept { return bytes_; }

  // What waits, oldest first; `i` < messages(). Bytes of the oldest already handed to the kernel: sent().
  const Frame& at(std::uint32_t i) const noexcept { return *ring_[(head_ + i) & mask()]; }
  std::uint32_t sent() const noexcept { return sent_; }
  // The kernel took `bytes` more, across as many frames as that covers.
  void consume(std::size_t bytes) noexcept;

  // Takes back what has not been started and is not for `who` any more.
  void discard_lost(const Identity& who) noexcept;
  // Takes back what has not been started and is not for this user by name: the last words to one who leaves.
  void discard_all_but_personal(UserId user) noexcept;
  // Forgets all but a frame that was started; later pushes answer `closed`.
  void close_and_clear() noexcept;
  // Keeps what waits; later pushes answer `closed`.
  void close() noexcept { closed_ = true; }
  bool closed() const noexcept { return closed_; }
  const OutboxLimits& limits() const noexcept { return *limits_; }

 private:
  std::uint32_t mask() const noexcept { return capacity_ - 1; }
  template <class Keep>
  void keep_only(Keep keep) noexcept;
  bool grow() noexcept;
  void release_if_empty() noexcept;
  void release_ring() noexcept;

  const OutboxLimits* limits_;
  FrameRef first_;
  FrameRef* ring_ = &first_;  // or an array, which it owns
  std::uint32_t head_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t capacity_ = 1;  // a power of two
  std::uint32_t bytes_ = 0;
  std::uint32_t sent_ = 0;
  bool closed_ = false;
};

// Memory of all outboxes of the process: the frames alive, once each, and the rings. Any thread.
std::size_t outbox_memory() noexcept;

}  // namespace corohub::hub
