// Packets of Socket.IO: whatever a client sends is read or refused, and what is read can be said again.
#include "core/json.hpp"
#include "gateway/socketio/attachments.hpp"
#include "gateway/socketio/packet.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace corohub::gateway::socketio;

void require(bool condition) {
  if (!condition) std::abort();
}

// The same packet, as the server would write it.
std::string text_of(const Packet& packet) {
  std::string text = packet_head(packet.type, packet.name_space, packet.attachments);
  if (packet.id) text += std::to_string(*packet.id);
  return text.append(packet.payload);
}

void require_call(const Packet& packet) {
  Attachments attachments("", packet.attachments, 1000);
  while (!attachments.is_complete()) require(attachments.add("bytes"));
  const std::optional<Call> call = read_call(packet.payload, packet.id, attachments.take_buffers());
  if (!call) return;
  require(call->arguments.empty() == call->all_text.empty());
  require(call->attachments.size() == packet.attachments);
  if (call->arguments.empty()) return;
  // What stands in the text is what was parsed.
  const auto first = corohub::parse_json(call->first_text);
  const auto all = corohub::parse_json("[" + std::string(call->all_text) + "]");
  require(first.has_value() && *first == call->arguments.front());
  require(all.has_value() && *all == call->arguments);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::optional<Packet> packet = read_packet(input);
  if (!packet) return 0;
  require(packet->attachments <= attachments_max);
  require(packet->name_space.starts_with('/') && packet->name_space.size() <= name_space_bytes_max);
  const std::string said = text_of(*packet);
  const std::optional<Packet> again = read_packet(said);
  require(again && again->type == packet->type && again->id == packet->id);
  require(again->name_space == packet->name_space && again->payload == packet->payload);
  read_auth(packet->payload);
  is_array(packet->payload);
  require_call(*packet);
  return 0;
}
