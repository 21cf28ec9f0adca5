#include "http/server.hpp"

#include "core/log.hpp"
#include "http/connection.hpp"
#include "http/listener.hpp"

#include <iterator>
#include <new>

#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>

namespace corohub::http {
namespace {

// A last word to a connection there is no room for; its request is not waited for.
void turn_away(Socket& socket, HttpShard& shard) {
  Request nobody;
  nobody.id = shard.next_request_id();
  const Error full(ErrorCode::overloaded, "The server has no room for another connection.");
  Framing framing;
  framing.request_id = nobody.id;
  framing.date = shard.date();
  framing.close = true;
  const std::string answer = serialize(problem(full, nobody), framing);
  boost::system::error_code ignored;
  socket.write_some(asio::buffer(answer), ignored);
  socket.shutdown(Socket::shutdown_send, ignored);
  // What has come already would turn the close into a reset, and the answer would be lost.
  char discarded[4096];
  socket.read_some(asio::buffer(discarded), ignored);
}

// The end of a coroutine nobody waits for: an exception that got here is a bug, and ends only its connection.
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
      request_rate_(settings_.request_rate, clock) {}

Server::~Server() = default;

struct ShardServer::State {
  State(Server& server, std::size_t index, asio::io_context& the_context, Wheel& wheel,
        auth::Authenticator& authenticator)
      : context(the_context),
        shard(std::make_shared<HttpShard>(server, index, the_context.get_executor(), wheel, authenticator)) {}

  void accepted(Socket socket, const asio::ip::tcp::endpoint& peer) {
    if (shard->server == nullptr) return;
    if (shard->server->connections() >= shard->server->settings().connections_max) {
      shard->metrics.connections_refused.Increment();
      return turn_away(socket, *shard);
    }
    try {
      auto connection = std::make_unique<Connection>(shard, std::move(socket), peer.address());
      asio::co_spawn(context.get_executor(), Connection::serve(std::move(connection)), log_escaped);
    } catch (const std::bad_alloc&) {  // the socket went with it; the listener goes on
      shard->metrics.connections_shed.Increment();
    }
  }

  // The next one is found before: ending a connection may take it off the list.
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
  const auto listener =
      std::make_shared<Listener>(impl_->context, endpoint, first, impl_->shard->server->settings().backlog);
  impl_->listeners.push_back(listener);
  auto accepted = [state = impl_](Socket socket, const asio::ip::tcp::endpoint& peer) {
    state->accepted(std::move(socket), peer);
  };
  auto shed = [state = impl_] { state->shard->metrics.connections_shed.Increment(); };
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
