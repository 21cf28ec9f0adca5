#include "client/event_reader.hpp"

#include <charconv>
#include <utility>

namespace corohub::client {
namespace {

constexpr std::size_t event_bytes_max = 32 << 20;

}  // namespace

Attempt<std::optional<StreamEvent>> EventReader::next() {
  for (;;) {
    const std::size_t end = input_.find('\n', looked_at_);
    if (end == std::string::npos) {
      looked_at_ = input_.size();
      if (input_.size() + event_.data.size() > event_bytes_max)
        return Failure{Failure::Kind::protocol, "an event does not end"};
      return std::optional<StreamEvent>();
    }
    const std::size_t length = end > 0 && input_[end - 1] == '\r' ? end - 1 : end;
    const std::string line = input_.substr(0, length);
    input_.erase(0, end + 1);
    looked_at_ = 0;
    if (!line.empty()) {
      take_line(line);
    } else if (std::exchange(has_data_, false) || !event_.id.empty()) {
      return std::optional<StreamEvent>(std::exchange(event_, {}));
    }
  }
}

void EventReader::take_line(std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "data") {
    if (std::exchange(has_data_, true)) event_.data += '\n';
    event_.data += value;
  } else if (field == "id") {
    event_.id = value;
  } else if (field == "retry") {
    int milliseconds = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), milliseconds);
    if (error == std::errc() && end == value.data() + value.size() && milliseconds >= 0)
      event_.retry_ms = milliseconds;
  }
}

}  // namespace corohub::client
