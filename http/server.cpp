#include "http/server.hpp"

#include "core/log.hpp"
#include "http/caller.hpp"
#include "http/connection.hpp"
#include "http/listener.hpp"

#include <iterator>
#include <new>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>

namespace corohub::http {
namespace {

// Answers a connection that there is no room for, without waiting for its request.
void turn_away(Socket& socket, const Error& error, HttpShard& shard) {
  const std::string answer = shard.last_answer(error);
  boost::system::error_code ignored;
  socket.write_some(asio::buffer(answer), ignored);
  socket.shutdown(Socket::shutdown_send, ignored);
  // Unread bytes would turn the close into a reset, and the answer would be lost.
  char discarded[4096];
  socket.read_some(asio::buffer(discarded), ignored);
}

Error no_room() { return Error(ErrorCode::overloaded, "The server has no room for another connection."); }

// The end of a coroutine that nobody waits for: an exception that got here is a bug, and ends only its
// connection.
void log_escaped(const std::exception_ptr& failure) noexcept {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& exception) {
    log::error("http_coroutine_failed", {{"cause", exception.what()}});
  } catch (...) {
    log::error("http_coroutine_failed");
  }
}

}  // namespace

Server::Server(const Router& router, HttpSettings settings, auth::CidrList exempt, const Clock& clock)
    : router_(router),
      settings_(std::move(settings)),
      exempt_(std::move(exempt)),
      trusted_proxies_(auth::CidrList::parse(settings_.trusted_proxies).value()),
      clock_(clock),
      request_rate_(settings_.request_rate, clock),
      by_address_(settings_.connections_per_address) {}

Result<ConnectionCounts::Place> Server::take_place(const asio::ip::address& caller) {
  if (exempt(caller) || trusted_proxies_.contains(caller)) return ConnectionCounts::Place();
  std::optional<ConnectionCounts::Place> place = by_address_.take(caller);
  if (place) return std::move(*place);
  return Error(ErrorCode::too_many_connections, "Too many connections from this address.")
      .retry_in(std::chrono::seconds(1))
      .limited_to(settings_.connections_per_address);
}

Server::~Server() = default;

struct ShardServer::State {
  State(Server& server, std::size_t index, asio::io_context& the_context, Wheel& wheel,
        auth::Authenticator& authenticator)
      : context(the_context),
        shard(std::make_shared<HttpShard>(server, index, the_context.get_executor(), wheel, authenticator)) {}

  void accepted(Socket socket, const asio::ip::tcp::endpoint& peer) {
    if (shard->server == nullptr) return;
    if (shard->server->connections() >= shard->server->settings().connections_max)
      return refuse(socket, no_room(), shard->metrics.connections_refused);
    Result<ConnectionCounts::Place> place = shard->server->take_place(unmapped(peer.address()));
    if (!place) return refuse(socket, place.error(), shard->metrics.connections_crowded);
    try {
      auto connection =
          std::make_unique<Connection>(shard, std::move(socket), peer.address(), std::move(*place));
      asio::co_spawn(context.get_executor(), Connection::serve(std::move(connection)), log_escaped);
    } catch (const std::bad_alloc&) {  // the socket is closed with it; the listener goes on
      shard->metrics.connections_shed.Increment();
    }
  }

  void refuse(Socket& socket, const Error& error, metrics::Counter& counter) {
    counter.Increment();
    turn_away(socket, error, *shard);
  }

  void shed(Socket* socket) {
    shard->metrics.connections_shed.Increment();
    if (socket != nullptr && shard->server != nullptr) turn_away(*socket, no_room(), *shard);
  }

  // The next connection is found first: ending a connection may take it off the list.
  template <class Action>
  void each_connection(Action action) {
    for (auto next = shard->connections.begin(); next != shard->connections.end();) {
      auto& connection = static_cast<Connection&>(*next++);
      action(connection);
    }
  }

  asio::io_context& context;
  std::shared_ptr<HttpShard> shard;
  std::vector<std::shared_ptr<Listener>> listeners;
};

ShardServer::ShardServer(Server& server, std::size_t shard, asio::io_context& context, Wheel& wheel,
                         auth::Authenticator& authenticator)
    : impl_(std::make_shared<State>(server, shard, context, wheel, authenticator)) {}

ShardServer::~ShardServer() {
  stop_accepting();
  abort_all();
  impl_->shard->server = nullptr;
}

asio::ip::tcp::endpoint ShardServer::listen(const asio::ip::tcp::endpoint& endpoint, bool first) {
  const HttpSettings& settings = impl_->shard->server->settings();
  const auto listener = std::make_shared<Listener>(impl_->context, endpoint, first, settings.backlog,
                                                   settings.descriptors_reserved);
  impl_->listeners.push_back(listener);
  auto accepted = [state = impl_](Socket socket, const asio::ip::tcp::endpoint& peer) {
    state->accepted(std::move(socket), peer);
  };
  auto shed = [state = impl_](Socket* socket) { state->shed(socket); };
  asio::co_spawn(impl_->context.get_executor(), Listener::run(listener, std::move(accepted), std::move(shed)),
                 log_escaped);
  return listener->endpoint();
}

void ShardServer::stop_accepting() noexcept {
  for (const auto& listener : impl_->listeners) listener->close();
}

void ShardServer::close_idle() noexcept {
  impl_->each_connection([](Connection& connection) { connection.end_if_idle(); });
}

void ShardServer::abort_all() noexcept {
  impl_->each_connection([](Connection& connection) { connection.abort(); });
}

std::size_t ShardServer::connections() const noexcept {
  return static_cast<std::size_t>(
      std::distance(impl_->shard->connections.begin(), impl_->shard->connections.end()));
}

}  // namespace corohub::http
