#include "http/listener.hpp"

#include "core/log.hpp"

#include <algorithm>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace corohub::http {
namespace {

using namespace std::chrono_literals;

constexpr int accepts_per_wake = 4;  // then the shard's other connections have their turn
constexpr int sheds_per_wake = 64;
constexpr std::chrono::milliseconds pause_min = 10ms;
constexpr std::chrono::milliseconds pause_max = 1s;
constexpr auto ready = asio::as_tuple(asio::deferred);

using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

bool is_shortage(const boost::system::error_code& failure) noexcept {
  return failure == asio::error::no_descriptors ||
         failure == boost::system::errc::too_many_files_open_in_system ||
         failure == asio::error::no_buffer_space || failure == asio::error::no_memory;
}

}  // namespace

Listener::Listener(asio::io_context& context, const asio::ip::tcp::endpoint& endpoint, bool first,
                   int backlog)
    : context_(context), acceptor_(context), timer_(context) {
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(asio::socket_base::reuse_address(true));
  if (endpoint.address().is_v6()) acceptor_.set_option(asio::ip::v6_only(true));
  if (!first) acceptor_.set_option(ReusePort(true));
  acceptor_.bind(endpoint);
  // Only now may others join: with the option set before, the bind would have joined a stranger's port.
  if (first) acceptor_.set_option(ReusePort(true));
  acceptor_.set_option(asio::ip::tcp::no_delay(true));  // on Linux whom it accepts inherits it
  acceptor_.listen(std::min(backlog, static_cast<int>(asio::socket_base::max_listen_connections)));
  acceptor_.non_blocking(true);
  open_spare();
}

Listener::~Listener() { close_spare(); }

void Listener::close() noexcept {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  try {
    timer_.cancel();
  } catch (...) {  // then it runs out by itself, within a second
  }
}

Task<> Listener::run(std::shared_ptr<Listener> listener, Accepted accepted, Shed shed) {
  Listener& self = *listener;
  std::chrono::milliseconds pause = pause_min;
  while (self.acceptor_.is_open()) {
    const auto [failure] = co_await self.acceptor_.async_wait(asio::socket_base::wait_read, ready);
    if (failure == asio::error::operation_aborted) continue;
    if (self.accept_some(accepted, shed)) {
      pause = pause_min;
      continue;
    }
    log::warn("http_accept_paused", {{"reason", "out of descriptors or memory"}, {"ms", pause.count()}});
    self.timer_.expires_after(pause);
    co_await self.timer_.async_wait(ready);
    pause = std::min(pause * 2, pause_max);
  }
}

// False: the system has no descriptor or memory to give; accepting should pause.
bool Listener::accept_some(const Accepted& accepted, const Shed& shed) {
  for (int i = 0; i < accepts_per_wake; ++i) {
    Socket socket(context_);
    asio::ip::tcp::endpoint peer;
    boost::system::error_code failure;
    acceptor_.accept(socket, peer, failure);
    if (failure == asio::error::would_block || failure == asio::error::bad_descriptor) return true;
    if (is_shortage(failure)) {
      // Whoever waits in the queue is refused now instead of hanging there.
      for (int refused = 0; refused < sheds_per_wake && shed_one(); ++refused) shed();
      return false;
    }
    if (failure) continue;  // that one connection broke before we took it
    socket.non_blocking(true, failure);
    accepted(std::move(socket), peer);
  }
  return true;
}

bool Listener::shed_one() {
  if (spare_ < 0) return false;
  close_spare();
  const int connection = ::accept4(acceptor_.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (connection >= 0) ::close(connection);
  open_spare();
  return connection >= 0;
}

void Listener::open_spare() noexcept { spare_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC); }

void Listener::close_spare() noexcept {
  if (spare_ >= 0) ::close(spare_);
  spare_ = -1;
}

}  // namespace corohub::http
