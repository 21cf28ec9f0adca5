#include "client/response_reader.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace corohub::client {
namespace {

constexpr std::size_t head_bytes_max = std::size_t{64} * 1024;
constexpr std::size_t line_bytes_max = 4096;

Failure broken(std::string_view what) {
  return {Failure::Kind::protocol, "the answer is no HTTP this client understands: " + std::string(what)};
}

bool same_name(std::string_view a, std::string_view b) noexcept {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::string_view trimmed(std::string_view text) noexcept {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

template <class Number>
bool read_number(std::string_view text, Number& number, int base) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string_view ResponseReader::header(std::string_view name) const noexcept {
  const auto found =
      std::ranges::find_if(headers_, [&](const auto& it) { return same_name(it.first, name); });
  return found == headers_.end() ? std::string_view() : std::string_view(found->second);
}

Attempt<> ResponseReader::feed(std::string_view bytes) {
  input_ += bytes;
  for (;;) {
    const Attempt<bool> advanced = advance();
    if (!advanced) return advanced.error();
    if (!*advanced) return {};
  }
}

Attempt<> ResponseReader::end() {
  if (part_ == Part::to_the_end) part_ = Part::over;
  if (part_ == Part::over) return {};
  return Failure{Failure::Kind::unreachable, "the connection ended in the middle of an answer"};
}

Attempt<bool> ResponseReader::advance() {
  std::string line;
  switch (part_) {
    case Part::head: {
      const std::size_t end = input_.find("\r\n\r\n");
      if (std::min(end, input_.size()) > head_bytes_max) return broken("its head is too long");
      if (end == std::string::npos) return false;
      const std::string head = input_.substr(0, end + 2);
      input_.erase(0, end + 4);
      const Attempt<> read = read_head(head);
      if (!read) return read.error();
      return true;
    }
    case Part::counted:
      return take_counted(Part::over);
    case Part::to_the_end:
      body_ += std::exchange(input_, {});
      return false;
    case Part::chunk_size: {
      if (!take_line(line)) break;
      const Attempt<> read = read_chunk_size(line);
      if (!read) return read.error();
      return true;
    }
    case Part::chunk:
      return take_counted(Part::chunk_end);
    case Part::chunk_end:
      if (!take_line(line)) break;
      if (!line.empty()) return broken("a chunk is longer than it says");
      part_ = Part::chunk_size;
      return true;
    case Part::trailers:
      if (!take_line(line)) break;
      if (line.empty()) part_ = Part::over;
      return true;
    case Part::over:
      input_.clear();
      return false;
  }
  if (input_.size() > line_bytes_max) return broken("a line is too long");
  return false;
}

// `head` ends with the last header's line.
Attempt<> ResponseReader::read_head(std::string_view head) {
  std::size_t end = head.find("\r\n");
  const std::string_view first = head.substr(0, end);
  if (!first.starts_with("HTTP/1.") || first.size() < 12 || !read_number(first.substr(9, 3), status_, 10))
    return broken("it does not begin with a status");
  if (status_ < 200 || status_ > 599) return broken("its status is unknown");
  head.remove_prefix(end + 2);
  while (!head.empty()) {
    end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return broken("a header has no name");
    headers_.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    head.remove_prefix(end + 2);
  }
  return choose_body();
}

Attempt<> ResponseReader::choose_body() {
  const std::string_view length = header("Content-Length");
  if (status_ == 204 || status_ == 304) {
    part_ = Part::over;
  } else if (same_name(header("Transfer-Encoding"), "chunked")) {
    part_ = Part::chunk_size;
  } else if (!length.empty()) {
    if (!read_number(length, left_, 10)) return broken("its length is no number");
    part_ = left_ == 0 ? Part::over : Part::counted;
  } else {
    part_ = Part::to_the_end;
  }
  return {};
}

Attempt<> ResponseReader::read_chunk_size(std::string_view line) {
  const std::string_view size = trimmed(line.substr(0, line.find(';')));
  if (size.empty() || !read_number(size, left_, 16)) return broken("a chunk has no length");
  part_ = left_ == 0 ? Part::trailers : Part::chunk;
  return {};
}

bool ResponseReader::take_line(std::string& line) {
  const std::size_t end = input_.find("\r\n");
  if (end == std::string::npos) return false;
  line = input_.substr(0, end);
  input_.erase(0, end + 2);
  return true;
}

bool ResponseReader::take_counted(Part next) {
  const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input_.size()));
  body_.append(input_, 0, count);
  input_.erase(0, count);
  left_ -= count;
  if (left_ > 0) return false;
  part_ = next;
  return true;
}

}  // namespace corohub::client
