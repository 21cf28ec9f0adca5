// Frames of STOMP 1.0, 1.1 and 1.2 as text: those of a client are read from pieces that may be cut anywhere,
// those of the server are written. Pure; used on one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace corohub::gateway::stomp {

enum class Version : std::uint8_t { v1_0, v1_1, v1_2 };
inline constexpr std::size_t version_count = 3;
std::string_view name(Version version) noexcept;  // "1.2"

enum class ClientCommand : std::uint8_t {
  connect,  // CONNECT and STOMP
  send,
  subscribe,
  unsubscribe,
  ack,
  nack,
  begin,
  commit,
  abort,
  disconnect,
};

// Names and values as they are meant, without escapes, in the order of the frame.
class Headers {
 public:
  using Header = std::pair<std::string, std::string>;

  // Of headers with the same name the first one counts.
  std::optional<std::string_view> find(std::string_view header) const noexcept;
  // The same; an empty text if it is missing.
  std::string_view value(std::string_view header) const noexcept { return find(header).value_or(""); }
  const std::vector<Header>& all() const noexcept { return all_; }

 private:
  friend class Parser;
  std::vector<Header> all_;
};

struct ClientFrame {
  ClientCommand command{};
  Headers headers;
  std::string_view body;
};

// Why no frame can be read any more. `code` is one of the stable words of the API.
struct Fault {
  std::string_view code;  // invalid_message or payload_too_large
  std::string message;
};

class Parser {
 public:
  static constexpr std::size_t headers_max = 100;
  static constexpr std::size_t head_bytes_max = 8192;  // the command and all header lines together

  enum class Got : std::uint8_t { nothing, frame, fault };

  // `frame_bytes_max`: of head and body together.
  explicit Parser(std::size_t frame_bytes_max) noexcept : frame_bytes_max_(frame_bytes_max) {}

  // Decides about escapes in the frames after CONNECT; CONNECT itself has none.
  void set_version(Version version) noexcept { version_ = version; }

  // Takes from `bytes` up to the end of the next frame; of a frame that does not end there it keeps what is
  // there. Ends of lines between frames are heart-beats and are skipped. After a fault the parser is of no
  // use. The frame's body stands in `bytes` or in the parser, until the next call.
  Got next(std::string_view& bytes);

  const ClientFrame& frame() const noexcept { return frame_; }  // after a fault: as far as it was read
  const Fault& fault() const noexcept { return fault_; }
  // A frame has begun and has not ended.
  bool is_within_frame() const noexcept { return state_ != State::between; }

 private:
  enum class State : std::uint8_t { between, command, header, sized_body, open_body };

  void forget() noexcept;
  std::optional<std::string_view> take_line(std::string_view& bytes);
  void read_command(std::string_view line);
  void read_header(std::string_view line);
  void end_head();
  std::optional<std::string_view> take_sized_body(std::string_view& bytes);
  std::optional<std::string_view> take_open_body(std::string_view& bytes);
  // What was kept of earlier pieces, followed by `piece`.
  std::string_view join(std::string_view piece);
  // Nothing can be read any more.
  void fail(std::string_view code, std::string message);
  // Nothing can be read behind the headers of this frame.
  void note(std::string_view code, std::string message);
  std::optional<std::string> unescape(std::string_view text) const;

  std::string kept_;    // of a line or a body that has not ended
  std::string joined_;  // what `frame_.body` points to, if it came in pieces
  ClientFrame frame_;
  Fault fault_;
  std::size_t frame_bytes_max_;
  std::size_t head_bytes_ = 0;
  std::size_t body_bytes_ = 0;  // by content-length
  State state_ = State::between;
  bool is_broken_ = false;
  Version version_ = Version::v1_2;
};

// One frame of the server. Values are escaped as the version has it; what a version cannot express (a line's
// end in 1.0, a carriage return in 1.1, NUL anywhere) becomes a blank, so that no value makes a header.
class FrameWriter {
 public:
  // `command` empty: the second half of a frame whose first half was written apart.
  FrameWriter(Version version, std::string_view command);

  FrameWriter& header(std::string_view header, std::string_view value);
  // The first half: no empty line yet. This and frame() end the writing.
  std::string head() { return std::move(text_); }
  std::string frame(std::string_view body = {});

 private:
  void append(std::string_view text);

  std::string text_;
  Version version_;
};

}  // namespace corohub::gateway::stomp
