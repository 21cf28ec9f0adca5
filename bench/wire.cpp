#include "bench/wire.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <iostream>

#include <openssl/evp.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

namespace corohub::bench {
namespace {

constexpr std::array<char, 4> client_mask{0x37, 0x5a, 0x1c, 0x69};
constexpr int narrow_window_bytes = 4096;
constexpr int narrow_segment_bytes = 1400;

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = (bytes - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
}

void append_header(std::string& out, std::uint8_t opcode, std::size_t size, unsigned mask_bit) {
  out.push_back(static_cast<char>(0x80U | opcode));
  if (size < 126) {
    out.push_back(static_cast<char>(mask_bit | size));
  } else if (size < 65536) {
    out.push_back(static_cast<char>(mask_bit | 126U));
    append_big_endian(out, size, 2);
  } else {
    out.push_back(static_cast<char>(mask_bit | 127U));
    append_big_endian(out, size, 8);
  }
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

sockaddr_in loopback(unsigned host, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
  return address;
}

bool same_letter(char left, char right) {
  return std::tolower(static_cast<unsigned char>(left)) == std::tolower(static_cast<unsigned char>(right));
}

int checked(int result, const char* what) {
  if (result < 0) fail(std::string(what) + ": " + std::strerror(errno));
  return result;
}

}  // namespace

std::optional<Frame> first_frame(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto second = static_cast<unsigned char>(bytes[1]);
  std::uint64_t size = second & 0x7fU;
  std::size_t header = 2;
  if (size >= 126) {
    const std::size_t length_bytes = size == 126 ? 2 : 8;
    header += length_bytes;
    if (bytes.size() < header) return std::nullopt;
    size = big_endian(bytes.substr(2, length_bytes));
  }
  const bool masked = (second & 0x80U) != 0;
  const std::size_t mask_at = header;
  if (masked) header += 4;
  if (bytes.size() < header || bytes.size() - header < size) return std::nullopt;
  return Frame{.opcode = static_cast<std::uint8_t>(static_cast<unsigned char>(bytes[0]) & 0x0fU),
               .payload = bytes.substr(header, size),
               .bytes = header + size,
               .mask = masked ? bytes.data() + mask_at : nullptr};
}

void append_frame(std::string& out, std::uint8_t opcode, std::string_view payload) {
  append_header(out, opcode, payload.size(), 0);
  out.append(payload);
}

void append_masked_frame(std::string& out, std::uint8_t opcode, std::string_view payload) {
  append_header(out, opcode, payload.size(), 0x80);
  out.append(client_mask.data(), client_mask.size());
  for (std::size_t i = 0; i < payload.size(); ++i)
    out.push_back(static_cast<char>(payload[i] ^ client_mask[i % 4]));
}

std::string unmasked(const Frame& frame) {
  std::string text(frame.payload);
  if (frame.mask == nullptr) return text;
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(text[i] ^ frame.mask[i % 4]);
  return text;
}

std::string accept_value(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, 20> digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha1(), nullptr) != 1) fail("SHA-1");
  std::array<unsigned char, 29> encoded{};
  const int size = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
  return {encoded.begin(), encoded.begin() + size};
}

std::string_view header_value(std::string_view head, std::string_view name) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos; at = head.find("\r\n", at + 2)) {
    std::string_view line = head.substr(at + 2, head.find("\r\n", at + 2) - at - 2);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (!std::equal(name.begin(), name.end(), line.begin(), same_letter)) continue;
    line.remove_prefix(name.size() + 1);
    while (line.starts_with(' ')) line.remove_prefix(1);
    return line;
  }
  return {};
}

std::optional<Message> first_message(std::string_view bytes) {
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  Message message{.head = bytes.substr(0, end), .body = {}, .bytes = end + 4};
  const std::string_view length = header_value(message.head, "Content-Length");
  std::size_t size = 0;
  std::from_chars(length.data(), length.data() + length.size(), size);
  if (bytes.size() - message.bytes < size) return std::nullopt;
  message.body = bytes.substr(message.bytes, size);
  message.bytes += size;
  return message;
}

std::optional<Chunk> first_chunk(std::string_view bytes) {
  constexpr std::string_view line_end = "\r\n";
  const std::size_t end = bytes.find(line_end);
  if (end == std::string_view::npos) return std::nullopt;
  std::size_t size = 0;
  std::from_chars(bytes.data(), bytes.data() + end, size, 16);
  const std::size_t whole = end + line_end.size() + size + line_end.size();
  if (bytes.size() < whole) return std::nullopt;
  return Chunk{.data = bytes.substr(end + line_end.size(), size), .bytes = whole};
}

std::int64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::int64_t own_cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void raise_open_files() {
  rlimit limit{};
  checked(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
  limit.rlim_cur = limit.rlim_max;
  checked(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

int listen_on_loopback() {
  const int listener = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  const sockaddr_in address = loopback(1, 0);
  checked(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  checked(listen(listener, 4096), "listen");
  return listener;
}

std::uint16_t port_of(int listener) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  checked(getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  return ntohs(address.sin_port);
}

int connect_to_loopback(std::uint16_t port, unsigned host, bool narrow) {
  const int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  const int on = 1;
  // The port is chosen at connect(), when the destination is known: every source address has all ports.
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  if (narrow) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &narrow_window_bytes, sizeof narrow_window_bytes);
    setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &narrow_segment_bytes, sizeof narrow_segment_bytes);
  }
  const sockaddr_in source = loopback(host, 0);
  checked(bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source), "bind");
  without_delay(fd);
  // Closing resets: thousands of connections would otherwise wait for a minute in TIME_WAIT.
  const linger reset{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  const sockaddr_in target = loopback(1, port);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target) < 0 && errno != EINPROGRESS)
    fail(std::string("connect: ") + std::strerror(errno));
  return fd;
}

void without_delay(int socket) {
  const int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

void fail(const std::string& why) {
  std::cerr << "corohub_bench: " << why << '\n';
  std::exit(EXIT_FAILURE);
}

}  // namespace corohub::bench
