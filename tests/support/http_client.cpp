#include "support/http_client.hpp"

#include "support/recording.hpp"

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::test {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

HttpAnswer parse_head(std::string_view head) {
  HttpAnswer answer;
  answer.status = std::stoi(std::string(head.substr(9, 3)));
  for (std::size_t line = head.find("\r\n"); line != std::string_view::npos && line + 2 < head.size();) {
    const std::size_t end = head.find("\r\n", line + 2);
    const std::string_view text = head.substr(line + 2, end - line - 2);
    if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
      std::string_view value = text.substr(colon + 1);
      while (value.starts_with(' ')) value.remove_prefix(1);
      answer.headers.emplace_back(text.substr(0, colon), value);
    }
    line = end;
  }
  return answer;
}

// Pages of the log and answers to polls are lists of events.
void record_events(const HttpCall& call, const HttpAnswer& answer) {
  const bool events =
      call.target.starts_with("/api/v1/events") || call.target.find("/history") != std::string::npos;
  if (!events || answer.status != 200 || answer.body.empty()) return;
  const json::value list = answer.at("data");
  if (!list.is_array()) return;
  for (const json::value& event : list.get_array()) record_event(json::serialize(event));
}

}  // namespace

std::string HttpAnswer::header(std::string_view name) const {
  for (const auto& [field, value] : headers)
    if (same_name(field, name)) return value;
  return {};
}

json::value HttpAnswer::json() const { return json::parse(body); }

json::value HttpAnswer::at(std::string_view path) const {
  json::value value = json();
  while (!path.empty()) {
    const std::size_t dot = std::min(path.find('.'), path.size());
    const json::object* object = value.if_object();
    const json::value* member = object == nullptr ? nullptr : object->if_contains(path.substr(0, dot));
    if (member == nullptr) return nullptr;
    value = json::value(*member);
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return value;
}

std::string request_text(const HttpCall& call) {
  std::string text = call.method + " " + call.target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  if (!call.token.empty()) text += "Authorization: Bearer " + call.token + "\r\n";
  for (const auto& [name, value] : call.headers) text += name + ": " + value + "\r\n";
  std::string body;
  if (call.body) {
    body = json::serialize(*call.body);
    text += "Content-Type: application/json\r\n";
  } else if (call.bytes) {
    body = *call.bytes;
  }
  if (call.body || call.bytes) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text + "\r\n" + body;
}

HttpAnswer read_answer(TcpStream& stream, std::string& buffer, bool head) {
  std::size_t end = std::string::npos;
  while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
    const std::string more = stream.read_some();
    if (more.empty()) return {};
    buffer += more;
  }
  HttpAnswer answer = parse_head(std::string_view(buffer).substr(0, end));
  buffer.erase(0, end + 4);
  if (answer.status == 100) return read_answer(stream, buffer, head);
  const std::string length = answer.header("Content-Length");
  const std::size_t size = head || length.empty() ? 0 : std::stoul(length);
  while (buffer.size() < size) {
    const std::string more = stream.read_some();
    if (more.empty()) throw std::runtime_error("the answer ended in its body");
    buffer += more;
  }
  answer.body = buffer.substr(0, size);
  buffer.erase(0, size);
  return answer;
}

HttpAnswer HttpClient::call(const HttpCall& call) {
  HttpAnswer answer = exchange(call);
  record_events(call, answer);
  return answer;
}

HttpAnswer HttpClient::exchange(const HttpCall& call) {
  const std::string text = request_text(call);
  const bool head = call.method == "HEAD";
  if (stream_) {
    // A connection that was kept may have ended meanwhile.
    const HttpAnswer answer = attempt(text, head);
    if (answer.status != 0) return answer;
  }
  stream_.emplace(port_);
  return attempt(text, head);
}

HttpAnswer HttpClient::attempt(const std::string& text, bool head) {
  HttpAnswer answer;
  try {
    stream_->write(text);
    std::string buffer;
    answer = read_answer(*stream_, buffer, head);
  } catch (const std::runtime_error&) {
    stream_.reset();
    return {};
  }
  if (answer.status == 0 || same_name(answer.header("Connection"), "close")) stream_.reset();
  return answer;
}

HttpAnswer HttpClient::get(std::string target, std::string token) {
  return call({.target = std::move(target), .token = std::move(token)});
}

HttpAnswer HttpClient::post(std::string target, json::value body, std::string token) {
  return call(
      {.method = "POST", .target = std::move(target), .token = std::move(token), .body = std::move(body)});
}

HttpAnswer HttpClient::put(std::string target, json::value body, std::string token) {
  return call(
      {.method = "PUT", .target = std::move(target), .token = std::move(token), .body = std::move(body)});
}

HttpAnswer HttpClient::patch(std::string target, json::value body, std::string token) {
  return call(
      {.method = "PATCH", .target = std::move(target), .token = std::move(token), .body = std::move(body)});
}

HttpAnswer HttpClient::del(std::string target, std::string token) {
  return call({.method = "DELETE", .target = std::move(target), .token = std::move(token)});
}

}  // namespace corohub::test
