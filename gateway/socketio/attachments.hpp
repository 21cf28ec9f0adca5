// A packet whose Buffers come behind it, each as a message of its own. Pure.
#pragma once

#include "gateway/socketio/packet.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::gateway::socketio {

class Attachments {
 public:
  // `text` is the packet's; `count` of its Buffers follow, of at most `bytes_max` together.
  Attachments(std::string text, std::size_t count, std::size_t bytes_max)
      : text_(std::move(text)), count_(count), bytes_left_(bytes_max) {}

  bool is_complete() const noexcept { return buffers_.size() == count_; }
  // The next Buffer, of a packet that is not complete. False: they are too large. Throws for memory.
  bool add(std::string_view bytes) {
    if (bytes.size() > bytes_left_) return false;
    bytes_left_ -= bytes.size();
    buffers_.emplace_back(bytes);
    return true;
  }

  const std::string& text() const noexcept { return text_; }
  std::vector<std::string> take_buffers() noexcept { return std::move(buffers_); }

 private:
  std::string text_;
  std::size_t count_;
  std::size_t bytes_left_;
  std::vector<std::string> buffers_;
};

}  // namespace corohub::gateway::socketio
