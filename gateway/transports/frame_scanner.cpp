#include "gateway/transports/frame_scanner.hpp"

#include <algorithm>

namespace corohub::gateway {

ScannedBytes FrameScanner::scan(std::string_view bytes) noexcept {
  ScannedBytes seen;
  while (!bytes.empty()) {
    if (step_ == Step::payload) {
      const std::uint64_t skipped = std::min<std::uint64_t>(left_, bytes.size());
      bytes.remove_prefix(static_cast<std::size_t>(skipped));
      left_ -= skipped;
      if (left_ == 0) frame_done();
      continue;
    }
    const auto byte = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    switch (step_) {
      case Step::first_byte:
        seen.began = seen.began || !in_message_;
        last_frame_ = (byte & 0x80) != 0;
        control_ = is_control(static_cast<Opcode>(byte & 0x0F));
        step_ = Step::second_byte;
        continue;
      case Step::second_byte:
        second_byte(byte);
        break;
      case Step::length:
        left_ = left_ << 8 | byte;
        --step_bytes_;
        break;
      case Step::mask:
        --step_bytes_;
        break;
      case Step::payload:
        break;
    }
    if (step_bytes_ > 0) continue;
    if (step_ != Step::mask && masked_) {
      step_ = Step::mask;
      step_bytes_ = 4;
      continue;
    }
    header_done(seen);
  }
  seen.began = seen.began && unfinished();
  return seen;
}

void FrameScanner::second_byte(std::uint8_t byte) noexcept {
  masked_ = (byte & 0x80) != 0;
  left_ = byte & 0x7F;
  step_ = Step::length;
  step_bytes_ = left_ == 126 ? 2 : left_ == 127 ? 8 : 0;
  if (step_bytes_ > 0) left_ = 0;
}

void FrameScanner::header_done(ScannedBytes& seen) noexcept {
  step_ = Step::payload;
  if (control_) {
    ++seen.control_frames;
  } else {
    in_message_ = true;
    ++fragments_;
    if (last_frame_) ++seen.messages;
  }
  if (left_ == 0) frame_done();
}

void FrameScanner::frame_done() noexcept {
  step_ = Step::first_byte;
  if (control_ || !last_frame_) return;
  in_message_ = false;
  fragments_ = 0;
}

}  // namespace corohub::gateway
