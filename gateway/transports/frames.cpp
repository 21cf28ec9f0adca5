#include "gateway/transports/frames.hpp"

#include <cstddef>

namespace corohub::gateway {
namespace {

constexpr std::size_t length_7_bits_max = 125;
constexpr char length_in_16_bits = 126;
constexpr char length_in_64_bits = 127;

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xFF);
}

std::string frame_head(Opcode opcode, std::size_t size) {
  std::string head(1, static_cast<char>(0x80U | static_cast<unsigned>(opcode)));
  if (size <= length_7_bits_max) {
    append_big_endian(head, size, 1);
  } else if (size <= 0xFFFF) {
    head += length_in_16_bits;
    append_big_endian(head, size, 2);
  } else {
    head += length_in_64_bits;
    append_big_endian(head, size, 8);
  }
  return head;
}

}  // namespace

hub::FrameRef message_frame(Opcode opcode, std::string_view payload) {
  return hub::Frame::make(frame_head(opcode, payload.size()), payload, hub::Audience::one_connection());
}

std::string control_frame(Opcode opcode, std::string_view payload) {
  return frame_head(opcode, payload.size()).append(payload);
}

std::string close_frame(CloseReason reason) {
  std::string payload;
  append_big_endian(payload, close_code(reason), 2);
  return control_frame(Opcode::close, payload.append(name(reason)));
}

}  // namespace corohub::gateway
