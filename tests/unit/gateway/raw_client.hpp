// A WebSocket client that sends exactly the bytes it is told to, and the server's end of its connection.
// Non-blocking: the test turns server and client in one thread until what it waits for has happened.
#pragma once

#include "core/task.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway::test {

struct ClientFrame {
  std::uint8_t opcode = 0x1;
  std::string payload{};
  bool last = true;
  bool masked = true;
  std::uint8_t reserved_bits = 0;  // of the first byte: 0x40, 0x20, 0x10
};

std::string encode(const ClientFrame& frame);
std::string text(std::string_view payload);
std::string close(std::uint16_t code, std::string_view reason = {});

struct ServerFrame {
  std::uint8_t opcode = 0;
  bool last = true;
  std::string payload;
  bool compressed = false;  // RSV1

  std::uint16_t close_code() const;
  std::string close_reason() const { return payload.size() > 2 ? payload.substr(2) : std::string(); }
};

class RawClient {
 public:
  // Connects to an acceptor of its own on loopback; the other end is socket_of_server. `buffer_bytes` makes
  // the kernel's buffers of both ends small.
  RawClient(asio::io_context& context, std::optional<int> buffer_bytes = {});
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  Socket take_server_socket() { return std::move(server_); }

  // Queues bytes; they leave as the socket takes them.
  void send(std::string_view bytes) { out_.append(bytes); }
  void shut_down_sending();
  // Moves what can be moved; `reading` false leaves everything in the kernel. True if anything was.
  bool turn();
  // Waits until something can be moved, but not long.
  void wait_a_moment() const;

  std::string head;                 // the HTTP answer
  std::vector<ServerFrame> frames;  // whole ones so far
  bool reading = true;
  bool end_of_file = false;
  bool reset = false;
  // What was sent has arrived at the server's end.
  bool all_arrived() const;

 private:
  void parse();

  Socket server_;
  int fd_ = -1;
  std::string out_;
  std::string in_;
};

// Runs the context and the clients until `done`; false after a time that only a failure needs.
bool turn_until(asio::io_context& context, const std::vector<RawClient*>& clients,
                const std::function<bool()>& done);

// Runs them until all the clients sent has arrived and nothing moves any more. What the server sent may still
// be under way on a busy machine: wait for that with turn_until().
void turn_until_quiet(asio::io_context& context, const std::vector<RawClient*>& clients);

}  // namespace corohub::gateway::test
