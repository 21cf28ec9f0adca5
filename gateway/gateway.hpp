// The front door of the hub: upgrades, sessions, and the REST routes about connections and events.
#pragma once

#include "auth/authenticator.hpp"
#include "auth/key_ring.hpp"
#include "auth/password_login.hpp"
#include "auth/rate_limit.hpp"
#include "auth/tickets.hpp"
#include "eventlog/event_log.hpp"
#include "flags/directory.hpp"
#include "gateway/ofrep/settings.hpp"
#include "http/router.hpp"
#include "hub/hub.hpp"
#include "hub/topic_rules.hpp"
#include "storage/reader_pool.hpp"
#include "storage/writer.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace corohub::gateway {

// What a limit on published or received messages may be raised to.
inline constexpr std::size_t large_message_bytes_max = 3'407'872;

// Of Engine.IO, below Socket.IO.
struct SocketioSettings {
  std::chrono::milliseconds ping_interval{25'000};
  std::chrono::milliseconds ping_timeout{20'000};
  std::size_t payload_bytes_max = 65'536;  // of a POST, and of a message on a WebSocket
  bool testkit = false;                    // what the protocols' own test suites need (diagnostics)
};

struct GatewaySettings {
  std::chrono::seconds ping_interval{54};
  std::chrono::seconds pong_timeout{60};
  hub::OutboxLimits outbox;
  std::size_t max_message_bytes = 65'536;        // that a client may send in the native protocol
  std::size_t stomp_message_bytes_max = 65'536;  // that a client may send in STOMP
  bool stomp_fragments = true;  // an event leaves as two WebSocket fragments, of which one is shared
  std::string sockjs_client_url = "/assets/sockjs.min.js";  // for SockJS's pages in iframes
  SocketioSettings socketio;
  std::size_t event_bytes_max = 65'536;  // of a whole published message where no topic's rule says otherwise
  std::chrono::seconds message_timeout{10};
  std::chrono::seconds write_timeout{10};
  std::vector<std::string> allowed_origins;  // exact, "*" allows all
  bool loopback_only = true;  // every listener is on loopback: any port of localhost is no foreign Origin
  bool query_token = true;    // ?token= on /ws
  bool compression = false;   // permessage-deflate for those who offer it
  bool echo = false;          // /ws/echo (diagnostics)
  auth::Rate inbound_messages{100, std::chrono::seconds(1), 200};
  auth::Rate inbound_bytes{262'144, std::chrono::seconds(1), 524'288};
  auth::Rate inbound_control{10, std::chrono::seconds(1), 20};
  auth::Rate connects_per_address{60, std::chrono::minutes(1), 120};
  auth::Rate connects_total{500, std::chrono::seconds(1), 1000};
  auth::Rate broadcasts_per_admin{10, std::chrono::seconds(1), 20};
  auth::Rate stats_per_admin{60, std::chrono::minutes(1), 60};
  auth::Rate presence_per_user{5, std::chrono::seconds(1), 5};
  auth::Rate publishes_per_user{100, std::chrono::seconds(1), 200};              // over REST
  auth::Rate durable_bytes_per_user{32 << 20, std::chrono::hours(1), 32 << 20};  // added to the log
  auth::Rate publishes_per_key{1000, std::chrono::seconds(1), 2000};
  auth::Rate publish_failures_per_address{300, std::chrono::minutes(1), 300};
  ofrep::Settings ofrep;
};

// What the gateway works with; all of it outlives the gateway.
struct GatewayParts {
  hub::Hub& hub;
  storage::Writer& writer;
  storage::ReaderPool& readers;
  auth::TicketStore& tickets;
  const hub::TopicRules& topic_rules;
  const auth::KeyStore& keys;
  flags::Directories& flags;  // begun with as many as there are shards, before add_shard()
  const Clock& clock;
  std::string epoch;
  auth::PasswordLogin* passwords = nullptr;  // null: no protocol takes a password
};

struct GatewayState;

class Gateway {
 public:
  Gateway(GatewayParts parts, GatewaySettings settings);
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // One for each shard of the hub, in their order, before anything is served. They outlive what is served.
  void add_shard(hub::Shard& shard, auth::Authenticator& authenticator);

  // GET /ws, GET /ws/stats, POST /ws/broadcast, GET /ws/echo,
  // GET /api/v1/events, GET /api/v1/events/poll, GET /api/v1/events/stream,
  // GET /api/v1/websocket/info, /namespaces, /status,
  // GET /api/v1/presence, GET /api/v1/topics/{topic...}/presence,
  // POST /api/v1/topics/{topic...}/events, GET /api/v1/topics/{topic...}/history, POST /api/v1/publish,
  // GET and POST /api/v1/admin/api-keys, DELETE /api/v1/admin/api-keys/{id},
  // POST /ofrep/v1/evaluate/flags, POST /ofrep/v1/evaluate/flags/{key}, GET /ofrep/v1/events,
  // GET /api/v1/admin/connections, DELETE /api/v1/admin/connections/{client_id}
  void add_routes(http::Router& router);

  // Who listens for it is told; new connections get 503 draining; the mirrors of /ws/echo, which are no
  // members of the hub, are told to go.
  void begin_drain();
  // WebSockets that exist, mirrors too. Any thread.
  std::size_t sockets() const noexcept;

  // Tells what has changed in presence. Every half second, by one thread.
  static constexpr std::chrono::milliseconds presence_interval{500};
  void publish_presence();

  // What the server says of itself to those who asked to hear it, which STOMP clients do at /topic/system.
  // `status`: what the server as a whole is from here on; empty: what it was. Volatile. Any thread.
  void publish_status(std::string_view message, std::string_view status = {});

  // A volatile health.status.changed for the admins. `overall`: of all components together. Any thread.
  void publish_health(std::string_view component, std::string_view old_status, std::string_view status,
                      std::string_view overall);

 private:
  std::shared_ptr<GatewayState> state_;
};

}  // namespace corohub::gateway
