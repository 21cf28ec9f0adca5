// A TCP connection to a server, blocking, where every wait has a deadline and ends when the user wants to go.
#pragma once

#include "client/failure.hpp"
#include "client/interrupt.hpp"
#include "client/server_url.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace corohub::client {

class Connection {
 public:
  // Tries the addresses of the host's name one after the other. `interrupt` outlives the connection.
  static Attempt<Connection> open(const ServerUrl& server, const Interrupt& interrupt,
                                  std::chrono::milliseconds time);
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&& other) noexcept;
  ~Connection();

  Attempt<> send(std::string_view bytes, std::chrono::milliseconds time);
  // Some bytes; empty: the peer has closed.
  Attempt<std::string> receive(std::chrono::milliseconds time);

 private:
  Connection(int socket, const Interrupt& interrupt) noexcept : socket_(socket), interrupt_(&interrupt) {}

  Attempt<> wait_for(short events, std::chrono::steady_clock::time_point deadline) const;

  int socket_;
  const Interrupt* interrupt_;
};

}  // namespace corohub::client
