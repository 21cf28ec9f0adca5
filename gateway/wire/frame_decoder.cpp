#include "gateway/wire/frame_decoder.hpp"

#include "core/deflate.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace corohub::gateway {
namespace {

using Kind = Received::Kind;

constexpr std::size_t control_bytes_max = 125;
constexpr std::uint8_t length_in_16_bits = 126;
constexpr std::uint8_t length_in_64_bits = 127;

std::uint64_t big_endian(std::span<const std::uint8_t> bytes) noexcept {
  std::uint64_t value = 0;
  for (const std::uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

// RFC 6455 section 7.4, and what IANA has registered since. 1004 to 1006 and 1015 are never sent.
bool may_be_sent(std::uint64_t code) noexcept {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

Received broken(CloseReason reason) noexcept { return {Kind::broken, {}, reason}; }

Received received_close(std::string_view payload) noexcept {
  if (payload.empty()) return {Kind::close};
  if (payload.size() == 1) return broken(CloseReason::protocol_error);
  const std::array<std::uint8_t, 2> code{static_cast<std::uint8_t>(payload[0]),
                                         static_cast<std::uint8_t>(payload[1])};
  if (!may_be_sent(big_endian(code))) return broken(CloseReason::protocol_error);
  if (!is_utf8(payload.substr(2))) return broken(CloseReason::invalid_utf8);
  return {Kind::close, payload};
}

}  // namespace

Received FrameDecoder::next(std::span<char>& bytes) {
  // What was handed out is over.
  if (!in_message_ && !message_.empty()) std::string().swap(message_);
  if (!in_payload_ && !control_.empty()) std::string().swap(control_);
  for (;;) {
    if (!in_payload_) {
      if (!take_head(bytes)) return {};
      if (const std::optional<CloseReason> breach = read_head()) return broken(*breach);
      in_payload_ = true;
    }
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    const std::span<char> piece = bytes.first(size);
    bytes = bytes.subspan(size);
    left_ -= size;
    unmask(piece);
    const bool control = is_control(opcode());
    if (left_ == 0) {
      in_payload_ = false;
      head_size_ = 0;
    }
    const std::string_view text(piece.data(), piece.size());
    const Received received = control ? take_control(text) : take_data(text);
    if (received.kind != Kind::nothing || in_payload_) return received;
  }
}

// ---- the head of a frame ----

std::size_t FrameDecoder::head_bytes() const noexcept {
  if (head_size_ < 2) return 2;
  const std::uint8_t length = head_[1] & 0x7F;
  const std::size_t extended = length == length_in_16_bits ? 2 : length == length_in_64_bits ? 8 : 0;
  const std::size_t mask = (head_[1] & 0x80) != 0 ? 4 : 0;
  return 2 + extended + mask;
}

bool FrameDecoder::take_head(std::span<char>& bytes) noexcept {
  while (head_size_ < head_bytes()) {
    if (bytes.empty()) return false;
    head_[head_size_++] = static_cast<std::uint8_t>(bytes.front());
    bytes = bytes.subspan(1);
  }
  return true;
}

std::optional<CloseReason> FrameDecoder::read_head() noexcept {
  const bool masked = (head_[1] & 0x80) != 0;
  if (!read_reserved_bits() || !masked) return CloseReason::protocol_error;
  mask_at_ = 0;
  if (const std::optional<CloseReason> breach = read_length()) return breach;

  switch (opcode()) {
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong:
      if (!is_last() || left_ > control_bytes_max) return CloseReason::protocol_error;
      return std::nullopt;
    case Opcode::continuation:
      if (!in_message_) return CloseReason::protocol_error;
      break;
    case Opcode::text:
    case Opcode::binary:
      if (in_message_) return CloseReason::protocol_error;
      in_message_ = true;
      text_ = opcode() == Opcode::text;
      if (!text_ && limits_->text_only) return CloseReason::binary_not_supported;
      break;
    default:
      return CloseReason::protocol_error;
  }
  if (++fragments_ > limits_->fragments) return CloseReason::message_timeout;
  // A compressed message is held until it is whole, so it has a limit as it comes, too: what fits inflated is
  // no longer.
  const std::size_t most = compressed_ ? deflated_bytes_max(bytes_max()) : bytes_max();
  if (left_ > most - received_) return CloseReason::message_too_big;
  received_ += static_cast<std::size_t>(left_);
  return std::nullopt;
}

// RSV1 on a message's first frame says that it is compressed (RFC 7692 section 6).
bool FrameDecoder::read_reserved_bits() noexcept {
  constexpr std::uint8_t reserved_bits = 0x70;
  constexpr std::uint8_t compressed_bit = 0x40;
  const std::uint8_t bits = head_[0] & reserved_bits;
  const bool first_of_message = opcode() == Opcode::text || opcode() == Opcode::binary;
  if (first_of_message && !in_message_) compressed_ = deflate_ && bits == compressed_bit;
  return bits == 0 || (first_of_message && compressed_);
}

// In as few bytes as it takes (section 5.2).
std::optional<CloseReason> FrameDecoder::read_length() noexcept {
  const std::span<const std::uint8_t> head(head_);
  const std::uint8_t length = head_[1] & 0x7F;
  left_ = length;
  if (length == length_in_16_bits) {
    left_ = big_endian(head.subspan(2, 2));
    if (left_ < length_in_16_bits) return CloseReason::protocol_error;
  } else if (length == length_in_64_bits) {
    left_ = big_endian(head.subspan(2, 8));
    if (left_ <= 0xFFFF || left_ >> 63 != 0) return CloseReason::protocol_error;
  }
  return std::nullopt;
}

// ---- the payload ----

void FrameDecoder::unmask(std::span<char> bytes) noexcept {
  if (bytes.empty()) return;
  const std::uint8_t* const mask = head_.data() + head_size_ - 4;
  std::array<char, 8> turned;  // the mask from where it stands, twice
  for (std::size_t i = 0; i < turned.size(); ++i) turned[i] = static_cast<char>(mask[(mask_at_ + i) & 3]);
  std::uint64_t eight_of_mask = 0;
  std::memcpy(&eight_of_mask, turned.data(), turned.size());
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, bytes.data() + i, 8);
    eight ^= eight_of_mask;
    std::memcpy(bytes.data() + i, &eight, 8);
  }
  for (; i < bytes.size(); ++i) bytes[i] = static_cast<char>(bytes[i] ^ turned[i & 7]);
  mask_at_ = static_cast<std::uint8_t>((mask_at_ + bytes.size()) & 3);
}

// What was held and its last piece, without a copy if that is all of it.
std::string_view FrameDecoder::whole(std::string& held, std::string_view last_piece) {
  if (held.empty()) return last_piece;
  held.append(last_piece);
  return held;
}

Received FrameDecoder::take_control(std::string_view piece) {
  if (in_payload_) {
    control_.append(piece);
    return {};
  }
  const std::string_view payload = whole(control_, piece);
  switch (opcode()) {
    case Opcode::ping:
      return {Kind::ping, payload};
    case Opcode::pong:
      return {Kind::pong, payload};
    default:
      return received_close(payload);
  }
}

Received FrameDecoder::take_data(std::string_view piece) {
  const bool check_now = text_ && !compressed_;
  if (check_now && !utf8_.add(piece)) return broken(CloseReason::invalid_utf8);
  if (in_payload_ || !is_last()) {
    message_.append(piece);
    return {};
  }
  if (check_now && !utf8_.complete()) return broken(CloseReason::invalid_utf8);
  in_message_ = false;
  received_ = 0;
  fragments_ = 0;
  const std::string_view message = whole(message_, piece);
  if (compressed_) return inflate(message);
  return {text_ ? Kind::text : Kind::binary, message};
}

Received FrameDecoder::inflate(std::string_view compressed) const {
  const InflatedMessage message = inflate_message(compressed, bytes_max());
  switch (message.outcome) {
    case Inflated::whole:
      break;
    case Inflated::too_big:
      return broken(CloseReason::message_too_big);
    case Inflated::malformed:
      return broken(CloseReason::invalid_payload);
    case Inflated::no_memory:
      throw std::bad_alloc();
  }
  if (text_ && !is_utf8(message.bytes)) return broken(CloseReason::invalid_utf8);
  Received received{text_ ? Kind::text : Kind::binary, message.bytes};
  if (message.bytes.size() > compressed.size()) received.grown = message.bytes.size() - compressed.size();
  return received;
}

}  // namespace corohub::gateway
