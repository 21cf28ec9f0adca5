// Reads one request after the other from bytes as they come: no socket, no clock. The reader stops behind the
// head, so that the request can be judged before its body. It belongs to one connection and one thread.
#pragma once

#include "core/error.hpp"
#include "http/chunked.hpp"
#include "http/head.hpp"
#include "http/request.hpp"

#include <cstddef>
#include <string_view>

namespace corohub::http {

class RequestReader {
 public:
  enum class State : std::uint8_t {
    head,      // waits for the rest of the head
    body,      // the head is known and good; waits for the body
    complete,  // the request is whole
    failed,    // nothing that follows on this connection can be trusted
  };

  explicit RequestReader(const ReadLimits& limits) : limits_(limits) {}

  // Takes bytes from the front of `bytes` and returns how many; the caller shows the rest again, with more
  // behind it. Takes nothing once complete or failed.
  std::size_t feed(std::string_view bytes);

  // Sets how long this request's body may be, in place of ReadLimits::max_body_bytes. Called once the head is
  // known, and before the body: a stated length that is too long fails at once.
  void limit_body(std::size_t bytes_max);

  State state() const noexcept { return state_; }
  const Error& error() const noexcept { return error_; }  // failed only
  // The client holds the body back until it is told to send it.
  bool expects_continue() const noexcept { return expects_continue_; }
  std::size_t body_bytes() const noexcept { return body_bytes_; }  // taken so far, as they came

  // Known from the body state on; after a failure, as far as it could be read.
  Request& request() noexcept { return request_; }
  const Request& request() const noexcept { return request_; }

  // Begins the next request.
  void next();

 private:
  Result<std::size_t> take_head(std::string_view bytes);
  Result<std::size_t> take_body(std::string_view bytes);
  Result<> parse(std::string_view head_bytes);
  Result<> check_length() const;

  const ReadLimits limits_;
  State state_ = State::head;
  Error error_{ErrorCode::internal_error};
  Request request_;
  HeadScanner scanner_;
  ChunkedDecoder decoder_;
  bool skipped_empty_line_ = false;
  bool chunked_ = false;
  bool expects_continue_ = false;
  std::size_t body_max_ = limits_.max_body_bytes;
  std::size_t body_left_ = 0;
  std::size_t body_bytes_ = 0;
};

}  // namespace corohub::http
