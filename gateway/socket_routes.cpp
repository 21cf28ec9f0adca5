// GET /ws: from a request to a session.
#include "core/log.hpp"
#include "gateway/handshake.hpp"
#include "gateway/state.hpp"

#include <utility>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

// Everything is checked; what is left happens when the socket comes.
class SessionTakeover final : public http::Takeover {
 public:
  SessionTakeover(GatewayState& state, const Context& context, Handshake handshake, auth::Principal principal,
                  hub::Roster::Admission admission)
      : state_(state),
        place_{*state.parts.hub.shards()[context.shard], context.authenticator, state.sessions},
        handshake_(std::move(handshake)),
        principal_(std::move(principal)),
        admission_(std::move(admission)),
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
    // Judged in the turn that registers the session, so that no change of rights falls in between.
    const Result<auth::Principal> live = place_.authenticator.check_again(principal_);
    const auto session =
        std::make_shared<Session>(place_, live ? &*live : nullptr, std::move(admission_), address_);
    WebSocketStart connection{.socket = std::move(socket),
                              .unread = std::move(unread),
                              .key = std::move(handshake_.key),
                              .request_id = std::move(request_id_),
                              .subprotocol = handshake_.subprotocol,
                              .limited = limited_};
    const WebSocketPlace socket_place{state_.sockets, place_.shard.wheel(), place_.shard.clock(),
                                      &state_.sockets_open};
    start_websocket(std::move(connection), socket_place, session->outbox(), session);
  }

  GatewayState& state_;
  SessionPlace place_;
  Handshake handshake_;
  auth::Principal principal_;
  hub::Roster::Admission admission_;
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
  return !origin_allowed(request.header("Origin"), request.header("Host"), state.origins);
}

// What costs little, before a signature is looked at.
std::optional<Error> over_limits(GatewayState& state, const Context& context) {
  if (state.draining.load(std::memory_order_relaxed))
    return Error(ErrorCode::draining, "The server is shutting down.");
  if (std::optional<Error> refusal =
          take(state.connects_per_address, context, auth::rate_key(context.request.peer)))
    return refusal;
  if (const std::optional<Error> refusal = take(state.connects_total, context, "all"))
    return Error(ErrorCode::overloaded, "Too many connections are being opened.");
  // A place for nobody, given back at once: the address and the server have room, whoever it is.
  const auto room = state.parts.hub.roster().admit(0, context.request.peer, context.exempt);
  if (!room) return room.error();
  return std::nullopt;
}

Task<Result<auth::Principal>> authenticate(GatewayState& state, Context& context) {
  const Result<Credential> credential = read_credential(context.request, state.settings.query_token);
  if (!credential) co_return credential.error();
  if (credential->kind == Credential::Kind::token)
    co_return co_await context.authenticator.authenticate(credential->text);
  const std::optional<auth::Ticket> ticket =
      state.parts.tickets.take(credential->text, context.request.header("Origin"));
  if (!ticket) co_return Error(ErrorCode::invalid_token, "The ticket is unknown, used or too old.");
  co_return co_await context.authenticator.resume(ticket->user_id, ticket->session, ticket->token_expires_at);
}

Task<Response> open_socket(GatewayState& state, Context& context) {
  const http::Request& request = context.request;
  Result<Handshake> handshake = read_handshake(request);
  if (!handshake) co_return refuse(handshake.error(), context);
  if (is_foreign(state, request))
    co_return refuse(Error(ErrorCode::origin_not_allowed, "Pages of this origin may not connect."), context);
  if (const std::optional<Error> error = over_limits(state, context)) co_return refuse(*error, context);
  Result<auth::Principal> principal = co_await authenticate(state, context);
  if (!principal) co_return refuse(principal.error(), context);
  Result<hub::Roster::Admission> admission =
      state.parts.hub.roster().admit(principal->user_id(), request.peer, context.exempt);
  if (!admission) co_return refuse(admission.error(), context);

  Response response;
  response.takeover = std::make_unique<SessionTakeover>(state, context, std::move(*handshake),
                                                        std::move(*principal), std::move(*admission));
  co_return response;
}

}  // namespace

void add_socket_routes(Routes& routes) {
  routes.add(http::Method::get, "/ws", http::Access::guest, open_socket);
}

}  // namespace corohub::gateway
