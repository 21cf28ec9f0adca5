// `control.sock` in the data directory: how the command line reaches a running server. A unix stream, 0600;
// one line of JSON asks, one line answers, and the connection ends.
#pragma once

#include "core/json.hpp"
#include "core/task.hpp"
#include "server/administration.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <string>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/local/stream_protocol.hpp>

namespace corohub::server {

inline constexpr std::size_t control_line_bytes_max = 64 << 10;
inline constexpr std::size_t control_connections_max = 16;

// The server's end; everything on the thread of its context.
class ControlServer {
 public:
  // Binds now, replacing a socket that a dead server left (the data directory's lock says it is dead). Throws
  // boost::system::system_error.
  ControlServer(asio::io_context& context, const std::filesystem::path& data_directory,
                Administration& administration);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  void start();
  // Takes no more commands and removes the file; commands under way are answered.
  void stop();

 private:
  using Protocol = asio::local::stream_protocol;
  using Stream = asio::basic_stream_socket<Protocol, Executor>;

  Task<> accept_loop();
  Task<> serve(Stream stream);
  Task<std::string> read_line(Stream& stream);  // empty: none came

  asio::io_context& context_;
  Administration& administration_;
  std::filesystem::path file_;
  asio::basic_socket_acceptor<Protocol, Executor> acceptor_;
  std::size_t connections_ = 0;
  std::set<Stream*> reading_;  // waiting for their request
};

// The command line's end: asks the server on this data directory and waits (a backup may take long). Nothing
// when no server listens there. Throws std::runtime_error when the server goes away without an answer.
std::optional<json::object> ask_server(const std::filesystem::path& data_directory,
                                       const json::object& request);

}  // namespace corohub::server
