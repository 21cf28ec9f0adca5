// Engine.IO under an address, with this server's settings. Safe from any shard's thread.
#pragma once

#include "gateway/engineio/routes.hpp"
#include "gateway/state.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

namespace corohub::gateway {

// What every service of Engine.IO here has in common. The state outlives the routes' requests.
class EngineioService : public engineio::Service {
 public:
  explicit EngineioService(std::shared_ptr<GatewayState> state) : state_(std::move(state)) {}

  std::size_t shards() const final;
  Place place(std::size_t shard) const final;
  bool allows_origin(const http::Request& request) const final;

 protected:
  GatewayState& state() const noexcept { return *state_; }

 private:
  const std::shared_ptr<GatewayState> state_;
};

// `prefix`: "/socket.io".
engineio::FrontEnd engineio_front_end(GatewayState& state, std::string prefix);

}  // namespace corohub::gateway
