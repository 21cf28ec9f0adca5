// SockJS 0.3.3 under one address: pages, info, and sessions over WebSocket, xhr, xhr_streaming and
// eventsource. What a session leads to is its service's; SockJS knows no protocol above. Raw WebSockets
// (PREFIX/websocket) are those of any other row. htmlfile and jsonp, for browsers that are gone, are 404.
#pragma once

#include "core/account.hpp"
#include "core/error.hpp"
#include "core/task.hpp"
#include "gateway/sockjs/link.hpp"
#include "gateway/sockjs/stream.hpp"
#include "gateway/wire/place.hpp"
#include "gateway/wire/websocket.hpp"
#include "http/router.hpp"

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

namespace corohub::gateway::sockjs {

// Somebody who may have a session: a place among the connections, and what its listener needs.
class Guest {
 public:
  virtual ~Guest() = default;
  // On the thread of the shard where the session will live, unless that is the request's own: what must be
  // read there before it opens.
  virtual Task<> prepare(std::size_t /*shard*/) { co_return; }
  // Once, on that thread, in the turn in which it is prepared.
  virtual Listening open(std::size_t shard) = 0;
};

// What is behind the sessions of one address. Outlives the routes' requests.
class Service {
 public:
  virtual ~Service() = default;

  // The shards, in their order; the first time when the first request is there.
  virtual std::size_t shards() const = 0;
  virtual Place place(std::size_t shard) const = 0;

  // May pages of this request's Origin have sessions? Asked only of requests that have one.
  virtual bool allows_origin(const http::Request& request) const = 0;
  // Whose credential stands in the address; 0: there is none.
  virtual Task<Result<UserId>> identify(http::Context& context) = 0;
  // A place for a new session; counts as a connect.
  virtual Task<Result<std::unique_ptr<Guest>>> admit(http::Context& context) = 0;
};

struct FrontEnd {
  std::string prefix;  // "/ws"
  std::string script =
      "/assets/sockjs.min.js";                 // for pages in iframes; of the same release as their clients'
  std::string frame_ancestors = "'self'";      // who may have such pages inside, see iframe_page()
  std::size_t send_bytes_max = 65'536;         // of one xhr_send
  const WebSocketSettings* sockets = nullptr;  // outlives the routes, as the next
  std::atomic<std::size_t>* open_count = nullptr;  // see WebSocketPlace; of streams, too
  LinkSettings links;
  StreamSettings streams;
};

void add_routes(http::Router& router, FrontEnd front_end, std::shared_ptr<Service> service);

}  // namespace corohub::gateway::sockjs
