#include "raw_client.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace corohub::gateway::test {
namespace {

void append_big_endian(std::string& out, std::uint64_t value, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xFF);
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace

std::string encode(const ClientFrame& frame) {
  constexpr std::array<char, 4> mask{0x12, 0x34, 0x56, 0x78};
  std::string out(1, static_cast<char>((frame.last ? 0x80 : 0) | frame.reserved_bits | frame.opcode));
  const char mask_bit = frame.masked ? static_cast<char>(0x80) : 0;
  const std::size_t size = frame.payload.size();
  if (size < 126) {
    out += static_cast<char>(mask_bit | static_cast<char>(size));
  } else if (size <= 0xFFFF) {
    out += static_cast<char>(mask_bit | 126);
    append_big_endian(out, size, 2);
  } else {
    out += static_cast<char>(mask_bit | 127);
    append_big_endian(out, size, 8);
  }
  if (!frame.masked) return out + frame.payload;
  out.append(mask.data(), mask.size());
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>(frame.payload[i] ^ mask[i % 4]);
  return out;
}

std::string text(std::string_view payload) {
  return encode({.opcode = 0x1, .payload = std::string(payload)});
}

std::string close(std::uint16_t code, std::string_view reason) {
  std::string payload;
  append_big_endian(payload, code, 2);
  payload += reason;
  return encode({.opcode = 0x8, .payload = payload});
}

std::uint16_t ServerFrame::close_code() const {
  return payload.size() < 2 ? 0
                            : static_cast<std::uint16_t>(big_endian(std::string_view(payload).substr(0, 2)));
}

RawClient::RawClient(asio::io_context& context, std::optional<int> buffer_bytes)
    : server_(context.get_executor()) {
  asio::basic_socket_acceptor<asio::ip::tcp, Executor> acceptor(context.get_executor());
  acceptor.open(asio::ip::tcp::v4());
  if (buffer_bytes) acceptor.set_option(asio::socket_base::send_buffer_size(*buffer_bytes));
  acceptor.set_option(asio::ip::tcp::no_delay(true));  // as the listener's
  acceptor.bind({asio::ip::address_v4::loopback(), 0});
  acceptor.listen();

  fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
  if (buffer_bytes) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &*buffer_bytes, sizeof(int));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(acceptor.local_endpoint().port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("connect failed");
  acceptor.accept(server_);
}

RawClient::~RawClient() { ::close(fd_); }

void RawClient::shut_down_sending() { ::shutdown(fd_, SHUT_WR); }

bool RawClient::turn() {
  bool moved = false;
  if (!out_.empty()) {
    const ssize_t sent = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
    moved = sent > 0;
  }
  std::array<char, 4096> bytes;
  while (reading && !end_of_file && !reset) {
    const ssize_t received = ::recv(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (received < 0) reset = errno != EAGAIN && errno != EWOULDBLOCK;
    if (received == 0) end_of_file = true;
    if (received <= 0) break;
    in_.append(bytes.data(), static_cast<std::size_t>(received));
    parse();
    moved = true;
  }
  return moved;
}

bool RawClient::all_arrived() const {
  int unacknowledged = 0;
  ::ioctl(fd_, SIOCOUTQ, &unacknowledged);
  return out_.empty() && unacknowledged == 0;
}

void RawClient::wait_a_moment() const {
  pollfd readable{fd_, static_cast<short>(reading && !end_of_file && !reset ? POLLIN : 0), 0};
  ::poll(&readable, 1, 1);
}

void RawClient::parse() {
  if (head.empty()) {
    const std::size_t end = in_.find("\r\n\r\n");
    if (end == std::string::npos) return;
    head = in_.substr(0, end + 4);
    in_.erase(0, end + 4);
  }
  std::size_t at = 0;
  for (;;) {
    const std::string_view rest = std::string_view(in_).substr(at);
    if (rest.size() < 2) break;
    const auto first = static_cast<unsigned char>(rest[0]);
    std::uint64_t size = static_cast<unsigned char>(rest[1]);
    std::size_t header = 2;
    if (size == 126) header = 4;
    if (size == 127) header = 10;
    if (rest.size() < header) break;
    if (header > 2) size = big_endian(rest.substr(2, header - 2));
    if (rest.size() < header + size) break;
    frames.push_back({static_cast<std::uint8_t>(first & 0x0F), (first & 0x80) != 0,
                      std::string(rest.substr(header, static_cast<std::size_t>(size))), (first & 0x40) != 0});
    at += header + static_cast<std::size_t>(size);
  }
  in_.erase(0, at);
}

bool turn_until(asio::io_context& context, const std::vector<RawClient*>& clients,
                const std::function<bool()>& done) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!done()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    context.restart();
    bool moved = context.poll() > 0;
    for (RawClient* client : clients) moved = client->turn() || moved;
    if (!moved && !clients.empty()) clients.front()->wait_a_moment();
  }
  return true;
}

void turn_until_quiet(asio::io_context& context, const std::vector<RawClient*>& clients) {
  constexpr int quiet_rounds_enough = 3;
  const auto arrived = [](const RawClient* client) { return client->all_arrived(); };
  int quiet_rounds = 0;
  turn_until(context, clients, [&] {
    const bool quiet = std::ranges::all_of(clients, arrived);
    quiet_rounds = quiet ? quiet_rounds + 1 : 0;
    return quiet_rounds > quiet_rounds_enough;
  });
}

}  // namespace corohub::gateway::test
