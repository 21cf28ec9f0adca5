// Engine.IO 4 under one address: handshakes, polls, and WebSockets that are a session or an upgrade of one.
// What a session leads to is its service's; Engine.IO knows no protocol above.
#pragma once

#include "core/error.hpp"
#include "core/task.hpp"
#include "gateway/engineio/link.hpp"
#include "gateway/wire/place.hpp"
#include "gateway/wire/websocket.hpp"
#include "http/router.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace corohub::gateway::engineio {

// Somebody who may have a session: a place among the connections, and what its listener needs.
class Guest {
 public:
  virtual ~Guest() = default;
  // Once, on the thread of the request that it came with.
  virtual std::shared_ptr<Listener> open() = 0;
  // By the inbound rates.
  virtual bool is_limited() const noexcept { return true; }
};

// What is behind the sessions of one address. Outlives the routes' requests.
class Service {
 public:
  virtual ~Service() = default;

  // The shards, in their order, at most 256; the first time when the first request is there.
  virtual std::size_t shards() const = 0;
  virtual Place place(std::size_t shard) const = 0;

  // May pages of this request's Origin have sessions? Asked only of requests that have one.
  virtual bool allows_origin(const http::Request& request) const = 0;
  // A place for a new session, which lives on the request's own shard; counts as a connect.
  virtual Task<Result<std::unique_ptr<Guest>>> admit(http::Context& context) = 0;
};

struct FrontEnd {
  std::string prefix;                              // "/socket.io"
  const WebSocketSettings* sockets = nullptr;      // without a heartbeat of their own; outlives the routes
  std::atomic<std::size_t>* open_count = nullptr;  // see WebSocketPlace
  LinkSettings links;
};

// What is wrong with a request for Engine.IO, as its protocol says it.
struct Refusal {
  int code;
  std::string_view message;
};
inline constexpr Refusal unknown_transport{0, "Transport unknown"};
inline constexpr Refusal unknown_session{1, "Session ID unknown"};
inline constexpr Refusal bad_handshake_method{2, "Bad handshake method"};
inline constexpr Refusal bad_request{3, "Bad request"};
inline constexpr Refusal forbidden{4, "Forbidden"};
inline constexpr Refusal unsupported_version{5, "Unsupported protocol version"};

// By the address and the method alone. Nothing: it may go on. Pure.
std::optional<Refusal> judge(const http::Request& request);

void add_routes(http::Router& router, FrontEnd front_end, std::shared_ptr<Service> service);

}  // namespace corohub::gateway::engineio
