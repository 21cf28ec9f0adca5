// GET /ws: from a request to a session.
#include "core/log.hpp"
#include "gateway/entrance.hpp"
#include "http/caller.hpp"

#include <utility>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

// Everything is checked; what is left happens when the socket comes.
class SessionTakeover final : public http::Takeover {
 public:
  SessionTakeover(GatewayState& state, const Context& context, Handshake handshake, Admitted admitted)
      : state_(state),
        place_(place_of(state, context)),
        handshake_(std::move(handshake)),
        admitted_(std::move(admitted)),
        address_(context.request.peer),
        request_id_(context.request.id),
        limited_(!context.exempt) {}

  void take(Socket socket, std::string unread) noexcept override {
    try {
      start(std::move(socket), std::move(unread));
    } catch (const std::exception& failure) {
      log::error("socket.not_started", {{"cause", failure.what()}});
    }
  }

 private:
  void start(Socket socket, std::string unread) {
    const std::shared_ptr<Session> session = make_session(place_, std::move(admitted_), address_);
    WebSocketStart connection{.socket = std::move(socket),
                              .unread = std::move(unread),
                              .head = switching_protocols(handshake_, request_id_),
                              .limited = limited_,
                              .deflate = !handshake_.extensions.empty()};
    const WebSocketPlace socket_place{state_.sockets, place_.shard.wheel(), place_.shard.clock(),
                                      &state_.sockets_open};
    start_websocket(std::move(connection), socket_place, session->outbox(), session);
  }

  GatewayState& state_;
  SessionPlace place_;
  Handshake handshake_;
  Admitted admitted_;
  boost::asio::ip::address address_;
  std::string request_id_;
  bool limited_;
};

Response refuse(const Error& error, const Context& context) {
  metrics::counter("corohub_handshakes_refused_total", "Upgrades refused, by code.",
                   {{"code", std::string(name(error.code))}})
      .Increment();
  log::info("handshake.refused", {{"code", name(error.code)}, {"ip", context.request.peer.to_string()}});
  Response response = http::fail(error, context);
  if (error.code == ErrorCode::upgrade_required) {
    response.headers.push_back({"Upgrade", "websocket"});
    response.headers.push_back({"Sec-WebSocket-Version", "13"});
  }
  response.close = true;
  return response;
}

bool is_foreign(const GatewayState& state, const http::Request& request) {
  if (!request.has("Origin")) return false;
  const std::string_view origin = request.header("Origin");
  const std::string_view at_proxy = http::forwarded_host(request);
  const bool local = http::is_local(request);
  return !origin_allowed(origin, request.header("Host"), state.origins, local) &&
         (at_proxy.empty() || !origin_allowed(origin, at_proxy, state.origins, local));
}

Task<Response> open_socket(GatewayState& state, Context& context) {
  const http::Request& request = context.request;
  Result<Handshake> handshake = read_handshake(request, state.settings.compression);
  if (!handshake) co_return refuse(handshake.error(), context);
  if (is_foreign(state, request))
    co_return refuse(Error(ErrorCode::origin_not_allowed, "Pages of this origin may not connect."), context);
  if (const std::optional<Error> error = over_limits(state, context)) co_return refuse(*error, context);
  Result<Admitted> admitted =
      co_await admit(state, context, state.settings.query_token, std::move(handshake->events));
  if (!admitted) co_return refuse(admitted.error(), context);

  Response response;
  response.takeover =
      std::make_unique<SessionTakeover>(state, context, std::move(*handshake), std::move(*admitted));
  co_return response;
}

}  // namespace

void add_socket_routes(Routes& routes) {
  routes.add(http::Method::get, "/ws", http::Access::holder, open_socket);
}

}  // namespace corohub::gateway
