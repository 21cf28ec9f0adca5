#include "gateway/engineio_front_end.hpp"

#include "gateway/entrance.hpp"

namespace corohub::gateway {

std::size_t EngineioService::shards() const { return state_->desks.size(); }

Place EngineioService::place(std::size_t shard) const {
  hub::Shard& home = state_->desk(shard).shard;
  return {home.context(), home.wheel(), home.clock()};
}

bool EngineioService::allows_origin(const http::Request& request) const {
  return !is_foreign(*state_, request);
}

engineio::FrontEnd engineio_front_end(GatewayState& state, std::string prefix) {
  const SocketioSettings& settings = state.settings.socketio;
  engineio::FrontEnd front_end;
  front_end.prefix = std::move(prefix);
  front_end.sockets = &state.socketio_sockets;
  front_end.open_count = &state.sockets_open;
  front_end.links = {settings.ping_interval, settings.ping_timeout, settings.payload_bytes_max,
                     state.settings.outbox, state.socketio_sockets.rates};
  return front_end;
}

}  // namespace corohub::gateway
