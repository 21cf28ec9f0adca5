// Follows the frame boundaries of an inbound WebSocket stream without looking at payloads: how many frames
// and messages passed, and whether one is unfinished. It believes every header; the protocol is checked
// elsewhere. One connection's; O(frames), not O(bytes).
#pragma once

#include "gateway/transports/frames.hpp"

#include <cstdint>
#include <string_view>

namespace corohub::gateway {

// What one read brought.
struct ScannedBytes {
  std::uint32_t messages = 0;  // whose last frame's header passed
  std::uint32_t control_frames = 0;
  bool began = false;  // what is unfinished now began in these bytes
};

class FrameScanner {
 public:
  ScannedBytes scan(std::string_view bytes) noexcept;

  // Bytes of a message or of a control frame are outstanding.
  bool unfinished() const noexcept { return in_message_ || !at_boundary(); }
  // Data frames of the message under way, so far.
  std::uint32_t fragments() const noexcept { return fragments_; }

 private:
  bool at_boundary() const noexcept { return step_ == Step::first_byte; }
  void second_byte(std::uint8_t byte) noexcept;
  void header_done(ScannedBytes& seen) noexcept;
  void frame_done() noexcept;

  enum class Step : std::uint8_t { first_byte, second_byte, length, mask, payload };

  std::uint64_t left_ = 0;  // of the payload; while its length is read: what is known of it
  std::uint32_t fragments_ = 0;
  Step step_ = Step::first_byte;
  std::uint8_t step_bytes_ = 0;  // left of this step
  bool masked_ = false;
  bool last_frame_ = false;  // FIN
  bool control_ = false;
  bool in_message_ = false;
};

}  // namespace corohub::gateway
