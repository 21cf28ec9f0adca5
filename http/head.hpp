// The head of a request: where it ends, and whether it can be read in one way only. Shapes that another
// server in front reads differently (request smuggling) are refused. Whatever is accepted here Boost.Beast
// accepts too, with the same fields: a test and the fuzzer compare. Pure; no I/O.
#pragma once

#include "core/error.hpp"
#include "http/request.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace corohub::http {

struct ReadLimits {
  std::size_t max_header_bytes = 8192;  // request line and fields
  std::size_t max_headers = 100;
  std::size_t max_uri_bytes = 4096;
  std::size_t max_body_bytes = 65'536;
};

// Finds the end of a head that arrives in pieces, and refuses at the first byte that cannot be part of one.
class HeadScanner {
 public:
  // Looks at `bytes`, which begin with all bytes that were shown before. Returns the size of the whole head
  // with its empty line; 0: more bytes are needed.
  Result<std::size_t> scan(std::string_view bytes, const ReadLimits& limits);

 private:
  Result<std::size_t> scan_bytes(std::string_view bytes, const ReadLimits& limits, std::size_t end);

  std::size_t scanned_ = 0;
  std::size_t line_start_ = 0;
  std::size_t lines_ = 0;  // complete lines; the first is the request line
};

// What a head says about itself; the views point into it.
struct Head {
  std::string_view method;
  std::string_view target;
  bool http11 = true;
  std::string_view host;  // empty: none (HTTP/1.0)
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool expects_continue = false;
  bool expects_other = false;  // an expectation that nobody can meet
};

// Checks the form of a whole head, of which HeadScanner has found the end; the caller judges a length that is
// too large. The fields are added to `headers`, which has kept `bytes`. What could be read before an error
// stands in `head`, for the log.
Result<> read_head(std::string_view bytes, const ReadLimits& limits, Head& head, HeaderList& headers);

}  // namespace corohub::http
