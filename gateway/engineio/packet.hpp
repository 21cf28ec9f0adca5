// Packets of Engine.IO 4: a digit for the type, and what it says. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace corohub::gateway::engineio {

enum class PacketType : std::uint8_t { open, close, ping, pong, message, upgrade, noop };

struct Packet {
  PacketType type;
  std::string_view data;  // of the text that was read
};

// Nothing: it begins with no type that there is.
std::optional<Packet> read_packet(std::string_view text) noexcept;

// ---- packets that are the same for all ----
inline constexpr std::string_view close_packet = "1";
inline constexpr std::string_view ping_packet = "2";
inline constexpr std::string_view pong_packet = "3";
inline constexpr std::string_view upgrade_packet = "5";
inline constexpr std::string_view noop_packet = "6";
inline constexpr std::string_view probe = "2probe";
inline constexpr std::string_view probe_answer = "3probe";

}  // namespace corohub::gateway::engineio
