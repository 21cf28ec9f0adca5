#include "http/head.hpp"

#include "http/text.hpp"

#include <algorithm>
#include <charconv>

namespace corohub::http {
namespace {

constexpr std::size_t request_line_rest_max = 64;  // method, version and blanks around the URI

constexpr ByteSet uri_chars = ByteSet::alphanumeric_and("!\"$%&'()*+,-./:;<=>?@[\\]^_`{|}~");  // all but #
constexpr ByteSet host_chars = ByteSet::alphanumeric_and("!$%&'*+-._~:[](),;=");

Error malformed(std::string_view why) {
  return Error(ErrorCode::invalid_request, "The request is malformed: " + std::string(why) + ".");
}

Error too_large(std::size_t complete_lines) {
  if (complete_lines == 0) return Error(ErrorCode::uri_too_long, "The request line is too long.");
  return Error(ErrorCode::header_too_large, "The header fields are too large.");
}

// The next line without its CRLF; HeadScanner has checked that each line has one, and that a return stands
// nowhere else.
std::string_view next_line(std::string_view& rest) noexcept {
  const std::size_t end = rest.find('\r');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(rest.size(), line.size() + 2));
  return line;
}

// Whether all bytes are printable, blank, or beyond ASCII. There is no branch per byte, so that many bytes
// are judged at once.
bool is_text(std::string_view bytes) noexcept {
  unsigned char bad = 0;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    bad |= static_cast<unsigned char>((byte < 0x20 && byte != '\t') || byte == 0x7f);
  }
  return bad == 0;
}

// Whether this is a list of tokens, in which places may be empty.
bool is_token_list(std::string_view rest) noexcept {
  while (!rest.empty()) {
    const std::string_view piece = trim_blanks(cut(rest, ','));
    if (!token_chars.has_all(piece)) return false;
  }
  return true;
}

Result<> read_request_line(std::string_view line, const ReadLimits& limits, Head& head) {
  std::string_view rest = line;
  head.method = cut(rest, ' ');
  const std::string_view target = cut(rest, ' ');
  if (!is_token(head.method)) return malformed("the method is no token");
  if (target.size() > limits.max_uri_bytes) return Error(ErrorCode::uri_too_long, "The URI is too long.");
  if (target.empty() || !uri_chars.has_all(target)) return malformed("the target is no URI");
  head.target = target;
  if (rest != "HTTP/1.1" && rest != "HTTP/1.0") return malformed("only HTTP/1.1 and HTTP/1.0 are spoken");
  head.http11 = rest == "HTTP/1.1";
  return {};
}

// Whether this is uri-host [":" port], without user information.
bool is_host(std::string_view host) noexcept { return !host.empty() && host_chars.has_all(host); }

// The fields that say how long the message is and whom it is for.
struct Framing {
  std::size_t hosts = 0;
  std::size_t lengths = 0;
  std::size_t encodings = 0;
  std::string_view encoding;
};

Result<> read_content_length(std::string_view value, Head& head) {
  std::uint64_t length = 0;
  const char* begin = value.data();
  const char* end = begin + value.size();
  const auto [stop, failure] = std::from_chars(begin, end, length);
  if (failure != std::errc() || stop != end || value.size() > 19)
    return malformed("Content-Length is no number of bytes");
  head.content_length = length;
  return {};
}

Result<> read_field(std::string_view line, Head& head, Framing& framing, HeaderList& headers) {
  if (line.front() == ' ' || line.front() == '\t') return malformed("a header line is folded");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return malformed("a header line has no colon");
  const std::string_view name = line.substr(0, colon);
  if (!is_token(name)) return malformed("a header name is no token");
  const std::string_view value = trim_blanks(line.substr(colon + 1));
  headers.add(name, value);

  if (same_word(name, "host")) {
    ++framing.hosts;
    head.host = value;
    if (!value.empty() && !is_host(value)) return malformed("Host names no host");
  } else if (same_word(name, "connection") || same_word(name, "proxy-connection")) {
    if (!is_token_list(value)) return malformed("Connection is no list of tokens");
  } else if (same_word(name, "content-length")) {
    ++framing.lengths;
    return read_content_length(value, head);
  } else if (same_word(name, "transfer-encoding")) {
    ++framing.encodings;
    framing.encoding = value;
  } else if (same_word(name, "expect")) {
    head.expects_continue = same_word(value, "100-continue") && head.http11;
    head.expects_other = !same_word(value, "100-continue");
  }
  return {};
}

Result<> check(const Framing& framing, Head& head) {
  if (framing.hosts > 1) return malformed("Host stands there twice");
  if (head.http11 && head.host.empty()) return malformed("Host is missing");
  if (framing.lengths > 1) return malformed("Content-Length stands there twice");
  if (framing.encodings == 0) return {};
  if (framing.encodings > 1 || !same_word(framing.encoding, "chunked"))
    return malformed("the only Transfer-Encoding is chunked, once");
  if (!head.http11) return malformed("HTTP/1.0 has no Transfer-Encoding");
  if (framing.lengths != 0) return malformed("Content-Length and Transfer-Encoding exclude each other");
  head.chunked = true;
  return {};
}

}  // namespace

// Looks line by line while nothing is wrong; byte by byte where something may be, or where a line is not
// whole.
Result<std::size_t> HeadScanner::scan(std::string_view bytes, const ReadLimits& limits) {
  const std::size_t end = std::min(bytes.size(), limits.max_header_bytes);
  while (scanned_ == line_start_ && scanned_ < end) {
    const std::size_t feed = bytes.substr(0, end).find('\n', scanned_);
    if (feed == std::string_view::npos || feed < scanned_ + 2 || bytes[feed - 1] != '\r') break;
    const bool short_enough = lines_ > 0 || feed <= limits.max_uri_bytes + request_line_rest_max;
    if (!short_enough || lines_ > limits.max_headers || !is_text(bytes.substr(scanned_, feed - 1 - scanned_)))
      break;
    ++lines_;
    scanned_ = line_start_ = feed + 1;
  }
  return scan_bytes(bytes, limits, end);
}

Result<std::size_t> HeadScanner::scan_bytes(std::string_view bytes, const ReadLimits& limits,
                                            std::size_t end) {
  for (; scanned_ < end; ++scanned_) {
    if (lines_ == 0 && scanned_ > limits.max_uri_bytes + request_line_rest_max) return too_large(lines_);
    const auto byte = static_cast<unsigned char>(bytes[scanned_]);
    const bool after_return = scanned_ > line_start_ && bytes[scanned_ - 1] == '\r';
    if ((byte == '\n') != after_return) return malformed("lines end with CR LF");
    if (byte != '\n') {
      if ((byte < 0x20 && byte != '\r' && byte != '\t') || byte == 0x7f)
        return malformed("it has control characters");
      continue;
    }
    const bool empty_line = scanned_ == line_start_ + 1;
    if (empty_line && lines_ == 0) return malformed("it begins with an empty line");
    if (empty_line) return scanned_ + 1;
    line_start_ = scanned_ + 1;
    if (++lines_ > limits.max_headers + 1)
      return Error(ErrorCode::header_too_large, "There are too many header fields.");
  }
  if (end == limits.max_header_bytes) return too_large(lines_);
  return std::size_t{0};
}

Result<> read_head(std::string_view bytes, const ReadLimits& limits, Head& head, HeaderList& headers) {
  std::string_view rest = bytes;
  if (Result<> line = read_request_line(next_line(rest), limits, head); !line) return line;
  Framing framing;
  for (std::string_view line = next_line(rest); !line.empty(); line = next_line(rest))
    if (Result<> field = read_field(line, head, framing, headers); !field) return field;
  return check(framing, head);
}

}  // namespace corohub::http
