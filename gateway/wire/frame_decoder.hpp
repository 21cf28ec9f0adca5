// RFC 6455 section 5 as a server reads it: bytes of a client in, messages and control frames out, and every
// breach of the protocol found at the first byte that shows it. Where permessage-deflate is agreed on (RFC
// 7692), a message may be compressed; it is inflated when it is whole. Pure; one connection's.
#pragma once

#include "core/close_reason.hpp"
#include "core/encoding.hpp"
#include "gateway/wire/frames.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace corohub::gateway {

// Of a client's messages.
struct MessageLimits {
  std::size_t bytes = 65'536;      // as it is handed out: of a compressed one, inflated
  std::uint32_t fragments = 1024;  // frames of one message
  bool text_only = true;
};

// What the client has said.
struct Received {
  enum class Kind : std::uint8_t {
    nothing,  // yet: more bytes are needed
    text,     // a whole message, valid UTF-8
    binary,
    ping,
    pong,
    close,   // well-formed: empty, or a code that may be sent and a reason in UTF-8
    broken,  // by `reason`; the decoder is of no use afterwards
  };

  Kind kind = Kind::nothing;
  // Until the next call, as long as the bytes that were given. Of a compressed message until the thread's
  // next one, whosesoever.
  std::string_view payload{};
  CloseReason reason{};
  std::size_t grown = 0;  // bytes more than came
};

class FrameDecoder {
 public:
  // `limits` must outlive the decoder. `deflate`: messages may be compressed.
  explicit FrameDecoder(const MessageLimits& limits, bool deflate = false) noexcept
      : limits_(&limits), deflate_(deflate) {}

  // Takes `bytes` off the front, up to the end of the next message or control frame, and unmasks them where
  // they are. Throws for memory alone.
  Received next(std::span<char>& bytes);

  // From now on a message has at most so many bytes, whatever the limits say; 0: as the limits say.
  void limit_bytes(std::uint32_t bytes) noexcept { bytes_at_most_ = bytes; }
  bool in_message() const noexcept { return in_message_; }
  // Bytes of a message or of a control frame are outstanding.
  bool unfinished() const noexcept { return in_message_ || head_size_ > 0; }
  bool deflate() const noexcept { return deflate_; }
  // Bytes of the frame under way that have not come yet.
  std::uint64_t left() const noexcept { return left_; }

 private:
  std::size_t head_bytes() const noexcept;
  bool take_head(std::span<char>& bytes) noexcept;
  std::optional<CloseReason> read_head() noexcept;
  std::optional<CloseReason> read_length() noexcept;
  bool read_reserved_bits() noexcept;
  void unmask(std::span<char> bytes) noexcept;
  Received take_control(std::string_view piece);
  Received take_data(std::string_view piece);
  Received inflate(std::string_view compressed) const;
  std::string_view whole(std::string& held, std::string_view last_piece);

  Opcode opcode() const noexcept { return static_cast<Opcode>(head_[0] & 0x0F); }
  bool is_last() const noexcept { return (head_[0] & 0x80) != 0; }

  std::size_t bytes_max() const noexcept {
    return bytes_at_most_ == 0 ? limits_->bytes : std::min<std::size_t>(limits_->bytes, bytes_at_most_);
  }

  const MessageLimits* limits_;
  std::uint64_t left_ = 0;    // of the payload under way
  std::string message_;       // its pieces so far; empty while a message comes in one piece
  std::string control_;       // the same for a control frame
  std::size_t received_ = 0;  // payload of the message, frames announced
  std::uint32_t fragments_ = 0;
  std::uint32_t bytes_at_most_ = 0;
  std::array<std::uint8_t, 14> head_{};
  std::uint8_t head_size_ = 0;
  std::uint8_t mask_at_ = 0;  // the next byte's place in the mask
  bool in_payload_ = false;   // the head is complete
  bool in_message_ = false;   // its last frame is not over
  bool text_ = false;         // the message's kind
  bool compressed_ = false;   // the message is
  const bool deflate_;
  Utf8Check utf8_;
};

}  // namespace corohub::gateway
