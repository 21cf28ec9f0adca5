#include "hub/frame.hpp"

#include "hub/event.hpp"

#include <cstring>
#include <new>
#include <utility>

namespace corohub::hub {
namespace {

std::atomic<std::uint64_t> frames_made{0};
std::atomic<std::size_t> frame_bytes_alive{0};

}  // namespace

Frame::Frame(std::size_t size, Audience audience, Next next) noexcept
    : size_(static_cast<std::uint32_t>(size)),
      user_id_(audience.user_id),
      roles_(audience.roles),
      joined_(next == Next::is_joined) {}

Frame::~Frame() = default;

FrameRef Frame::make(std::string_view head, std::string_view body, Audience audience, Next next) {
  const std::size_t size = head.size() + body.size();
  void* memory = ::operator new(sizeof(Frame) + size);
  Frame* frame = new (memory) Frame(size, audience, next);
  char* bytes = reinterpret_cast<char*>(frame + 1);
  if (!head.empty()) std::memcpy(bytes, head.data(), head.size());
  if (!body.empty()) std::memcpy(bytes + head.size(), body.data(), body.size());
  frames_made.fetch_add(1, std::memory_order_relaxed);
  frame_bytes_alive.fetch_add(sizeof(Frame) + size, std::memory_order_relaxed);
  return FrameRef(frame);
}

void Frame::set_about(boost::intrusive_ptr<const Event> event) const noexcept {
  if (!about_) about_ = std::move(event);
}

void Frame::destroy(const Frame* frame) noexcept {
  frame_bytes_alive.fetch_sub(sizeof(Frame) + frame->size_, std::memory_order_relaxed);
  frame->~Frame();
  ::operator delete(const_cast<Frame*>(frame));
}

std::uint64_t frames_built() noexcept { return frames_made.load(std::memory_order_relaxed); }
std::size_t frame_bytes() noexcept { return frame_bytes_alive.load(std::memory_order_relaxed); }

}  // namespace corohub::hub
