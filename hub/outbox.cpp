#include "hub/outbox.hpp"

#include <algorithm>
#include <atomic>
#include <memory>
#include <new>
#include <utility>

namespace corohub::hub {
namespace {

constexpr std::uint32_t first_array = 4;
// An array of this size is kept while empty, so that an outbox in steady use does not allocate.
constexpr std::uint32_t kept_array = 8;

std::atomic<std::size_t> ring_bytes{0};

}  // namespace

Outbox::~Outbox() { release_ring(); }

Push Outbox::push(FrameRef frame) noexcept {
  if (closed_) return Push::closed;
  const std::size_t size = frame->size();
  if (count_ >= limits_->messages_max || size > limits_->bytes_max - std::min(bytes_, limits_->bytes_max))
    return Push::full;
  if (count_ == capacity_ && !grow()) return Push::full;
  ring_[(head_ + count_) & mask()] = std::move(frame);
  ++count_;
  bytes_ += static_cast<std::uint32_t>(size);
  return Push::queued;
}

void Outbox::consume(std::size_t bytes) noexcept {
  std::size_t handed_over = sent_ + bytes;
  while (count_ > 0 && handed_over >= at(0).size()) {
    handed_over -= at(0).size();
    bytes_ -= static_cast<std::uint32_t>(at(0).size());
    ring_[head_].reset();
    head_ = (head_ + 1) & mask();
    --count_;
  }
  sent_ = static_cast<std::uint32_t>(handed_over);
  release_if_empty();
}

template <class Keep>
void Outbox::keep_only(Keep keep) noexcept {
  std::uint32_t kept = 0;
  for (std::uint32_t i = 0; i < count_; ++i) {
    FrameRef& frame = ring_[(head_ + i) & mask()];
    const bool started = i == 0 && sent_ > 0;
    if (!started && !keep(*frame)) {
      bytes_ -= static_cast<std::uint32_t>(frame->size());
      frame.reset();
    } else {
      FrameRef& place = ring_[(head_ + kept++) & mask()];
      if (&place != &frame) place = std::move(frame);
    }
  }
  count_ = kept;
  release_if_empty();
}

void Outbox::discard_lost(const Identity& who) noexcept {
  keep_only([&](const Frame& frame) {
    return frame.audience() == Audience::one_connection() || frame.audience().includes(who);
  });
}

void Outbox::discard_all_but_personal(UserId user) noexcept {
  keep_only([&](const Frame& frame) {
    return frame.audience() == Audience::one_connection() || frame.audience().user_id == user;
  });
}

void Outbox::close_and_clear() noexcept {
  closed_ = true;
  keep_only([](const Frame&) { return false; });
}

bool Outbox::grow() noexcept {
  const std::uint32_t capacity = std::max(first_array, capacity_ * 2);
  std::unique_ptr<FrameRef[]> ring(new (std::nothrow) FrameRef[capacity]);
  if (!ring) return false;
  for (std::uint32_t i = 0; i < count_; ++i) ring[i] = std::move(ring_[(head_ + i) & mask()]);
  release_ring();
  ring_bytes.fetch_add(capacity * sizeof(FrameRef), std::memory_order_relaxed);
  ring_ = ring.release();
  capacity_ = capacity;
  return true;
}

void Outbox::release_if_empty() noexcept {
  if (count_ == 0 && capacity_ > kept_array) release_ring();
}

void Outbox::release_ring() noexcept {
  if (ring_ != &first_) {
    ring_bytes.fetch_sub(capacity_ * sizeof(FrameRef), std::memory_order_relaxed);
    delete[] ring_;
  }
  ring_ = &first_;
  head_ = 0;
  capacity_ = 1;
}

std::size_t outbox_memory() noexcept { return frame_bytes() + ring_bytes.load(std::memory_order_relaxed); }

}  // namespace corohub::hub
