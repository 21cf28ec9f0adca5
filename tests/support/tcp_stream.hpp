// A blocking connection to 127.0.0.1 for tests. Every wait has a limit that only guards against hanging.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace corohub::test {

inline constexpr std::chrono::seconds hang_guard{30};

class TcpStream {
 public:
  explicit TcpStream(std::uint16_t port);  // throws std::runtime_error
  ~TcpStream();
  TcpStream(TcpStream&& other) noexcept;
  TcpStream& operator=(TcpStream&& other) noexcept;

  void write(std::string_view bytes);  // all of them; throws when the peer is gone
  // At least one byte; empty at the end of the stream or after a reset. Throws after the guard.
  std::string read_some();
  // True when something (or the end) can be read within `wait`.
  bool readable(std::chrono::milliseconds wait) const;
  void shutdown_write() noexcept;
  void reset() noexcept;  // RST instead of FIN

 private:
  int fd_ = -1;
};

}  // namespace corohub::test
