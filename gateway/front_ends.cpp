// The table of front ends: which protocol is spoken at which address, over which carrier. One more protocol
// is one more row. `?token=` counts at each of these addresses but those of the event stream and of
// Socket.IO, whose clients can send headers, take a ticket, or say it in a packet.
#include "core/log.hpp"
#include "core/metrics.hpp"
#include "gateway/engineio_front_end.hpp"
#include "gateway/entrance.hpp"
#include "gateway/native/dialect.hpp"
#include "gateway/socketio_connections.hpp"
#include "gateway/sockjs_sessions.hpp"
#include "gateway/stomp/dialect.hpp"
#include "gateway/wire/upgrade.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <utility>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

struct FrontEnd {
  std::string_view path;
  std::span<const std::string_view> subprotocols;  // of a WebSocket; an empty name: none was offered
  enum class Carrier : std::uint8_t { websocket, event_stream, sockjs, engineio } carrier;
  Credentials credentials;
  Dialect& (*dialect)(GatewayState&);                       // null: of Socket.IO, whose seats have their own
  const WebSocketSettings GatewayState::* socket_settings;  // of a WebSocket
};
using Carrier = FrontEnd::Carrier;
using enum Credentials;

constexpr std::array<std::string_view, 2> native_names{"corohub.v1", ""};
constexpr std::array<std::string_view, 3> stomp_names{"v12.stomp", "v11.stomp", "v10.stomp"};
constexpr std::array<std::string_view, 4> stomp_or_none{"v12.stomp", "v11.stomp", "v10.stomp", ""};
constexpr std::span<const std::string_view> no_names{};

Dialect& native_dialect(GatewayState&) { return native::dialect(); }
Dialect& stomp_dialect(GatewayState& state) { return stomp::StompDialect::make(state.stomp); }

constexpr auto native_sockets = &GatewayState::sockets;
constexpr auto stomp_sockets = &GatewayState::stomp_sockets;
constexpr auto sockjs_sockets = &GatewayState::sockjs_sockets;
constexpr auto socketio_sockets = &GatewayState::socketio_sockets;

// SockJS under an address has its raw WebSocket at /websocket.
constexpr std::array front_ends{
    FrontEnd{"/ws", native_names, Carrier::websocket, required, native_dialect, native_sockets},
    FrontEnd{"/ws", stomp_names, Carrier::websocket, optional, stomp_dialect, stomp_sockets},
    FrontEnd{"/ws", no_names, Carrier::sockjs, optional, stomp_dialect, sockjs_sockets},
    FrontEnd{"/ws/websocket", stomp_or_none, Carrier::websocket, optional, stomp_dialect, stomp_sockets},
    FrontEnd{"/messenger/websocket", stomp_or_none, Carrier::websocket, optional, stomp_dialect,
             stomp_sockets},
    FrontEnd{"/messenger/websocket", no_names, Carrier::sockjs, optional, stomp_dialect, sockjs_sockets},
    FrontEnd{"/messenger/websocket/websocket", stomp_or_none, Carrier::websocket, optional, stomp_dialect,
             stomp_sockets},
    FrontEnd{"/socket.io", no_names, Carrier::engineio, optional, nullptr, socketio_sockets},
    FrontEnd{"/api/v1/events/stream", no_names, Carrier::event_stream, required, native_dialect, nullptr},
};

// ---- the one takeover: everything is checked; what is left happens when the socket comes ----

class SessionTakeover final : public http::Takeover {
 public:
  SessionTakeover(GatewayState& state, const Context& context, const FrontEnd& row, Arrival arrival)
      : state_(state),
        desk_(state.desk(context.shard)),
        row_(row),
        arrival_(std::move(arrival)),
        http11_(context.request.http11) {}

  // The answer's head, to be sent first.
  void begin_with(std::string head) override { head_ = std::move(head); }
  void upgrade_with(std::string head, bool deflate) {
    head_ = std::move(head);
    deflate_ = deflate;
  }

  void take(Socket socket, std::string unread) noexcept override {
    try {
      start(std::move(socket), std::move(unread));
    } catch (const std::exception& failure) {
      log::error("session.not_started", {{"path", row_.path}, {"cause", failure.what()}});
    }
  }

 private:
  void start(Socket socket, std::string unread) {
    const bool limited = !arrival_.exempt;
    const std::shared_ptr<Session> session = make_session(desk_, row_.dialect(state_), std::move(arrival_));
    if (row_.carrier == Carrier::event_stream) {
      EventStreamStart stream{.socket = std::move(socket), .head = std::move(head_), .chunked = http11_};
      return start_event_stream(std::move(stream), {state_.streams, desk_.shard.wheel(), desk_.shard.clock()},
                                session->outbox(), session);
    }
    WebSocketStart connection{.socket = std::move(socket),
                              .unread = std::move(unread),
                              .head = std::move(head_),
                              .limited = limited,
                              .deflate = deflate_};
    start_websocket(
        std::move(connection),
        {state_.*row_.socket_settings, desk_.shard.wheel(), desk_.shard.clock(), &state_.sockets_open},
        session->outbox(), session);
  }

  GatewayState& state_;
  const Desk& desk_;
  const FrontEnd& row_;
  Arrival arrival_;
  std::string head_;
  bool http11_;
  bool deflate_ = false;
};

// ---- WebSockets ----

Response refuse(const GatewayState& state, const Error& error, const Context& context) {
  state.handshakes_refused.count(error.code);
  log::info("handshake.refused", {{"code", name(error.code)}, {"ip", context.request.peer.to_string()}});
  Response response = http::fail(error, context);
  if (error.code == ErrorCode::upgrade_required) {
    response.headers.push_back({"Upgrade", "websocket"});
    response.headers.push_back({"Sec-WebSocket-Version", "13"});
  }
  response.close = true;
  return response;
}

bool serves(const FrontEnd& row, std::string_view path) noexcept {
  return row.carrier == Carrier::websocket && row.path == path;
}

// Of all rows of an address, in their order.
std::vector<std::string_view> subprotocols_at(std::string_view path) {
  std::vector<std::string_view> names;
  for (const FrontEnd& row : front_ends)
    if (serves(row, path)) names.insert(names.end(), row.subprotocols.begin(), row.subprotocols.end());
  return names;
}

const FrontEnd& row_of(std::string_view path, std::string_view subprotocol) {
  return *std::ranges::find_if(front_ends, [&](const FrontEnd& row) {
    return serves(row, path) && std::ranges::find(row.subprotocols, subprotocol) != row.subprotocols.end();
  });
}

Task<Response> open_socket(GatewayState& state, Context& context) {
  const http::Request& request = context.request;
  const std::vector<std::string_view> known = subprotocols_at(request.path);
  Result<Upgrade> upgrade = read_upgrade(request, known, state.settings.compression);
  if (!upgrade) co_return refuse(state, upgrade.error(), context);
  const FrontEnd& row = row_of(request.path, upgrade->subprotocol);
  // T57: nothing of somebody who may be nobody is inflated.
  if (row.credentials != required) upgrade->extensions.clear();
  // Where a client asks in its own protocol for what it wants, the address does not.
  Result<EventQuery> events =
      row.credentials == required ? read_event_query(request) : Result<EventQuery>(EventQuery());
  if (!events) co_return refuse(state, events.error(), context);
  if (is_foreign(state, request))
    co_return refuse(state, Error(ErrorCode::origin_not_allowed, "Pages of this origin may not connect."),
                     context);
  if (const std::optional<Error> error = over_limits(state, context))
    co_return refuse(state, *error, context);
  Result<Arrival> arrival =
      co_await admit(state, context, state.settings.query_token, row.credentials, std::move(*events));
  if (!arrival) co_return refuse(state, arrival.error(), context);

  auto takeover = std::make_unique<SessionTakeover>(state, context, row, std::move(*arrival));
  takeover->upgrade_with(switching_protocols(*upgrade, request.id), !upgrade->extensions.empty());
  Response response;
  response.takeover = std::move(takeover);
  co_return response;
}

// ---- event streams ----

const FrontEnd& event_stream_row() {
  return *std::ranges::find(front_ends, Carrier::event_stream, &FrontEnd::carrier);
}

Task<Response> open_stream(GatewayState& state, Context& context) {
  const http::Request& request = context.request;
  const FrontEnd& row = event_stream_row();
  Result<EventQuery> events = read_stream_query(request);
  if (!events) co_return http::fail(events.error(), context);
  if (const std::optional<Error> error = over_limits(state, context)) co_return http::fail(*error, context);
  Result<Arrival> arrival =
      co_await admit(state, context, /*query_token=*/false, row.credentials, std::move(*events));
  if (!arrival) co_return http::fail(arrival.error(), context);

  Response response;
  response.content_type = "text/event-stream";
  // Nothing in between must wait for more: neither to pass it on, nor to compress it.
  response.headers.push_back({"X-Accel-Buffering", "no"});
  response.headers.push_back({"Cache-Control", "no-store, no-transform"});
  response.streamed = true;
  if (request.method == http::Method::head) co_return response;  // all is judged, and nothing begins
  response.takeover = std::make_unique<SessionTakeover>(state, context, row, std::move(*arrival));
  co_return response;
}

// ---- SockJS ----

// The pages that may have our page inside are those that may connect.
std::string frame_ancestors(const OriginRules& rules) {
  if (std::ranges::find(rules.allowed, "*") != rules.allowed.end()) return {};
  std::string sources = "'self'";
  for (const std::string& origin : rules.allowed)
    if (origin != "null") sources += " " + origin;
  if (rules.loopback_only) sources += " http://localhost:* http://127.0.0.1:* http://[::1]:*";
  return sources;
}

void add_sockjs(Routes& routes, const FrontEnd& row) {
  const std::shared_ptr<GatewayState>& state = routes.state();
  sockjs::FrontEnd front_end;
  front_end.prefix = row.path;
  front_end.script = state->settings.sockjs_client_url;
  front_end.frame_ancestors = frame_ancestors(state->origins);
  front_end.sockets = &((*state).*row.socket_settings);
  front_end.send_bytes_max = front_end.sockets->messages.bytes;
  front_end.open_count = &state->sockets_open;
  front_end.links.rates = front_end.sockets->rates;
  front_end.streams.timeouts = state->streams.timeouts;
  front_end.streams.dead_peer_timeout = state->streams.dead_peer_timeout;
  sockjs::add_routes(routes.router(), std::move(front_end), sockjs_sessions(state, row.dialect));
}

}  // namespace

void add_front_ends(Routes& routes) {
  std::vector<std::string_view> added;
  for (const FrontEnd& row : front_ends) {
    if (row.carrier == Carrier::sockjs) {
      add_sockjs(routes, row);
      continue;
    }
    if (row.carrier == Carrier::engineio) {
      engineio::add_routes(routes.router(), engineio_front_end(*routes.state(), std::string(row.path)),
                           socketio_connections(routes.state()));
      continue;
    }
    if (std::ranges::find(added, row.path) != added.end()) continue;
    added.push_back(row.path);
    const bool websocket = row.carrier == Carrier::websocket;
    routes.add(http::Method::get, row.path, http::Access::holder, websocket ? open_socket : open_stream);
  }
}

}  // namespace corohub::gateway
