// A Response as the bytes of an HTTP/1.1 message.
#pragma once

#include "core/clock.hpp"
#include "http/response.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace corohub::http {

// How the client knows where the body ends.
enum class BodyEnd : std::uint8_t {
  length,      // by Content-Length
  chunks,      // another writer sends the body, in chunks
  connection,  // as with chunks, for HTTP/1.0, which has none
};

// What the connection knows of an answer and the response does not.
struct Framing {
  std::string_view request_id;
  std::string_view date;    // IMF-fixdate
  bool close = false;       // this is the last answer of the connection
  bool keep_alive = false;  // said in a header, for HTTP/1.0
  BodyEnd body_end = BodyEnd::length;
  bool head_only = false;  // an answer to HEAD: the body's length, but not the body
};

// The answer as bytes. Control characters in header values become underscores: no value can end its line
// (T54).
std::string serialize(const Response& response, const Framing& framing);
void append_message(std::string& out, const Response& response, const Framing& framing);

// "Tue, 06 Jan 2026 10:30:01 GMT"
std::string http_date(UnixMs time);

std::string_view reason_phrase(int status) noexcept;

}  // namespace corohub::http
