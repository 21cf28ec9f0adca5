#include "client/http_client.hpp"

#include "core/json.hpp"

#include <algorithm>
#include <charconv>

namespace corohub::client {
namespace {

constexpr std::chrono::seconds connect_time{10};
constexpr std::chrono::seconds answer_time{40};  // a commit may wait for a slow disk
constexpr std::size_t body_bytes_max = 16 << 20;

// A value that somebody made up must not become another header.
Attempt<> check_headers(const Request& request, const Secret& token) {
  const auto all = [](std::string_view text, char first) {
    return std::ranges::all_of(text, [first](char c) { return c >= first && c < '\x7f'; });
  };
  if (!all(token.reveal(), '!'))
    return Failure{Failure::Kind::usage, "the token has characters that no token has"};
  for (const auto& [name, value] : request.headers)
    if (!all(value, ' '))
      return Failure{Failure::Kind::usage, name + " must be of printable ASCII characters"};
  return {};
}

std::string text_of(const Request& request, const ServerUrl& server, const Secret& token, bool goes_on) {
  std::string text = request.method + " " + request.target + " HTTP/1.1\r\n";
  const auto header = [&](std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("\r\n");
  };
  header("Host", server.authority());
  header("User-Agent", "corohub-cli");
  header("Accept", goes_on ? "text/event-stream" : "application/json");
  if (!goes_on) header("Connection", "close");
  if (!token.empty()) header("Authorization", "Bearer " + std::string(token.reveal()));
  for (const auto& [name, value] : request.headers) header(name, value);
  if (!request.body.empty()) header("Content-Type", "application/json");
  if (request.method != "GET") header("Content-Length", std::to_string(request.body.size()));
  return text + "\r\n" + request.body;
}

std::string member(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

// What a problem says, for a person: its detail and the fields it names. Any other refusal is named by its
// status alone.
Failure refusal(const ResponseReader& reader, std::string_view body) {
  Failure failure{Failure::Kind::refused, "the server answered " + std::to_string(reader.status()),
                  reader.status()};
  const std::string_view after = reader.header("Retry-After");
  int seconds = 0;
  if (std::from_chars(after.data(), after.data() + after.size(), seconds).ec == std::errc() && seconds >= 0)
    failure.retry_after = std::chrono::seconds(seconds);
  const Result<json::value> problem = parse_json(body);
  if (!problem || !problem->is_object()) return failure;
  const json::object& object = problem->as_object();
  const std::string detail = member(object, "detail");
  failure.what += " " + member(object, "code") + (detail.empty() ? "" : ": " + detail);
  const json::value* errors = object.if_contains("errors");
  if (errors == nullptr || !errors->is_array()) return failure;
  for (const json::value& error : errors->as_array())
    if (error.is_object())
      failure.what += " " + member(error.as_object(), "field") + ": " + member(error.as_object(), "message");
  return failure;
}

struct Opened {
  Connection connection;
  ResponseReader reader;
};

// Sends the request and reads to the end of the answer's head.
Attempt<Opened> begin(const Request& request, const ServerUrl& server, const Interrupt& interrupt,
                      const Secret& token, bool goes_on) {
  if (const Attempt<> good = check_headers(request, token); !good) return good.error();
  Attempt<Connection> connection = Connection::open(server, interrupt, connect_time);
  if (!connection) return connection.error();
  const Attempt<> sent = connection->send(text_of(request, server, token, goes_on), answer_time);
  if (!sent) return sent.error();
  Opened opened{std::move(*connection), {}};
  while (!opened.reader.head_complete()) {
    const Attempt<std::string> bytes = opened.connection.receive(answer_time);
    if (!bytes) return bytes.error();
    const Attempt<> read = bytes->empty() ? opened.reader.end() : opened.reader.feed(*bytes);
    if (!read) return read.error();
  }
  return opened;
}

Attempt<std::string> rest_of_body(Opened& opened) {
  std::string body = opened.reader.take_body();
  while (!opened.reader.complete()) {
    const Attempt<std::string> bytes = opened.connection.receive(answer_time);
    if (!bytes) return bytes.error();
    const Attempt<> read = bytes->empty() ? opened.reader.end() : opened.reader.feed(*bytes);
    if (!read) return read.error();
    body += opened.reader.take_body();
    if (body.size() > body_bytes_max) return Failure{Failure::Kind::protocol, "the answer is too large"};
  }
  return body;
}

}  // namespace

Attempt<std::string> Stream::read(std::chrono::milliseconds time) {
  for (;;) {
    std::string body = reader_.take_body();
    if (!body.empty() || reader_.complete()) return body;
    const Attempt<std::string> bytes = connection_.receive(time);
    if (!bytes) return bytes.error();
    const Attempt<> read = bytes->empty() ? reader_.end() : reader_.feed(*bytes);
    if (!read) return read.error();
  }
}

Attempt<std::string> HttpClient::ask(const Request& request, const Secret& token) {
  Attempt<Opened> opened = begin(request, server_, interrupt_, token, false);
  if (!opened) return opened.error();
  Attempt<std::string> body = rest_of_body(*opened);
  if (!body) return body.error();
  if (opened->reader.status() / 100 != 2) return refusal(opened->reader, *body);
  return body;
}

Attempt<Stream> HttpClient::open(const Request& request, const Secret& token) {
  Attempt<Opened> opened = begin(request, server_, interrupt_, token, true);
  if (!opened) return opened.error();
  if (opened->reader.status() == 200) return Stream(std::move(opened->connection), std::move(opened->reader));
  const Attempt<std::string> body = rest_of_body(*opened);
  if (!body) return body.error();
  return refusal(opened->reader, *body);
}

}  // namespace corohub::client
