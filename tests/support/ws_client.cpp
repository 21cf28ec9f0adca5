#include "support/ws_client.hpp"

#include "support/online_events.hpp"
#include "support/recording.hpp"

#include <algorithm>
#include <stdexcept>

#include <boost/json/parse.hpp>

namespace corohub::test {
namespace {

constexpr std::uint8_t text_frame = 1;
constexpr std::uint8_t close_frame = 8;
constexpr std::uint8_t ping_frame = 9;
constexpr std::uint8_t pong_frame = 10;
constexpr std::string_view mask = "\x37\xfa\x21\x3d";

std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
  return out;
}

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

// Only what is asked for at the native protocol's own address, and offers no other protocol there.
bool speaks_native(const WsOptions& options) {
  const std::string_view target = options.target;
  if (target.substr(0, target.find('?')) != "/ws") return false;
  return std::ranges::none_of(options.headers, [](const auto& header) {
    return header.first == "Sec-WebSocket-Protocol" && header.second.find("stomp") != std::string::npos;
  });
}

}  // namespace

WsClient::WsClient(std::uint16_t port, const WsOptions& options)
    : stream_(port),
      target_(options.target),
      answer_pings_(options.answer_pings),
      native_(speaks_native(options)) {
  HttpCall call{.target = options.target, .token = options.token};
  call.headers = {{"Connection", "Upgrade"},
                  {"Upgrade", "websocket"},
                  {"Sec-WebSocket-Version", "13"},
                  {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
  call.headers.insert(call.headers.end(), options.headers.begin(), options.headers.end());
  stream_.write(request_text(call));
  answer_ = read_answer(stream_, buffer_);
}

bool WsClient::fill(std::size_t size) {
  while (buffer_.size() < size) {
    const std::string more = stream_.read_some();
    if (more.empty()) return false;
    buffer_ += more;
  }
  return true;
}

WsClient::Frame WsClient::read_frame() {
  const auto end = [this] {
    ended_ = true;
    return Frame{close_frame, true, ""};
  };
  if (!fill(2)) return end();
  Frame frame;
  frame.opcode = static_cast<std::uint8_t>(buffer_[0]) & 0x0f;
  frame.final = (static_cast<std::uint8_t>(buffer_[0]) & 0x80) != 0;
  std::uint64_t size = static_cast<std::uint8_t>(buffer_[1]) & 0x7f;
  std::size_t head = 2;
  if (size >= 126) {
    const std::size_t bytes = size == 126 ? 2 : 8;
    if (!fill(head + bytes)) return end();
    size = read_big_endian(std::string_view(buffer_).substr(head, bytes));
    head += bytes;
  }
  if (!fill(head + size)) return end();
  frame.payload = buffer_.substr(head, size);
  buffer_.erase(0, head + size);
  if (frame.opcode == text_frame && native_) record_event(frame.payload);
  return frame;
}

std::string WsClient::next_text() {
  for (;;) {
    Frame frame = read_frame();
    if (frame.opcode == text_frame && !is_unasked_online_event(target_, frame.payload))
      return std::move(frame.payload);
    if (frame.opcode == ping_frame && answer_pings_) send_frame(pong_frame, frame.payload);
    if (frame.opcode == close_frame)
      throw std::runtime_error("closed instead of a message: " +
                               (frame.payload.size() > 2 ? frame.payload.substr(2) : "without a reason"));
  }
}

json::object WsClient::next() { return json::parse(next_text()).as_object(); }

std::vector<json::object> WsClient::until(std::string_view type) {
  std::vector<json::object> messages;
  do {
    messages.push_back(next());
  } while (messages.back().at("type").as_string() != type);
  return messages;
}

WsClose WsClient::wait_close(std::vector<json::object>* received) {
  for (;;) {
    const Frame frame = read_frame();
    if (ended_) return {};
    const bool wanted = frame.opcode == text_frame && !is_unasked_online_event(target_, frame.payload);
    if (wanted && received != nullptr) received->push_back(json::parse(frame.payload).as_object());
    if (frame.opcode == ping_frame && answer_pings_) send_frame(pong_frame, frame.payload);
    if (frame.opcode != close_frame) continue;
    if (frame.payload.size() < 2) return {1005, ""};
    try {
      send_frame(close_frame, std::string_view(frame.payload).substr(0, 2));
    } catch (const std::runtime_error&) {  // the server did not wait for it
    }
    return {static_cast<std::uint16_t>(read_big_endian(std::string_view(frame.payload).substr(0, 2))),
            frame.payload.substr(2)};
  }
}

void WsClient::send_frame(std::uint8_t opcode, std::string_view payload, bool final) {
  std::string frame(1, static_cast<char>((final ? 0x80 : 0) | opcode));
  if (payload.size() < 126) {
    frame += static_cast<char>(0x80 | payload.size());
  } else if (payload.size() < 65'536) {
    frame += static_cast<char>(0x80 | 126);
    frame += big_endian(payload.size(), 2);
  } else {
    frame += static_cast<char>(0x80 | 127);
    frame += big_endian(payload.size(), 8);
  }
  frame += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) frame += static_cast<char>(payload[i] ^ mask[i % 4]);
  stream_.write(frame);
}

void WsClient::close(std::uint16_t code) { send_frame(close_frame, big_endian(code, 2)); }

}  // namespace corohub::test
