#include "client/connection.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace corohub::client {
namespace {

using SteadyTime = std::chrono::steady_clock::time_point;

Failure unreachable(std::string what) { return {Failure::Kind::unreachable, std::move(what)}; }

Failure failed(std::string_view doing, int error) {
  return unreachable(std::string(doing) + ": " + std::strerror(error));  // NOLINT(concurrency-mt-unsafe)
}

struct FreeAddresses {
  void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

Attempt<Addresses> resolve(const ServerUrl& server) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(server.host.c_str(), std::to_string(server.port).c_str(), &hints, &list);
  if (error != 0) return unreachable("cannot find " + server.host + ": " + ::gai_strerror(error));
  return Addresses(list);
}

}  // namespace

Connection::Connection(Connection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), interrupt_(other.interrupt_) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(interrupt_, other.interrupt_);
  return *this;
}

Connection::~Connection() {
  if (socket_ >= 0) ::close(socket_);
}

Attempt<Connection> Connection::open(const ServerUrl& server, const Interrupt& interrupt,
                                     std::chrono::milliseconds time) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + time;
  Attempt<Addresses> addresses = resolve(server);
  if (!addresses) return addresses.error();
  const std::string doing = "cannot connect to " + server.text();
  Failure why = unreachable(doing);
  for (const addrinfo* address = addresses->get(); address != nullptr; address = address->ai_next) {
    Connection connection(
        ::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol),
        interrupt);
    if (connection.socket_ < 0) {
      why = failed(doing, errno);
      continue;
    }
    int error = ::connect(connection.socket_, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS || error == EINTR) {
      if (const Attempt<> ready = connection.wait_for(POLLOUT, deadline); !ready) {
        if (ready.error().kind == Failure::Kind::interrupted) return ready.error();
        why = unreachable(doing + ": no answer in time");
        continue;
      }
      socklen_t size = sizeof(error);
      ::getsockopt(connection.socket_, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) {
      why = failed(doing, error);
      continue;
    }
    const int on = 1;
    ::setsockopt(connection.socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return connection;
  }
  return why;
}

Attempt<> Connection::wait_for(short events, SteadyTime deadline) const {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    std::array<pollfd, 2> waiting{{{socket_, events, 0}, {interrupt_->descriptor(), POLLIN, 0}}};
    const int ready =
        ::poll(waiting.data(), waiting.size(), static_cast<int>(std::max<std::int64_t>(0, left)));
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return failed("waiting for the server", errno);
    if (waiting[1].revents != 0) return Failure{Failure::Kind::interrupted, "interrupted"};
    if (ready == 0) return unreachable("the server has said nothing for too long");
    return {};
  }
}

Attempt<> Connection::send(std::string_view bytes, std::chrono::milliseconds time) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + time;
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return failed("the connection was lost", errno);
    if (const Attempt<> ready = wait_for(POLLOUT, deadline); !ready) return ready.error();
  }
  return {};
}

Attempt<std::string> Connection::receive(std::chrono::milliseconds time) {
  const SteadyTime deadline = std::chrono::steady_clock::now() + time;
  std::string bytes(std::size_t{16} * 1024, '\0');
  for (;;) {
    // Waits before it receives, so that a user who wants to go does not wait for a server that never stops
    // talking.
    if (const Attempt<> ready = wait_for(POLLIN, deadline); !ready) return ready.error();
    const ssize_t received = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (received >= 0) {
      bytes.resize(static_cast<std::size_t>(received));
      return bytes;
    }
    if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)
      return failed("the connection was lost", errno);
  }
}

}  // namespace corohub::client
