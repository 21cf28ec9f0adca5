// GET /ws/echo: the WebSocket code under a mirror, for callers on this machine.
#include "core/log.hpp"
#include "gateway/echo.hpp"
#include "gateway/state.hpp"
#include "gateway/wire/upgrade.hpp"
#include "http/caller.hpp"

#include <utility>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

class EchoTakeover final : public http::Takeover {
 public:
  EchoTakeover(GatewayState& state, const Context& context, Upgrade upgrade)
      : settings_(state.echo_sockets),
        shard_(*state.parts.hub.shards()[context.shard]),
        outsiders_(state.reception.outsiders()),
        sockets_(state.sockets_open),
        upgrade_(std::move(upgrade)),
        request_id_(context.request.id) {}

  void take(Socket socket, std::string unread) noexcept override {
    try {
      const auto echo = std::make_shared<Echo>(shard_, outsiders_);
      WebSocketStart connection{.socket = std::move(socket),
                                .unread = std::move(unread),
                                .head = switching_protocols(upgrade_, request_id_),
                                .limited = false,
                                .deflate = !upgrade_.extensions.empty()};
      const WebSocketPlace place{settings_, shard_.wheel(), shard_.clock(), &sockets_};
      start_websocket(std::move(connection), place, echo->outbox(), echo);
    } catch (const std::exception& failure) {
      log::error("echo.not_started", {{"cause", failure.what()}});
    }
  }

 private:
  const WebSocketSettings& settings_;
  hub::Shard& shard_;
  Outsiders& outsiders_;
  std::atomic<std::size_t>& sockets_;
  Upgrade upgrade_;
  std::string request_id_;
};

Task<Response> open_echo(GatewayState& state, Context& context) {
  if (!http::is_local(context.request))
    co_return http::fail(Error(ErrorCode::not_found, "There is nothing here."), context);
  constexpr std::array<std::string_view, 2> subprotocols{"corohub.v1", ""};
  Result<Upgrade> upgrade = read_upgrade(context.request, subprotocols, state.settings.compression);
  if (!upgrade) {
    Response response = http::fail(upgrade.error(), context);
    if (upgrade.error().code == ErrorCode::upgrade_required)
      response.headers.push_back({"Upgrade", "websocket"});
    co_return response;
  }
  Response response;
  response.takeover = std::make_unique<EchoTakeover>(state, context, std::move(*upgrade));
  co_return response;
}

}  // namespace

void add_echo_route(Routes& routes) {
  routes.add(http::Method::get, "/ws/echo", http::Access::guest, open_echo);
}

}  // namespace corohub::gateway
