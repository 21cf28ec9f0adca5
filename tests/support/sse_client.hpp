// A blocking reader of an event stream for tests: chunks, then fields, then events.
#pragma once

#include "support/http_client.hpp"
#include "support/tcp_stream.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/object.hpp>

namespace corohub::test {

struct SseEvent {
  std::string id;  // of this event, empty: it has none
  std::string retry;
  std::string event;
  std::string text;   // its data
  json::object data;  // the same as JSON
};

class SseClient {
 public:
  struct Options {
    std::string target = "/api/v1/events/stream";
    std::string token{};
    std::vector<std::pair<std::string, std::string>> headers{};
  };

  SseClient(std::uint16_t port, const Options& options);

  int status() const noexcept { return status_; }
  const std::string& head() const noexcept { return head_; }
  // Throws when the stream ends instead.
  SseEvent next();
  // Events up to and with the first of this type.
  std::vector<SseEvent> until(std::string_view type);
  // True when the body ended as it should, after its last chunk.
  bool wait_end();
  TcpStream& stream() noexcept { return stream_; }

 private:
  bool read_chunk();  // false: the body is over
  std::string line();

  TcpStream stream_;
  std::string target_;
  std::string buffer_;  // not yet decoded
  std::string body_;    // decoded, not yet parsed
  std::string head_;
  int status_ = 0;
};

}  // namespace corohub::test
