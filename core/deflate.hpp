// Whole messages compressed as permessage-deflate wants them (RFC 7692 section 7.2): raw deflate, each
// message on its own, without the four bytes that end it. Safe from any thread: the state of zlib is the
// thread's, made at its first message (30 KB to compress, 40 KB to inflate, and the result) and begun anew
// for every other.
#pragma once

#include <cstddef>
#include <string_view>

namespace corohub {

// The compressor's window: whoever inflates needs 2^11 bytes.
inline constexpr int deflate_window_bits = 11;

// Empty if the message would not become smaller, or there is no memory. The view holds until the thread's
// next call.
std::string_view deflate_message(std::string_view text) noexcept;

enum class Inflated : unsigned char {
  whole,
  too_big,    // more than `bytes_max`; nothing beyond was inflated
  malformed,  // no deflate, or cut off
  no_memory,
};

struct InflatedMessage {
  Inflated outcome;
  std::string_view bytes;  // holds until the thread's next call
};

// Inflates a message, whatever window its sender had. An empty text is an empty message.
InflatedMessage inflate_message(std::string_view compressed, std::size_t bytes_max) noexcept;

// The longest that a message of so many bytes can become: data that does not shrink grows a little, with a
// poor compressor by up to a sixth.
constexpr std::size_t deflated_bytes_max(std::size_t bytes) noexcept { return bytes + bytes / 6 + 16; }

}  // namespace corohub
