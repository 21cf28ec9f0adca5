#include "support/sse_client.hpp"

#include "support/online_events.hpp"
#include "support/recording.hpp"

#include <stdexcept>

#include <boost/json/parse.hpp>

namespace corohub::test {

SseClient::SseClient(std::uint16_t port, const Options& options) : stream_(port), target_(options.target) {
  HttpCall call{.target = options.target, .token = options.token};
  call.headers = options.headers;
  stream_.write(request_text(call));
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    const std::string more = stream_.read_some();
    if (more.empty()) throw std::runtime_error("no answer");
    buffer_ += more;
  }
  head_ = buffer_.substr(0, end + 4);
  buffer_.erase(0, end + 4);
  status_ = std::stoi(head_.substr(9, 3));
}

std::string SseClient::line() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    const std::string more = stream_.read_some();
    if (more.empty()) throw std::runtime_error("the stream broke off");
    buffer_ += more;
  }
  std::string out = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return out;
}

bool SseClient::read_chunk() {
  const std::size_t size = std::stoul(line(), nullptr, 16);
  while (buffer_.size() < size + 2) {
    const std::string more = stream_.read_some();
    if (more.empty()) throw std::runtime_error("the stream broke off");
    buffer_ += more;
  }
  body_ += buffer_.substr(0, size);
  if (buffer_.substr(size, 2) != "\r\n") throw std::runtime_error("a chunk without its end");
  buffer_.erase(0, size + 2);
  return size > 0;
}

SseEvent SseClient::next() {
  const bool is_ours = target_.starts_with("/api/");  // not in words of a foreign protocol
  for (;;) {
    std::size_t end = 0;
    while ((end = body_.find("\n\n")) == std::string::npos)
      if (!read_chunk()) throw std::runtime_error("the stream has ended");
    std::string block = body_.substr(0, end + 1);
    body_.erase(0, end + 2);
    SseEvent event;
    bool has_data = false;
    while (!block.empty()) {
      const std::size_t stop = block.find('\n');
      const std::string field = block.substr(0, stop);
      block.erase(0, stop + 1);
      if (field.starts_with("id: ")) event.id = field.substr(4);
      if (field.starts_with("retry: ")) event.retry = field.substr(7);
      if (field.starts_with("event: ")) event.event = field.substr(7);
      if (!field.starts_with("data: ")) continue;
      event.text += (has_data ? "\n" : "") + field.substr(6);
      has_data = true;
    }
    if (!has_data) continue;  // a comment
    if (is_ours && !event.event.empty()) throw std::runtime_error("an event field");
    if (is_ours) record_event(event.text);
    if (is_unasked_online_event(target_, event.text)) continue;
    event.data = json::parse(event.text).as_object();
    return event;
  }
}

std::vector<SseEvent> SseClient::until(std::string_view type) {
  std::vector<SseEvent> events;
  do events.push_back(next());
  while (events.back().data.at("type").as_string() != type);
  return events;
}

bool SseClient::wait_end() {
  while (read_chunk()) {
  }
  return stream_.read_some().empty();
}

}  // namespace corohub::test
