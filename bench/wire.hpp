// What the load generator and the bare sender both need of sockets, HTTP and WebSocket framing, and nothing
// of the server's own code: a measurement must not share what it measures. Failures of the system end the
// program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::bench {

inline constexpr std::uint8_t opcode_continuation = 0x0;
inline constexpr std::uint8_t opcode_text = 0x1;
inline constexpr std::uint8_t opcode_binary = 0x2;
inline constexpr std::uint8_t opcode_close = 0x8;
inline constexpr std::uint8_t opcode_ping = 0x9;
inline constexpr std::uint8_t opcode_pong = 0xa;

// One frame at the front of some bytes.
struct Frame {
  std::uint8_t opcode = 0;
  std::string_view payload;  // still masked, if it was
  std::size_t bytes = 0;     // with its header
  const char* mask = nullptr;
};

// Nothing while the frame is not complete.
std::optional<Frame> first_frame(std::string_view bytes);

// As a server sends it, and as a client must.
void append_frame(std::string& out, std::uint8_t opcode, std::string_view payload);
void append_masked_frame(std::string& out, std::uint8_t opcode, std::string_view payload);
std::string unmasked(const Frame& frame);

// The value of Sec-WebSocket-Accept.
std::string accept_value(std::string_view key);

// The value of a header in "Name: value" lines; names compare without case. Empty when it is not there.
std::string_view header_value(std::string_view head, std::string_view name);

// The whole request or answer at the front of some bytes, or nothing while it is not complete. Bodies have a
// Content-Length or none.
struct Message {
  std::string_view head;  // the start line and the headers
  std::string_view body;
  std::size_t bytes = 0;
};
std::optional<Message> first_message(std::string_view bytes);

// The whole chunk at the front of some bytes, or nothing while it is not complete. The last one of a body is
// empty.
struct Chunk {
  std::string_view data;
  std::size_t bytes = 0;
};
std::optional<Chunk> first_chunk(std::string_view bytes);

std::int64_t now_ns();
std::int64_t own_cpu_ns();

// As many as the hard limit allows.
void raise_open_files();
int listen_on_loopback();
std::uint16_t port_of(int listener);

// Non-blocking, without Nagle's delay. `host` is the last part of the source address 127.0.0.x.
// Narrow: a few kilobytes of window in segments of Ethernet's size, so that the kernel on the other side
// does not take megabytes for somebody who never reads.
int connect_to_loopback(std::uint16_t port, unsigned host, bool narrow = false);
void without_delay(int socket);

[[noreturn]] void fail(const std::string& why);

}  // namespace corohub::bench
