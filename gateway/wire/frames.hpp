// RFC 6455 frames as a server sends them: unmasked, unfragmented. Pure.
#pragma once

#include "core/close_reason.hpp"
#include "hub/event.hpp"

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

// An outbox frame for one connection alone.
hub::FrameRef message_frame(Opcode opcode, std::string_view payload);

// `payload` has at most 125 bytes.
std::string control_frame(Opcode opcode, std::string_view payload);

// Close code and word of a reason.
std::string close_frame(CloseReason reason);

inline constexpr std::string_view ping_frame{"\x89\x00", 2};

}  // namespace corohub::gateway
