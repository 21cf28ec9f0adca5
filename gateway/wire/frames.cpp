#include "gateway/wire/frames.hpp"

#include <cstddef>

namespace corohub::gateway {
namespace {

std::string frame_head(Opcode opcode, std::size_t size) {
  return hub::websocket_head(static_cast<char>(0x80U | static_cast<unsigned>(opcode)), size);
}

}  // namespace

hub::FrameRef message_frame(Opcode opcode, std::string_view payload) {
  return hub::Frame::make(frame_head(opcode, payload.size()), payload, hub::Audience::one_connection());
}

std::string control_frame(Opcode opcode, std::string_view payload) {
  return frame_head(opcode, payload.size()).append(payload);
}

std::string close_frame(CloseReason reason) {
  const unsigned code = close_code(reason);
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  return control_frame(Opcode::close, payload.append(name(reason)));
}

}  // namespace corohub::gateway
