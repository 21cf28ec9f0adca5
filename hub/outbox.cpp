#include "hub/outbox.hpp"

#include "hub/event.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace corohub::hub {
namespace {

constexpr std::uint32_t first_array = 4;

std::atomic<std::size_t> ring_bytes{0};

}  // namespace

Outbox::~Outbox() { release_ring(); }

bool Outbox::has_room_for(std::size_t bytes) const noexcept {
  return messages_ < limits_->messages_max && bytes_ + bytes <= limits_->bytes_max;
}

Push Outbox::push(const FrameRef& frame) noexcept {
  if (closed_) return Push::closed;
  const std::size_t size = frame->size();
  if (!has_room_for(size)) return Push::full;
  if (count_ == capacity() && !grow()) return Push::full;
  slot(count_) = frame;
  ++count_;
  ++messages_;
  bytes_ += static_cast<std::uint32_t>(size);
  return Push::queued;
}

Push Outbox::push(const FrameRef& first, const FrameRef& rest) noexcept {
  if (closed_) return Push::closed;
  const std::size_t size = first->size() + rest->size();
  if (!has_room_for(size)) return Push::full;
  if (count_ + 2 > capacity() && !grow()) return Push::full;
  slot(count_) = first;
  slot(count_ + 1) = rest;
  count_ += 2;
  ++messages_;
  bytes_ += static_cast<std::uint32_t>(size);
  return Push::queued;
}

void Outbox::consume(std::size_t bytes) noexcept {
  std::size_t handed_over = sent_ + bytes;
  while (count_ > 0) {
    FrameRef& oldest = slot(0);
    const std::size_t size = oldest->size();
    if (handed_over < size) break;
    handed_over -= size;
    const bool has_rest = oldest->is_joined_to_next();
    oldest.reset();
    rest_is_due_ = has_rest;
    if (!has_rest) --messages_;
    bytes_ -= static_cast<std::uint32_t>(size);
    head_ = (head_ + 1) & mask();
    --count_;
  }
  sent_ = static_cast<std::uint32_t>(handed_over);
  release_if_empty();
}

void Outbox::discard_lost(const Identity& who) noexcept {
  keep_only([&](const Frame& frame) {
    const Audience audience = frame.audience();
    // What is judged does not depend on a role alone: see Frame::about().
    return audience == Audience::one_connection() || audience.is_judged() || audience.includes(who);
  });
}

void Outbox::discard_from_first_impersonal(UserId user) noexcept {
  bool keeps = true;
  keep_only([&](const Frame& frame) {
    const Audience audience = frame.audience();
    const bool is_personal =
        audience == Audience::one_connection() || (user != 0 && audience.user_id == user);
    return keeps = keeps && is_personal;
  });
}

void Outbox::rewrap(const Wrapped& wrapped) {
  assert(begun() == 0);
  std::vector<FrameRef> frames;
  frames.reserve(count_);
  std::uint32_t bytes = 0;
  bool is_rest = false;
  for (std::uint32_t i = 0; i < count_; ++i) {
    frames.push_back(wrapped(at(i), is_rest));
    if (at(i).about() != nullptr) frames.back()->set_about(at(i).about());
    is_rest = at(i).is_joined_to_next();
    bytes += static_cast<std::uint32_t>(frames.back()->size());
  }
  for (std::uint32_t i = 0; i < count_; ++i) slot(i) = std::move(frames[i]);
  bytes_ = bytes;
}

void Outbox::close_and_clear() noexcept {
  closed_ = true;
  keep_only([](const Frame&) { return false; });
}

// To room for a pair at least.
bool Outbox::grow() noexcept {
  const std::uint32_t wanted = std::max(first_array, capacity() * 2);
  std::unique_ptr<FrameRef[]> ring(new (std::nothrow) FrameRef[wanted]);
  if (!ring) return false;
  for (std::uint32_t i = 0; i < count_; ++i) ring[i] = std::move(slot(i));
  release_ring();
  ring_bytes.fetch_add(wanted * sizeof(FrameRef), std::memory_order_relaxed);
  ring_ = ring.release();
  capacity_bits_ = static_cast<std::uint8_t>(std::countr_zero(wanted));
  return true;
}

void Outbox::release_ring() noexcept {
  if (ring_ != &first_) {
    ring_bytes.fetch_sub(capacity() * sizeof(FrameRef), std::memory_order_relaxed);
    delete[] ring_;
  }
  ring_ = &first_;
  head_ = 0;
  capacity_bits_ = 0;
}

std::size_t outbox_memory() noexcept { return frame_bytes() + ring_bytes.load(std::memory_order_relaxed); }

}  // namespace corohub::hub
