// An HTTP/1.1 answer, read as its bytes come: status, headers, and a body that is counted, chunked or ends
// with the connection. Pure.
#pragma once

#include "client/failure.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::client {

class ResponseReader {
 public:
  // protocol: these bytes are no answer, and the reader must not be used any more.
  Attempt<> feed(std::string_view bytes);
  // Tells that the peer has closed. protocol: in the middle of the answer.
  Attempt<> end();

  bool head_complete() const noexcept { return part_ != Part::head; }
  bool complete() const noexcept { return part_ == Part::over; }
  int status() const noexcept { return status_; }
  std::string_view header(std::string_view name) const noexcept;  // in any case; empty: there is none
  // The part of the body that came since the last call.
  std::string take_body() noexcept { return std::exchange(body_, {}); }

 private:
  enum class Part : std::uint8_t { head, counted, to_the_end, chunk_size, chunk, chunk_end, trailers, over };

  Attempt<bool> advance();  // false: more bytes are needed
  Attempt<> read_head(std::string_view head);
  Attempt<> choose_body();
  Attempt<> read_chunk_size(std::string_view line);
  bool take_line(std::string& line);
  bool take_counted(Part next);

  Part part_ = Part::head;
  std::string input_;  // bytes that are not understood yet
  std::string body_;
  std::uint64_t left_ = 0;  // bytes left of the counted body or of the chunk
  int status_ = 0;
  std::vector<std::pair<std::string, std::string>> headers_;
};

}  // namespace corohub::client
