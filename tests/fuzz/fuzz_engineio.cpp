// Payloads of Engine.IO: whatever a client posts is taken or refused, and what is taken is its items and
// nothing else.
#include "core/encoding.hpp"
#include "gateway/engineio/packet.hpp"
#include "gateway/engineio/payload.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

namespace {

using namespace corohub::gateway::engineio;

void require(bool condition) {
  if (!condition) std::abort();
}

void require_item(std::string_view item) {
  require(item.find(separator) == std::string_view::npos);
  if (item.starts_with(binary_mark)) return require(corohub::base64(binary_of(item)) == item.substr(1));
  const std::optional<Packet> packet = read_packet(item);
  require(packet && packet->data == item.substr(1));
  require(packet->type == PacketType::message || packet->type == PacketType::close ||
          packet->type == PacketType::pong || packet->type == PacketType::noop);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::optional<Packet> packet = read_packet(input);
  require(packet.has_value() == (!input.empty() && input.front() >= '0' && input.front() <= '6'));
  if (!is_clients_payload(input)) return 0;
  require(corohub::is_utf8(input));
  std::string again;
  for (std::string_view rest = input; !rest.empty();) {
    const std::string_view item = take_item(rest);
    require_item(item);
    append_item(again, item);
  }
  require(again == input);
  return 0;
}
