#include "gateway/engineio/packet.hpp"

namespace corohub::gateway::engineio {

std::optional<Packet> read_packet(std::string_view text) noexcept {
  if (text.empty() || text.front() < '0' || text.front() > '6') return std::nullopt;
  return Packet{static_cast<PacketType>(text.front() - '0'), text.substr(1)};
}

}  // namespace corohub::gateway::engineio
