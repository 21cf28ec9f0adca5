#include "gateway/wire/body_transport.hpp"

#include "core/log.hpp"
#include "gateway/wire/wraps.hpp"

#include <exception>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

#include <netinet/tcp.h>
#include <sys/socket.h>

namespace corohub::gateway {

using boost::system::error_code;

const Wrap& BodyTransport::wrap() const noexcept { return terms_.chunked ? http_chunk() : bare(); }

void BodyTransport::give_up_dead_peer_after(std::chrono::milliseconds timeout) noexcept {
  const auto milliseconds = static_cast<unsigned>(timeout.count());
  ::setsockopt(socket().native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &milliseconds, sizeof milliseconds);
}

void BodyTransport::serve() {
  tell_open();
  try {
    run(shared_from_this());
  } catch (const std::bad_alloc&) {
    abort();
    finish();
  }
}

// A client has nothing to say here; what is waited for is its end.
Detached BodyTransport::run(std::shared_ptr<SocketTransport> /*keeps this*/) {
  try {
    while (!dead()) {
      const error_code error = co_await SocketReady(socket(), Socket::wait_read);
      if (error || dead()) break;
      const std::optional<std::size_t> bytes = discard_input();
      received_ += bytes.value_or(0);
      if (!bytes || received_ > terms_.inbound_bytes_max) break;
    }
  } catch (const std::exception& failure) {
    log::error("stream.failed", {{"transport", name()}, {"cause", failure.what()}});
  }
  finish();
}

std::string BodyTransport::last_bytes(CloseReason) const {
  constexpr std::string_view end_of_body = "0\r\n\r\n";
  return std::string(terms_.chunked ? end_of_body : std::string_view());
}

// Once all is out our half is closed, and the client's end is waited for: a socket closed with unread bytes
// would take our last words back.
void BodyTransport::on_all_sent() noexcept {
  if (std::exchange(shut_, true)) return;
  error_code ignored;
  socket().shutdown(Socket::shutdown_send, ignored);
}

}  // namespace corohub::gateway
