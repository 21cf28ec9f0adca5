#include "support/stomp_client.hpp"

#include <algorithm>
#include <atomic>

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::test {
namespace {

constexpr std::uint8_t text_frame = 1;
constexpr std::uint8_t close_frame = 8;  // the first of the control frames
constexpr std::uint8_t ping_frame = 9;
constexpr std::uint8_t pong_frame = 10;

constexpr int heartbeats_max = 1;            // in a row, which only guards against hanging
constexpr std::string_view opening = "o\n";  // of a session that was not there

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\\\";
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == ':')
      out += "\\c";
    else
      out += c;
  }
  return out;
}

char unescape(char c) {
  if (c == '\\') return '\\';
  if (c == 'n') return '\n';
  if (c == 'r') return '\r';
  if (c == 'c') return ':';
  throw std::runtime_error("an escape that is none");
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\')
      out += text[i];
    else if (++i < text.size())
      out += unescape(text[i]);
    else
      throw std::runtime_error("half an escape");
  }
  return out;
}

std::string new_session() {
  static std::atomic<int> last{0};
  return "session-" + std::to_string(++last);
}

}  // namespace

std::string StompFrame::header(std::string_view name) const {
  const auto found = std::ranges::find(headers, name, &std::pair<std::string, std::string>::first);
  return found == headers.end() ? std::string() : found->second;
}

// The headers of CONNECT are not escaped.
std::string stomp_text(const StompFrame& frame) {
  std::string text = frame.command + "\n";
  for (const auto& [name, value] : frame.headers)
    text +=
        frame.command == "CONNECT" ? name + ":" + value + "\n" : escape(name) + ":" + escape(value) + "\n";
  text += "\n" + frame.body;
  return text + '\0';
}

StompFrame parse_stomp(std::string_view text) {
  const std::size_t head = text.find("\n\n");
  if (head == std::string_view::npos || !text.ends_with('\0'))
    throw std::runtime_error("no frame: " + std::string(text));
  StompFrame frame{.command = std::string(text.substr(0, text.find('\n')))};
  for (std::size_t line = text.find('\n'); line < head;) {
    const std::size_t end = text.find('\n', line + 1);
    const std::string_view header = text.substr(line + 1, end - line - 1);
    const std::size_t colon = header.find(':');
    if (colon == std::string_view::npos) throw std::runtime_error("no header: " + std::string(header));
    frame.headers.emplace_back(unescape(header.substr(0, colon)), unescape(header.substr(colon + 1)));
    line = end;
  }
  frame.body = text.substr(head + 2, text.size() - head - 3);
  const std::string length = frame.header("content-length");
  if (!length.empty() && std::stoul(length) != frame.body.size())
    throw std::runtime_error("a wrong content-length: " + std::string(text));
  return frame;
}

void StompClient::send(const std::vector<StompFrame>& frames) {
  std::vector<std::string> texts;
  for (const StompFrame& frame : frames) texts.push_back(stomp_text(frame));
  send_texts(texts);
}

// ---- on a WebSocket ----

StompSocket::StompSocket(std::uint16_t port, const TestUser& user)
    : socket_(port, WsOptions{.target = user.access_token.empty() ? "/ws" : "/ws?token=" + user.access_token,
                              .headers = {{"Sec-WebSocket-Protocol", "v12.stomp"}}}) {
  if (socket_.answer().status != 101) throw std::runtime_error("refused: " + socket_.answer().body);
}

void StompSocket::send_texts(const std::vector<std::string>& texts) {
  for (const std::string& text : texts) socket_.send_text(text);
}

// A message may come in fragments.
std::string StompSocket::next_text() {
  std::string text;
  for (bool begun = false;;) {
    const WsClient::Frame frame = socket_.read_frame();
    if (frame.opcode == close_frame) throw std::runtime_error("closed instead of a frame: " + frame.payload);
    if (frame.opcode == ping_frame) socket_.send_frame(pong_frame, frame.payload);
    if (frame.opcode >= close_frame) continue;
    if (begun != (frame.opcode == 0) || frame.opcode > text_frame)
      throw std::runtime_error("a fragment of nothing, or no text");
    begun = true;
    text += frame.payload;
    if (frame.final) return text;
  }
}

// ---- inside SockJS ----

StompPolling::StompPolling(std::uint16_t port, const TestUser& user)
    : port_(port), user_(user), session_(new_session()) {
  begin_poll();
  if (const std::string opened = end_poll(); opened != opening)
    throw std::runtime_error("not opened: " + opened);
}

HttpCall StompPolling::call(std::string_view transport, std::string body) const {
  return {.method = "POST",
          .target = "/ws/000/" + session_ + "/" + std::string(transport) + "?token=" + user_.access_token,
          .bytes = std::move(body)};
}

void StompPolling::begin_poll() {
  unheard_ = std::chrono::steady_clock::now() - polled_at_;
  poll_.emplace(port_);
  polled_at_ = std::chrono::steady_clock::now();
  poll_->write(request_text(call("xhr", "")));
}

std::string StompPolling::end_poll() {
  std::string buffer;
  const HttpAnswer answer = read_answer(*poll_, buffer);
  poll_.reset();
  if (answer.status != 200)
    throw std::runtime_error("no poll: " + std::to_string(answer.status) + " " + answer.body);
  return answer.body;
}

void StompPolling::read_poll() {
  const std::string frame = end_poll();
  if (frame == opening) throw SessionGone(unheard_);
  if (frame == "h\n") {
    if (++heartbeats_ > heartbeats_max) throw std::runtime_error("nothing came");
    return;
  }
  heartbeats_ = 0;
  if (!frame.starts_with("a[")) throw std::runtime_error("closed instead of a frame: " + frame);
  const json::value texts = json::parse(std::string_view(frame).substr(1));
  for (const json::value& text : texts.as_array()) received_.emplace_back(text.as_string());
}

std::string StompPolling::next_text() {
  while (received_.empty()) {
    if (!poll_) begin_poll();
    read_poll();
  }
  std::string text = std::move(received_.front());
  received_.pop_front();
  return text;
}

void StompPolling::send_texts(const std::vector<std::string>& texts) {
  const HttpAnswer answer =
      HttpClient(port_).call(call("xhr_send", json::serialize(json::array(texts.begin(), texts.end()))));
  if (answer.status == 404) throw SessionGone(std::chrono::steady_clock::now() - polled_at_);
  if (answer.status != 204)
    throw std::runtime_error("not sent: " + std::to_string(answer.status) + " " + answer.body);
}

void StompPolling::reset() {
  if (!poll_) begin_poll();
  poll_->reset();
}

// One time it asks, the next time it takes what has come, so that something waits in the server as well.
void StompPolling::keep() {
  if (!poll_)
    begin_poll();
  else if (poll_->readable(std::chrono::milliseconds(0)))
    read_poll();
}

}  // namespace corohub::test
