// What the routes of this room share: the gateway's parts, settings, limits and counters. Safe from any
// shard's thread.
#pragma once

#include "flags/client_key_cache.hpp"
#include "gateway/echo.hpp"
#include "gateway/gateway.hpp"
#include "gateway/ofrep/ofrep.hpp"
#include "gateway/session/client_judge.hpp"
#include "gateway/session/desk.hpp"
#include "gateway/session/flag_watching.hpp"
#include "gateway/session/key_ends.hpp"
#include "gateway/session/presence_desk.hpp"
#include "gateway/session/publishing.hpp"
#include "gateway/session/reception.hpp"
#include "gateway/session/topic_rights.hpp"
#include "gateway/socketio/namespaces.hpp"
#include "gateway/stomp/settings.hpp"
#include "gateway/wire/event_stream.hpp"
#include "gateway/wire/origin.hpp"
#include "gateway/wire/websocket.hpp"
#include "users/service_key_cache.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace corohub::gateway {

// References into the registry, looked up once, when the server starts.
class RefusedHandshakes {
 public:
  RefusedHandshakes();
  void count(ErrorCode code) const noexcept;

 private:
  std::array<metrics::Counter*, error_code_count> by_code_{};
};

struct GatewayState {
  GatewayState(GatewayParts gateway_parts, GatewaySettings gateway_settings);

  Position head() const { return {parts.epoch, parts.writer.committed_seq()}; }
  const Desk& desk(std::size_t shard) const { return *desks[shard]; }

  const GatewayParts parts;
  const GatewaySettings settings;
  const OriginRules origins;
  const SessionSettings sessions;
  const WebSocketSettings sockets;
  const WebSocketSettings stomp_sockets;
  const WebSocketSettings sockjs_sockets;
  const WebSocketSettings socketio_sockets;
  const WebSocketSettings echo_sockets;
  const EventStreamSettings streams;
  const stomp::Settings stomp;
  Publishing publishing;
  PresenceDesk presence;
  Reception reception;
  auth::RateLimiter broadcasts;
  auth::RateLimiter client_reports;
  auth::RateLimiter stats;
  auth::RateLimiter publishes;          // over REST, by user
  auth::RateLimiter service_publishes;  // by key
  auth::RateLimiter publish_failures;   // credentials of services, by address
  const RefusedHandshakes handshakes_refused;
  // By shard; made before anything is served.
  users::ServiceKeyCaches service_keys;
  flags::ClientKeyCaches client_keys;
  std::vector<std::unique_ptr<TopicRights>> topic_rights;
  std::vector<std::unique_ptr<const ClientJudge>> client_judges;
  std::vector<std::unique_ptr<KeyEnds>> key_ends;
  std::vector<std::unique_ptr<FlagWatching>> flag_watching;
  std::vector<std::unique_ptr<const Desk>> desks;
  std::atomic<std::size_t> sockets_open{0};
  std::atomic<bool> draining{false};
  ofrep::Ofrep ofrep;
  std::unique_ptr<socketio::Namespaces> namespaces;  // of Socket.IO; made last
};

using RouteFunction = Task<http::Response> (*)(GatewayState&, http::Context&);

class Routes {
 public:
  Routes(http::Router& router, std::shared_ptr<GatewayState> state)
      : router_(router), state_(std::move(state)) {}

  http::Router& router() noexcept { return router_; }
  const std::shared_ptr<GatewayState>& state() const noexcept { return state_; }

  void add(http::Method method, std::string_view pattern, http::Access access, RouteFunction function) {
    router_.add(method, std::string(pattern), access,
                [state = state_, function](http::Context& context) { return function(*state, context); });
  }

 private:
  http::Router& router_;
  std::shared_ptr<GatewayState> state_;
};

void add_front_ends(Routes& routes);          // WebSockets and event streams: the table of front ends
void add_echo_route(Routes& routes);          // GET /ws/echo
void add_engineio_testkit(Routes& routes);    // GET and POST /engine.io/
void add_broadcast_routes(Routes& routes);    // /ws/stats, /ws/broadcast
void add_event_routes(Routes& routes);        // /api/v1/events, /api/v1/events/poll
void add_connection_routes(Routes& routes);   // /api/v1/admin/connections
void add_presence_routes(Routes& routes);     // /api/v1/presence, /api/v1/topics/…/presence
void add_info_routes(Routes& routes);         // /api/v1/websocket/…
void add_topic_routes(Routes& routes);        // /api/v1/topics/…/events, …/history
void add_publish_route(Routes& routes);       // /api/v1/publish
void add_service_key_routes(Routes& routes);  // /api/v1/admin/api-keys

// One attempt; nothing if it is allowed or the caller is exempt.
std::optional<Error> take(auth::RateLimiter& limiter, const http::Context& context, std::string_view key);
}  // namespace corohub::gateway
