#include "http/chunked.hpp"

#include "core/encoding.hpp"
#include "http/text.hpp"

#include <algorithm>

namespace corohub::http {
namespace {

constexpr std::size_t size_digits_max = 8;

Error malformed() { return Error(ErrorCode::invalid_request, "The chunked body is malformed."); }

bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

}  // namespace

Result<std::size_t> ChunkedDecoder::feed(std::string_view bytes, const ReadLimits& limits,
                                         std::string& body) {
  std::size_t used = 0;
  while (used < bytes.size() && !done()) {
    if (state_ == State::data) {
      const std::size_t piece = std::min<std::uint64_t>(left_, bytes.size() - used);
      body.append(bytes.substr(used, piece));
      used += piece;
      left_ -= piece;
      if (left_ == 0) state_ = State::data_return;
      continue;
    }
    if (Result<> taken = take(bytes[used++], limits, body); !taken) return taken.error();
  }
  return used;
}

Result<> ChunkedDecoder::take(char c, const ReadLimits& limits, const std::string& body) {
  const auto expect = [&](char expected, State next) -> Result<> {
    if (c != expected) return malformed();
    state_ = next;
    return {};
  };
  switch (state_) {
    case State::size_start:
    case State::size:
      return take_size(c);
    case State::extension:
      if (c == '\r') return expect('\r', State::size_end);
      if (is_control(c) || ++extension_ > extension_bytes_max || ++extensions_ > all_extension_bytes_max)
        return malformed();
      return {};
    case State::size_end:
      if (c != '\n') return malformed();
      return end_size_line(limits, body);
    case State::data_return:
      return expect('\r', State::data_end);
    case State::data_end:
      return expect('\n', State::size_start);
    case State::trailer_start:
      if (c == '\r') return expect('\r', State::last_end);
      if (!is_token_char(c) || ++trailers_ > limits.max_headers) return malformed();
      state_ = State::trailer_name;
      [[fallthrough]];
    case State::trailer_name:
      if (c == ':')
        state_ = State::trailer;
      else if (!is_token_char(c))
        return malformed();
      return count_trailer_byte(limits);
    case State::trailer:
      if (c == '\r') return expect('\r', State::trailer_end);
      if (is_control(c)) return malformed();
      return count_trailer_byte(limits);
    case State::trailer_end:
      return expect('\n', State::trailer_start);
    case State::last_end:
      return expect('\n', State::done);
    case State::data:
    case State::done:
      break;
  }
  return malformed();
}

Result<> ChunkedDecoder::count_trailer_byte(const ReadLimits& limits) {
  if (++trailer_bytes_ <= limits.max_header_bytes) return {};
  return Error(ErrorCode::header_too_large, "The trailer fields are too large.");
}

Result<> ChunkedDecoder::take_size(char c) {
  if (const int digit = hex_digit(c); digit >= 0) {
    if (++digits_ > size_digits_max) return malformed();
    left_ = left_ * 16 + static_cast<unsigned>(digit);
    state_ = State::size;
    return {};
  }
  if (state_ == State::size_start || (c != ';' && c != '\r')) return malformed();
  state_ = c == ';' ? State::extension : State::size_end;
  return {};
}

Result<> ChunkedDecoder::end_size_line(const ReadLimits& limits, const std::string& body) {
  if (left_ > limits.max_body_bytes - std::min(body.size(), limits.max_body_bytes))
    return Error(ErrorCode::payload_too_large, "The body is larger than is allowed.");
  state_ = left_ == 0 ? State::trailer_start : State::data;
  digits_ = 0;
  extension_ = 0;
  return {};
}

}  // namespace corohub::http
