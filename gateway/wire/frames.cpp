#include "gateway/wire/frames.hpp"

#include <array>
#include <charconv>

namespace corohub::gateway {
namespace {

constexpr unsigned fin_bit = 0x80;
constexpr unsigned compressed_bit = 0x40;
constexpr char length_in_16_bits = 126;
constexpr char length_in_64_bits = 127;

}  // namespace

std::string frame_head(Opcode opcode, Fin fin, std::size_t size, bool compressed) {
  const unsigned bits = (fin == Fin::yes ? fin_bit : 0) | (compressed ? compressed_bit : 0);
  std::string head(1, static_cast<char>(bits | static_cast<unsigned>(opcode)));
  const auto append_big_endian = [&](int bytes) {
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
      head += static_cast<char>((static_cast<std::uint64_t>(size) >> shift) & 0xFF);
  };
  if (size < 126) {
    append_big_endian(1);
  } else if (size <= 0xFFFF) {
    head += length_in_16_bits;
    append_big_endian(2);
  } else {
    head += length_in_64_bits;
    append_big_endian(8);
  }
  return head;
}

std::string chunk_of(std::string_view bytes) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), bytes.size(), 16).ptr;
  std::string out(digits.data(), end);
  out.reserve(out.size() + bytes.size() + 4);
  out.append("\r\n").append(bytes).append("\r\n");
  return out;
}

hub::FrameRef message_frame(Opcode opcode, std::string_view payload) {
  return hub::Frame::make(frame_head(opcode, Fin::yes, payload.size()), payload,
                          hub::Audience::one_connection());
}

std::string control_frame(Opcode opcode, std::string_view payload) {
  return frame_head(opcode, Fin::yes, payload.size()).append(payload);
}

std::string close_frame(CloseReason reason) {
  const unsigned code = close_code(reason);
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  return control_frame(Opcode::close, payload.append(name(reason)));
}

}  // namespace corohub::gateway
