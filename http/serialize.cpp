#include "http/serialize.hpp"

#include "http/text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <ctime>

#include <fmt/format.h>

namespace corohub::http {
namespace {

bool is_control(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

void append_value(std::string& out, std::string_view value) {
  const std::size_t begin = out.size();
  out += value;
  bool dirty = false;
  for (const char c : value) dirty |= is_control(c);
  if (dirty) std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), is_control, '_');
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  append_value(out, value);
  out += "\r\n";
}

void append_number(std::string& out, std::size_t number) {
  std::array<char, 20> digits;
  const auto [end, failure] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  out.append(digits.data(), end);
}

bool has(const Response& response, std::string_view name) noexcept {
  return std::ranges::any_of(response.headers,
                             [&](const ResponseHeader& header) { return same_word(header.name, name); });
}

// Informational answers, 204 and 304 have no body and no length.
bool may_have_body(int status) noexcept { return status >= 200 && status != 204 && status != 304; }

void append_connection(std::string& out, const Response& response, const Framing& framing) {
  const bool upgrade = has(response, "upgrade");  // RFC 9110 section 7.8: named wherever Upgrade is sent
  if (!upgrade && !framing.close && !framing.keep_alive) return;
  out += "Connection: ";
  if (upgrade) out += framing.close || framing.keep_alive ? "upgrade, " : "upgrade";
  if (framing.close)
    out += "close";
  else if (framing.keep_alive)
    out += "keep-alive";
  out += "\r\n";
}

}  // namespace

std::string serialize(const Response& response, const Framing& framing) {
  std::string out;
  append_message(out, response, framing);
  return out;
}

void append_message(std::string& out, const Response& response, const Framing& framing) {
  out.reserve(out.size() + 512 + response.body.size());
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(response.status));
  out.append(" ").append(reason_phrase(response.status));
  out.append("\r\nDate: ").append(framing.date).append("\r\n");
  const bool with_body = may_have_body(response.status);
  if (with_body) {
    if (!response.content_type.empty())
      out.append("Content-Type: ").append(response.content_type).append("\r\n");
    if (framing.body_end == BodyEnd::chunks) {
      out += "Transfer-Encoding: chunked\r\n";
    } else if (framing.body_end == BodyEnd::length) {
      out += "Content-Length: ";
      append_number(out, response.body.size());
      out += "\r\n";
    }
  }
  append_header(out, "X-Request-Id", framing.request_id);
  append_connection(out, response, framing);
  for (const ResponseHeader& header : response.headers)
    if (is_token(header.name) && !same_word(header.name, "connection"))
      append_header(out, header.name, header.value);
  if (!has(response, "cache-control")) out += "Cache-Control: no-store\r\n";
  if (!has(response, "x-content-type-options")) out += "X-Content-Type-Options: nosniff\r\n";
  if (!has(response, "referrer-policy")) out += "Referrer-Policy: no-referrer\r\n";
  out += "\r\n";
  if (with_body && !framing.head_only) out += response.body;
}

std::string http_date(UnixMs time) {
  static constexpr std::array<std::string_view, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = time / 1000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", days[static_cast<std::size_t>(utc.tm_wday)],
                     utc.tm_mday, months[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900,
                     utc.tm_hour, utc.tm_min, utc.tm_sec);
}

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Unknown";
  }
}

}  // namespace corohub::http
