#include "http/listener.hpp"

#include "core/log.hpp"

#include <algorithm>
#include <exception>
#include <limits>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/ip/v6_only.hpp>

#include <fcntl.h>
#include <sys/resource.h>
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

// The kernel gives the lowest free number, so a high number says how many are in use.
int highest_to_accept(std::size_t reserved) noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<int>::max();
  const rlim_t few = 256;  // with fewer descriptors than this, a quarter is kept free
  const rlim_t left = limit.rlim_cur - (limit.rlim_cur < few ? limit.rlim_cur * reserved / few : reserved);
  return static_cast<int>(std::min<rlim_t>(left, std::numeric_limits<int>::max()));
}

void log_failure(const std::exception_ptr& failure) noexcept {
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& exception) {
    log::error("http_accept_failed", {{"cause", exception.what()}});
  } catch (...) {
    log::error("http_accept_failed");
  }
}

}  // namespace

Listener::Listener(asio::io_context& context, const asio::ip::tcp::endpoint& endpoint, bool first,
                   int backlog, std::size_t descriptors_reserved)
    : context_(context), acceptor_(context), timer_(context), descriptors_reserved_(descriptors_reserved) {
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(asio::socket_base::reuse_address(true));
  if (endpoint.address().is_v6()) acceptor_.set_option(asio::ip::v6_only(true));
  if (!first) acceptor_.set_option(ReusePort(true));
  acceptor_.bind(endpoint);
  // Only now may other sockets join: with the option set earlier, the bind would have joined a stranger's
  // port.
  if (first) acceptor_.set_option(ReusePort(true));
  acceptor_.set_option(asio::ip::tcp::no_delay(true));  // on Linux the accepted sockets inherit this
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
  } catch (...) {  // without memory the pause ends by itself, within a second
  }
}

Task<> Listener::run(std::shared_ptr<Listener> listener, Accepted accepted, Shed shed) {
  Listener& self = *listener;
  std::chrono::milliseconds pause = pause_min;
  while (self.acceptor_.is_open()) {
    bool room = false;
    try {
      const auto [failure] = co_await self.acceptor_.async_wait(asio::socket_base::wait_read, ready);
      room = failure == asio::error::operation_aborted || self.accept_some(accepted, shed);
    } catch (...) {
      log_failure(std::current_exception());
    }
    try {
      if (!room) co_await self.rest(pause);
    } catch (...) {
      log_failure(std::current_exception());
    }
    pause = room ? pause_min : std::min(pause * 2, pause_max);
  }
}

Task<> Listener::rest(std::chrono::milliseconds pause) {
  log::warn("http_accept_paused", {{"ms", pause.count()}});
  timer_.expires_after(pause);
  co_await timer_.async_wait(ready);
}

// Accepts some connections. False: the system has no descriptor or memory to give, and accepting should
// pause.
bool Listener::accept_some(const Accepted& accepted, const Shed& shed) {
  if (spare_ < 0) open_spare();  // another shard was faster when this one wanted its spare back
  const int descriptors_max = highest_to_accept(descriptors_reserved_);
  int too_many = 0;
  for (int i = 0; i < accepts_per_wake + too_many; ++i) {
    Socket socket(context_);
    asio::ip::tcp::endpoint peer;
    boost::system::error_code failure;
    acceptor_.accept(socket, peer, failure);
    if (failure == asio::error::would_block || failure == asio::error::bad_descriptor) break;
    if (is_shortage(failure)) {
      // Clients in the queue are refused now instead of hanging there.
      for (int refused = 0; refused < sheds_per_wake && shed_one(); ++refused) shed(nullptr);
      return false;
    }
    if (failure) continue;  // that one connection broke before it was accepted
    socket.non_blocking(true, failure);
    if (socket.native_handle() < descriptors_max) {
      accepted(std::move(socket), peer);
    } else {
      shed(&socket);
      if (++too_many == sheds_per_wake) break;
    }
  }
  return too_many == 0;
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
