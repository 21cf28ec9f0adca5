// One HTTP answer, and the handing over of a socket that leaves HTTP.
#pragma once

#include "core/position.hpp"
#include "core/task.hpp"
#include "http/request.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::http {

// Takes over a connection that leaves HTTP: a WebSocket, an event stream.
class Takeover {
 public:
  virtual ~Takeover() = default;
  // Called on the connection's shard. `unread` are bytes that came behind the request.
  virtual void take(Socket socket, std::string unread) noexcept = 0;
  // Called before take() when the response is streamed: its status line and headers, to be sent first.
  virtual void begin_with(std::string /*head*/) {}
};

struct ResponseHeader {
  std::string_view name;  // of a text that is never destroyed: a literal
  std::string value;
};

struct Response {
  int status = 200;
  std::string_view content_type = "application/json";  // of a text that is never destroyed; empty: none
  std::string body;
  std::vector<ResponseHeader> headers;  // beside Content-Type, Content-Length, X-Request-Id, Date
  bool close = false;                   // the connection ends after this answer
  std::string cause;                    // private: what the log says of a failure
  std::unique_ptr<Takeover> takeover;   // instead of an answer
  bool streamed = false;                // the takeover sends this head and the body, for as long as it likes
  // The status for log and metrics, where a protocol says 500 for a fault of the client; 0: the status
  // itself.
  int counted_as = 0;

  Response&& with(std::string_view field, std::string value) && {
    headers.push_back({field, std::move(value)});
    return std::move(*this);
  }
  // Adds Corohub-Position: <epoch>:<seq>
  Response&& at(const Position& position) && {
    return std::move(*this).with("Corohub-Position", position.text());
  }
};

// {"success":true,"data":…}
Response success(const json::value& data, int status = 200);
// {"success":true,"data":…,"meta":…}
Response success(const json::value& data, const json::object& meta);
// A bare JSON document, for the routes without envelope.
Response document(const json::value& value, int status = 200);
Response no_content();

// The error as application/problem+json (RFC 9457), with the members that docs/API.md lists. `instance` is
// the path without query.
Response problem(const Error& error, const Request& request);
// The error as a line of text/plain, for protocols that know no problem documents.
Response plain_problem(const Error& error, const Request& request);
int status_of(ErrorCode code) noexcept;
// The member `error` of a problem document: "admin access required".
std::string_view short_words(ErrorCode code) noexcept;

}  // namespace corohub::http
