// Accepts and serves HTTP/1.1 connections on the shards: Server is what they share, ShardServer is one
// shard's part.
#pragma once

#include "auth/authenticator.hpp"
#include "auth/rate_limit.hpp"
#include "core/task.hpp"
#include "core/wheel.hpp"
#include "http/connection_counts.hpp"
#include "http/request_rate.hpp"
#include "http/router.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

namespace corohub::http {

struct HttpSettings {
  std::size_t max_header_bytes = 8192;
  std::size_t max_headers = 100;
  std::size_t max_uri_bytes = 4096;
  std::size_t max_body_bytes = 65'536;
  std::chrono::seconds header_timeout{10};
  std::chrono::seconds body_timeout{15};
  std::chrono::seconds idle_timeout{60};
  std::chrono::seconds write_timeout{10};
  std::size_t requests_per_connection = 1000;
  std::size_t connections_max = 20'000;        // of the whole process; more get 503 and are closed
  std::size_t connections_per_address = 2000;  // IPv6: per /64; more get 429 and are closed
  std::size_t descriptors_reserved = 64;       // for the database, backups, key files; a quarter at most
  int backlog = 4096;
  std::vector<std::string> cors_origins;     // exact origins, or "*"
  std::vector<std::string> trusted_proxies;  // addresses and networks, checked before
  bool proxy_protocol = false;  // their connections begin with a PROXY header, which says who calls
  auth::Rate request_rate{300, std::chrono::seconds(10), 300};  // per user, per address for guests
};

// Shared by all shards; safe from any thread.
class Server {
 public:
  Server(const Router& router, HttpSettings settings, auth::CidrList exempt, const Clock& clock);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // From now on every answer closes its connection (a drain has begun).
  void begin_drain() noexcept { draining_.store(true, std::memory_order_relaxed); }
  bool draining() const noexcept { return draining_.load(std::memory_order_relaxed); }
  std::size_t connections() const noexcept { return connections_.load(std::memory_order_relaxed); }

  const Router& router() const noexcept { return router_; }
  const HttpSettings& settings() const noexcept { return settings_; }
  const Clock& clock() const noexcept { return clock_; }
  bool exempt(const asio::ip::address& caller) const noexcept { return exempt_.contains(caller); }
  const auth::CidrList& trusted_proxies() const noexcept { return trusted_proxies_; }
  RequestRate& request_rate() noexcept { return request_rate_; }
  // Takes room for one more connection of this address: too_many_connections. Proxies, which bring
  // connections of others, always get room.
  Result<ConnectionCounts::Place> take_place(const asio::ip::address& caller);

 private:
  friend class Connection;  // counts itself

  const Router& router_;
  HttpSettings settings_;
  auth::CidrList exempt_;
  auth::CidrList trusted_proxies_;
  const Clock& clock_;
  RequestRate request_rate_;
  ConnectionCounts by_address_;
  std::atomic<bool> draining_{false};
  std::atomic<std::size_t> connections_{0};
};

// One shard's acceptors and connections. Its own thread only, but for the constructor and listen(), which run
// before the thread starts, and the destructor, which runs after it has ended (and before the context goes).
class ShardServer {
 public:
  ShardServer(Server& server, std::size_t shard, asio::io_context& context, Wheel& wheel,
              auth::Authenticator& authenticator);
  ~ShardServer();
  ShardServer(const ShardServer&) = delete;
  ShardServer& operator=(const ShardServer&) = delete;

  // Binds and listens now; accepts once the context runs. The first shard to listen on an address reports a
  // busy port (boost::system::system_error); the others join it by SO_REUSEPORT. Port 0 picks one: the answer
  // has it.
  asio::ip::tcp::endpoint listen(const asio::ip::tcp::endpoint& endpoint, bool first);

  void stop_accepting() noexcept;
  // Ends connections that wait for a request; those with one in flight end after its answer.
  void close_idle() noexcept;
  // Ends all connections that are left.
  void abort_all() noexcept;
  std::size_t connections() const noexcept;

 private:
  struct State;
  std::shared_ptr<State> impl_;  // shared with the accepting coroutines
};

}  // namespace corohub::http
