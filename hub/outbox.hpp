// One connection's bounded queue of frames, in messages and bytes. A message is one frame, or two that are
// joined: a beginning of its own and a rest that others share. A ring: one slot of its own, which is all that
// a client needs that gets its events one by one, then memory that grows from 4 slots and is given back when
// it is empty (up to 8 slots stay). Used on the shard's thread only; allocates only while it grows, and is
// `full` when there is no memory.
#pragma once

#include "hub/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

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

  // `full` when it would exceed a limit, also for a message that is larger than all bytes allowed. The frame
  // is not joined to another one.
  Push push(const FrameRef& frame) noexcept;
  // One message of two frames, both or none of them. `first` is joined to its next, `rest` is not.
  Push push(const FrameRef& first, const FrameRef& rest) noexcept;

  bool empty() const noexcept { return count_ == 0; }
  // A message that was begun counts until its last byte is handed over.
  std::uint32_t messages() const noexcept { return messages_; }
  // Of whole frames: a frame that was begun counts until its last byte is handed over.
  std::uint32_t bytes() const noexcept { return bytes_; }

  // What waits, oldest first; `i` < frames(). Bytes of the oldest already handed to the kernel: sent().
  std::uint32_t frames() const noexcept { return count_; }
  const Frame& at(std::uint32_t i) const noexcept { return *ring_[(head_ + i) & mask()]; }
  std::uint32_t sent() const noexcept { return sent_; }
  // So many frames at the head are what is left of a message that was begun: nothing may come before them.
  std::uint32_t begun() const noexcept {
    if (sent_ > 0) return at(0).is_joined_to_next() ? 2 : 1;
    return rest_is_due_ ? 1 : 0;
  }
  // The kernel took `bytes` more, across as many frames as that covers.
  void consume(std::size_t bytes) noexcept;

  // Takes back what was not begun and that `keep`, which takes a const Frame&, does not want. A message is
  // judged by its last frame, which is what others may share.
  template <class Keep>
  void keep_only(Keep keep) noexcept;
  // The same of what is not for `who` any more, as far as audiences say so.
  void discard_lost(const Identity& who) noexcept;
  // Keeps, as the last words to one who leaves, what is for this user by name and what is for this connection
  // alone, up to the first message that is neither; 0: for nobody by name. That one is taken back with all
  // behind it, so that whoever comes back to go on has no later position.
  void discard_from_first_impersonal(UserId user) noexcept;
  // The carrier is another one, and nothing was begun: `wrapped` says what becomes of each frame, which keeps
  // its place, is joined to its next as before, and is about the same; `is_rest`: the frame before is joined
  // to it. The bytes are counted anew, and may be more than the limit from then on. Throws what `wrapped`
  // throws, for memory too; nothing has changed then.
  using Wrapped = std::function<FrameRef(const Frame& frame, bool is_rest)>;
  void rewrap(const Wrapped& wrapped);
  // Forgets all but a message that was begun; later pushes answer `closed`.
  void close_and_clear() noexcept;
  // Keeps what waits; later pushes answer `closed`.
  void close() noexcept { closed_ = true; }
  bool closed() const noexcept { return closed_; }
  const OutboxLimits& limits() const noexcept { return *limits_; }

 private:
  // An array of up to 8 slots is kept while empty, so that an outbox in steady use does not allocate.
  static constexpr std::uint8_t kept_capacity_bits = 3;

  std::uint32_t capacity() const noexcept { return 1U << capacity_bits_; }
  std::uint32_t mask() const noexcept { return capacity() - 1; }
  FrameRef& slot(std::uint32_t i) noexcept { return ring_[(head_ + i) & mask()]; }
  bool has_room_for(std::size_t bytes) const noexcept;
  bool grow() noexcept;
  void release_if_empty() noexcept {
    if (count_ == 0 && capacity_bits_ > kept_capacity_bits) release_ring();
  }
  void release_ring() noexcept;

  const OutboxLimits* limits_;
  FrameRef first_;
  FrameRef* ring_ = &first_;  // or an array, which it owns
  std::uint32_t head_ = 0;
  std::uint32_t count_ = 0;  // frames
  std::uint32_t messages_ = 0;
  std::uint32_t bytes_ = 0;
  std::uint32_t sent_ = 0;
  std::uint8_t capacity_bits_ = 0;
  bool rest_is_due_ = false;  // the oldest frame's beginning has been handed over
  bool closed_ = false;
};

template <class Keep>
void Outbox::keep_only(Keep keep) noexcept {
  std::uint32_t kept = begun();
  for (std::uint32_t i = kept; i < count_;) {
    const std::uint32_t end = i + (at(i).is_joined_to_next() ? 2 : 1);
    const bool stays = keep(at(end - 1));
    if (!stays) --messages_;
    for (; i < end; ++i) {
      FrameRef& frame = slot(i);
      if (stays) {
        FrameRef& place = slot(kept++);
        if (&place != &frame) place = std::move(frame);
      } else {
        bytes_ -= static_cast<std::uint32_t>(frame->size());
        frame.reset();
      }
    }
  }
  count_ = kept;
  release_if_empty();
}

// Memory of all outboxes of the process: the frames alive, once each, and the rings. Any thread.
std::size_t outbox_memory() noexcept;

}  // namespace corohub::hub
