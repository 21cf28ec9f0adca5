// One listening socket of one shard: accepts in small portions, and keeps its head when descriptors run out.
#pragma once

#include "core/task.hpp"

#include <chrono>
#include <functional>
#include <memory>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace corohub::http {

class Listener {
 public:
  using Accepted = std::function<void(Socket socket, const asio::ip::tcp::endpoint& peer)>;
  // Gets each connection that there is no descriptor for. Null: it is closed already.
  using Shed = std::function<void(Socket* socket)>;

  // Binds and listens; throws boost::system::system_error. The first listener on an address reports a busy
  // port, later ones share the port (SO_REUSEPORT). `reserved` descriptors of the process are left to other
  // uses.
  Listener(asio::io_context& context, const asio::ip::tcp::endpoint& endpoint, bool first, int backlog,
           std::size_t descriptors_reserved);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  asio::ip::tcp::endpoint endpoint() const { return acceptor_.local_endpoint(); }

  // Accepts until close(), whatever is thrown meanwhile: the kernel goes on giving this socket its share of
  // clients.
  static Task<> run(std::shared_ptr<Listener> listener, Accepted accepted, Shed shed);
  void close() noexcept;

 private:
  Task<> rest(std::chrono::milliseconds pause);
  bool accept_some(const Accepted& accepted, const Shed& shed);
  bool shed_one();
  void open_spare() noexcept;
  void close_spare() noexcept;

  asio::io_context& context_;
  asio::basic_socket_acceptor<asio::ip::tcp, Executor> acceptor_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;
  const std::size_t descriptors_reserved_;
  int spare_ = -1;  // a descriptor to give up for a moment (T65)
};

}  // namespace corohub::http
