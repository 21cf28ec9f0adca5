#include "gateway/engineio/payload.hpp"

#include "core/encoding.hpp"
#include "gateway/engineio/packet.hpp"

#include <optional>

namespace corohub::gateway::engineio {
namespace {

bool is_clients_item(std::string_view item) {
  if (item.starts_with(binary_mark)) return from_base64(item.substr(1)).has_value();
  const std::optional<Packet> packet = read_packet(item);
  if (!packet) return false;
  switch (packet->type) {
    case PacketType::close:
    case PacketType::pong:
    case PacketType::message:
    case PacketType::noop:
      return true;
    case PacketType::open:
    case PacketType::ping:
    case PacketType::upgrade:
      break;
  }
  return false;
}

}  // namespace

void append_item(std::string& payload, std::string_view item) {
  if (!payload.empty()) payload += separator;
  payload += item;
}

std::string_view take_item(std::string_view& payload) noexcept {
  const std::size_t end = payload.find(separator);
  const std::string_view item = payload.substr(0, end);
  payload.remove_prefix(end == std::string_view::npos ? payload.size() : end + 1);
  return item;
}

std::string binary_of(std::string_view item) { return from_base64(item.substr(1)).value(); }

bool is_clients_payload(std::string_view payload) {
  if (payload.empty() || payload.back() == separator || !is_utf8(payload)) return false;
  while (!payload.empty())
    if (!is_clients_item(take_item(payload))) return false;
  return true;
}

}  // namespace corohub::gateway::engineio
