#include "gateway/stomp/frame.hpp"

#include "core/encoding.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

namespace corohub::gateway::stomp {
namespace {

constexpr std::string_view invalid = "invalid_message";
constexpr std::string_view too_large = "payload_too_large";

struct Word {
  std::string_view text;
  ClientCommand command;
};
constexpr std::array words = {
    Word{"SEND", ClientCommand::send},
    Word{"SUBSCRIBE", ClientCommand::subscribe},
    Word{"UNSUBSCRIBE", ClientCommand::unsubscribe},
    Word{"ACK", ClientCommand::ack},
    Word{"NACK", ClientCommand::nack},
    Word{"BEGIN", ClientCommand::begin},
    Word{"COMMIT", ClientCommand::commit},
    Word{"ABORT", ClientCommand::abort},
    Word{"CONNECT", ClientCommand::connect},
    Word{"STOMP", ClientCommand::connect},
    Word{"DISCONNECT", ClientCommand::disconnect},
};

bool is_line_end(char c) noexcept { return c == '\n' || c == '\r'; }

std::string_view without_carriage_return(std::string_view line) noexcept {
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

// The people who wrote 1.0 put blanks behind the colon in their own examples.
std::string_view without_blanks(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::optional<std::size_t> to_size(std::string_view text) noexcept {
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return size;
}

}  // namespace

std::string_view name(Version version) noexcept {
  constexpr std::array<std::string_view, version_count> names = {"1.0", "1.1", "1.2"};
  return names[static_cast<std::size_t>(version)];
}

std::optional<std::string_view> Headers::find(std::string_view header) const noexcept {
  const auto found = std::ranges::find(all_, header, &Header::first);
  if (found == all_.end()) return std::nullopt;
  return found->second;
}

// ---- reading ----

Parser::Got Parser::next(std::string_view& bytes) {
  if (state_ == State::between) forget();
  while (true) {
    switch (state_) {
      case State::between: {
        bytes.remove_prefix(
            static_cast<std::size_t>(std::ranges::find_if_not(bytes, is_line_end) - bytes.begin()));
        if (bytes.empty()) return Got::nothing;
        state_ = State::command;
        break;
      }
      case State::command:
      case State::header: {
        const std::optional<std::string_view> line = take_line(bytes);
        if (line) state_ == State::command ? read_command(*line) : read_header(*line);
        if (is_broken_) return Got::fault;
        if (!line) return Got::nothing;
        break;
      }
      case State::sized_body:
      case State::open_body: {
        const std::optional<std::string_view> body =
            state_ == State::sized_body ? take_sized_body(bytes) : take_open_body(bytes);
        if (body && !body->empty() && frame_.command != ClientCommand::send)
          fail(invalid, "Only a SEND has a body.");
        if (is_broken_) return Got::fault;
        if (!body) return Got::nothing;
        frame_.body = *body;
        state_ = State::between;
        return Got::frame;
      }
    }
  }
}

// A connection that says nothing keeps nothing of what it said.
void Parser::forget() noexcept {
  frame_ = {};
  joined_ = {};
  head_bytes_ = 0;
}

std::optional<std::string_view> Parser::take_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  const std::string_view piece = bytes.substr(0, end);
  const std::size_t room = head_bytes_max - head_bytes_;
  // No further than the line may go: what comes behind is looked at when its turn comes.
  if (piece.substr(0, room).find('\0') != std::string_view::npos) {
    fail(invalid, "An empty line ends the headers of a frame.");
    return std::nullopt;
  }
  if (kept_.size() + piece.size() >= room) {
    fail(too_large, "The headers of a frame have 8 KiB together.");
    return std::nullopt;
  }
  if (end == std::string_view::npos) {
    kept_.append(piece);
    bytes = {};
    return std::nullopt;
  }
  bytes.remove_prefix(end + 1);
  const std::string_view line = join(piece);
  head_bytes_ += line.size() + 1;
  return without_carriage_return(line);
}

void Parser::read_command(std::string_view line) {
  const auto word = std::ranges::find(words, line, &Word::text);
  const bool is_known = word != words.end();
  if (!is_known) note(invalid, "There is no such command.");
  frame_.command = is_known ? word->command : ClientCommand::send;
  state_ = State::header;
}

void Parser::read_header(std::string_view line) {
  if (line.empty()) return end_head();
  if (!is_utf8(line)) return note(invalid, "Headers are UTF-8.");
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0)
    return note(invalid, "A header is a name, a colon and a value.");
  if (frame_.headers.all_.size() == headers_max) return fail(too_large, "A frame has at most 100 headers.");
  std::optional<std::string> header = unescape(line.substr(0, colon));
  std::optional<std::string> value = unescape(line.substr(colon + 1));
  if (!header || !value) return note(invalid, "A header has an escape that there is not.");
  frame_.headers.all_.emplace_back(std::move(*header), std::move(*value));
}

void Parser::end_head() {
  if (!fault_.code.empty()) {
    is_broken_ = true;
    return;
  }
  const bool is_of_1_0 = frame_.command == ClientCommand::connect && !frame_.headers.find("accept-version");
  if (is_of_1_0)
    for (auto& [header, value] : frame_.headers.all_) value = std::string(without_blanks(value));
  const std::optional<std::string_view> length = frame_.headers.find("content-length");
  state_ = length ? State::sized_body : State::open_body;
  if (!length) return;
  const std::optional<std::size_t> size = to_size(*length);
  if (!size)
    fail(invalid, "content-length is a number of bytes.");
  else if (*size > frame_bytes_max_ - std::min(frame_bytes_max_, head_bytes_))
    fail(too_large, "The frame is too long.");
  else
    body_bytes_ = *size;
}

std::optional<std::string_view> Parser::take_sized_body(std::string_view& bytes) {
  const std::size_t missing = body_bytes_ - kept_.size();
  if (bytes.size() <= missing) {
    kept_.append(bytes);  // memory for what has come, not for what was announced
    bytes = {};
    return std::nullopt;
  }
  if (bytes[missing] != '\0') {
    fail(invalid, "A frame ends with a NUL behind its body.");
    return std::nullopt;
  }
  const std::string_view body = join(bytes.substr(0, missing));
  bytes.remove_prefix(missing + 1);
  return body;
}

std::optional<std::string_view> Parser::take_open_body(std::string_view& bytes) {
  const std::size_t end = bytes.find('\0');
  const std::string_view piece = bytes.substr(0, end);
  if (head_bytes_ + kept_.size() + piece.size() > frame_bytes_max_) {
    fail(too_large, "The frame is too long.");
    return std::nullopt;
  }
  if (end == std::string_view::npos) {
    kept_.append(piece);
    bytes = {};
    return std::nullopt;
  }
  bytes.remove_prefix(end + 1);
  return join(piece);
}

std::string_view Parser::join(std::string_view piece) {
  if (kept_.empty()) return piece;
  joined_ = std::exchange(kept_, {});
  return joined_.append(piece);
}

void Parser::fail(std::string_view code, std::string message) {
  note(code, std::move(message));
  is_broken_ = true;
}

// The first one counts. The headers are read on, because the answer names the receipt among them.
void Parser::note(std::string_view code, std::string message) {
  if (fault_.code.empty()) fault_ = {code, std::move(message)};
}

// Nothing: an escape that this version does not have.
std::optional<std::string> Parser::unescape(std::string_view text) const {
  if (frame_.command == ClientCommand::connect) return std::string(text);
  if (version_ == Version::v1_0) return std::string(without_blanks(text));
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      plain += text[i];
      continue;
    }
    const char escape = ++i < text.size() ? text[i] : '\0';
    if (escape == 'n')
      plain += '\n';
    else if (escape == 'c')
      plain += ':';
    else if (escape == '\\')
      plain += '\\';
    else if (escape == 'r' && version_ == Version::v1_2)
      plain += '\r';
    else
      return std::nullopt;
  }
  return plain;
}

// ---- writing ----

FrameWriter::FrameWriter(Version version, std::string_view command) : version_(version) {
  if (!command.empty()) text_.append(command).append("\n");
}

FrameWriter& FrameWriter::header(std::string_view header, std::string_view value) {
  const std::size_t name_at = text_.size();
  append(header);
  // 1.0 has no escape for it, and the name would end there.
  if (version_ == Version::v1_0)
    std::replace(text_.begin() + static_cast<std::ptrdiff_t>(name_at), text_.end(), ':', ' ');
  text_ += ':';
  append(value);
  text_ += '\n';
  return *this;
}

std::string FrameWriter::frame(std::string_view body) {
  text_.reserve(text_.size() + body.size() + 2);
  text_ += '\n';
  text_.append(body);
  text_ += '\0';
  return std::move(text_);
}

void FrameWriter::append(std::string_view text) {
  const bool escapes = version_ != Version::v1_0;
  for (const char c : text) {
    if (c == '\0')
      text_ += ' ';
    else if (c == '\n')
      text_ += escapes ? "\\n" : " ";
    else if (c == '\r')
      text_ += version_ == Version::v1_2 ? "\\r" : " ";
    else if (c == ':' && escapes)
      text_ += "\\c";
    else if (c == '\\' && escapes)
      text_ += "\\\\";
    else
      text_ += c;
  }
}

}  // namespace corohub::gateway::stomp
