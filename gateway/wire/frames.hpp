// The bytes of RFC 6455 frames as a server sends them, unmasked, and of HTTP chunks. Pure.
#pragma once

#include "core/close_reason.hpp"
#include "hub/frame.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace corohub::gateway {

enum class Opcode : std::uint8_t {
  continuation = 0x0,
  text = 0x1,
  binary = 0x2,
  close = 0x8,
  ping = 0x9,
  pong = 0xA,
};

constexpr bool is_control(Opcode opcode) noexcept { return (static_cast<unsigned>(opcode) & 0x8) != 0; }

// Whether a frame is its message's last.
enum class Fin : bool { no, yes };

// The bytes before a payload of this size (RFC 6455, section 5.2), in the shortest of the three forms of a
// length. `compressed`: RSV1 (RFC 7692, section 6), on the first frame of a message.
std::string frame_head(Opcode opcode, Fin fin, std::size_t size, bool compressed = false);

// A piece of a body with Transfer-Encoding: chunked (RFC 9112, section 7.1). Not for an empty piece, which
// would end the body.
std::string chunk_of(std::string_view bytes);

// An outbox frame for one connection alone.
hub::FrameRef message_frame(Opcode opcode, std::string_view payload);

// `payload` has at most 125 bytes.
std::string control_frame(Opcode opcode, std::string_view payload);

// Close code and word of a reason.
std::string close_frame(CloseReason reason);

inline constexpr std::string_view ping_frame{"\x89\x00", 2};

}  // namespace corohub::gateway
