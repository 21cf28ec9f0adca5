// Bytes on their way to one connection or to many: an event in one form, or a text for one connection alone.
// Immutable and shared by reference count; safe from any thread.
#pragma once

#include "hub/audience.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <boost/smart_ptr/intrusive_ptr.hpp>

namespace corohub::hub {

class Event;

// One allocation: header and bytes.
class Frame {
 public:
  // Whether the next frame in an outbox belongs to this one: the two leave as one message, and nothing comes
  // between them.
  enum class Next : bool { is_free, is_joined };

  static boost::intrusive_ptr<const Frame> make(std::string_view head, std::string_view body,
                                                Audience audience, Next next = Next::is_free);

  std::string_view bytes() const noexcept { return {reinterpret_cast<const char*>(this + 1), size_}; }
  std::size_t size() const noexcept { return size_; }
  bool is_joined_to_next() const noexcept { return joined_; }
  // Whose it is, so that what waits in an outbox can be taken back when rights are lost. A joined pair is
  // judged by its second frame.
  Audience audience() const noexcept { return {roles_, user_id_}; }
  // An event whose attributes say who may have the frame beside that; it need not have data. Null: nothing
  // more is to be asked.
  const Event* about() const noexcept { return about_.get(); }
  // Before anybody but the caller has the frame. Does nothing if it is known.
  void set_about(boost::intrusive_ptr<const Event> event) const noexcept;

 private:
  Frame(std::size_t size, Audience audience, Next next) noexcept;
  ~Frame();
  friend void intrusive_ptr_add_ref(const Frame* frame) noexcept {
    frame->references_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(const Frame* frame) noexcept {
    if (frame->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy(frame);
  }
  static void destroy(const Frame* frame) noexcept;

  // The audience's members one by one, so that the frame has no gaps.
  mutable std::atomic<std::uint32_t> references_{0};
  const std::uint32_t size_;
  const UserId user_id_;
  mutable boost::intrusive_ptr<const Event> about_;
  const std::uint8_t roles_;
  const bool joined_;
};
using FrameRef = boost::intrusive_ptr<const Frame>;

// Frames built since the process started: one per event and form, however many clients (a counted guard).
std::uint64_t frames_built() noexcept;
// Memory of all frames alive in the process. A frame counts once, in however many outboxes it waits.
std::size_t frame_bytes() noexcept;

}  // namespace corohub::hub
