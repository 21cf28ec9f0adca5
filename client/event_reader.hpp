// Server-sent events out of the bytes of a stream, as corohub writes them. Pure.
#pragma once

#include "client/failure.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace corohub::client {

struct StreamEvent {
  std::string id;                    // empty: the event has none
  std::string data;                  // empty: the event only says, by its id, where the stream is
  std::optional<int> retry_ms = {};  // how long to wait before coming back
};

class EventReader {
 public:
  void feed(std::string_view bytes) { input_ += bytes; }
  // The next whole event; nothing: more bytes are needed. protocol: an event that does not end.
  Attempt<std::optional<StreamEvent>> next();

 private:
  void take_line(std::string_view line);

  std::string input_;
  std::size_t looked_at_ = 0;  // no line ends before this
  StreamEvent event_;
  bool has_data_ = false;
};

}  // namespace corohub::client
