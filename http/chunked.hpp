// Decodes a chunked body (RFC 9112 section 7.1), byte by byte and strictly. The decoder is our own because
// Beast 1.81 puts trailer fields among the header fields, takes chunk extensions of any length, and asserts
// on a last chunk that arrives in pieces. Trailers are skipped.
#pragma once

#include "core/error.hpp"
#include "http/head.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace corohub::http {

class ChunkedDecoder {
 public:
  static constexpr std::size_t extension_bytes_max = 256;       // of one chunk
  static constexpr std::size_t all_extension_bytes_max = 4096;  // of one body

  // Appends the decoded bytes to `body` and answers how many bytes belong to the body's encoding: all of them
  // until done() is true. Errors: invalid_request, payload_too_large, header_too_large (trailers).
  Result<std::size_t> feed(std::string_view bytes, const ReadLimits& limits, std::string& body);

  bool done() const noexcept { return state_ == State::done; }

 private:
  enum class State : std::uint8_t {
    size_start,
    size,
    extension,
    size_end,  // 1a;x=y CR LF
    data,
    data_return,
    data_end,
    trailer_start,
    trailer_name,
    trailer,
    trailer_end,
    last_end,  // the LF of the empty line
    done,
  };

  Result<> take(char c, const ReadLimits& limits, const std::string& body);
  Result<> take_size(char c);
  Result<> count_trailer_byte(const ReadLimits& limits);
  Result<> end_size_line(const ReadLimits& limits, const std::string& body);

  State state_ = State::size_start;
  std::uint64_t left_ = 0;  // bytes of this chunk to come
  std::size_t digits_ = 0;
  std::size_t extension_ = 0;
  std::size_t extensions_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::size_t trailers_ = 0;
};

}  // namespace corohub::http
