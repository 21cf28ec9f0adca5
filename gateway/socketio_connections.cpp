#include "gateway/socketio_connections.hpp"

#include "gateway/credentials.hpp"
#include "gateway/engineio_front_end.hpp"
#include "gateway/entrance.hpp"
#include "gateway/socketio/admin.hpp"
#include "gateway/socketio/client.hpp"
#include "gateway/socketio/connection.hpp"
#include "gateway/socketio/root.hpp"
#include "gateway/socketio/testkit.hpp"
#include "http/caller.hpp"

#include <optional>
#include <string>
#include <utility>

namespace corohub::gateway {
namespace {

using http::Context;

class ConnectionGuest final : public engineio::Guest {
 public:
  ConnectionGuest(const Desk& desk, socketio::Namespaces& namespaces, socketio::Newcomer newcomer)
      : desk_(desk),
        namespaces_(namespaces),
        newcomer_(std::move(newcomer)),
        is_limited_(!newcomer_.exempt) {}

  std::shared_ptr<engineio::Listener> open() override {
    return std::make_shared<socketio::Connection>(desk_, namespaces_, std::move(newcomer_));
  }
  bool is_limited() const noexcept override { return is_limited_; }

 private:
  const Desk& desk_;
  socketio::Namespaces& namespaces_;
  socketio::Newcomer newcomer_;
  const bool is_limited_;
};

class Connections final : public EngineioService {
 public:
  using EngineioService::EngineioService;

  Task<Result<std::unique_ptr<engineio::Guest>>> admit(Context& context) override {
    if (std::optional<Error> error = over_limits(state(), context)) co_return *error;
    Result<std::string> credential = credential_in(context.request);
    if (!credential) co_return credential.error();
    Result<hub::Roster::Admission> place =
        state().reception.admit_stranger(context.request.peer, context.exempt);
    if (!place) co_return place.error();
    socketio::Newcomer newcomer;
    newcomer.place = std::move(*place);
    newcomer.address = context.request.peer;
    newcomer.exempt = context.exempt;
    newcomer.is_local = http::is_local(context.request);
    newcomer.credential = std::move(*credential);
    std::unique_ptr<engineio::Guest> guest = std::make_unique<ConnectionGuest>(
        state().desk(context.shard), *state().namespaces, std::move(newcomer));
    co_return guest;
  }

 private:
  // What CONNECT may leave to the handshake, which judges nothing. Empty: there is none.
  static Result<std::string> credential_in(const http::Request& request) {
    if (request.query_count("token") > 0 || request.query_count("ticket") > 0)
      return Error(ErrorCode::invalid_request,
                   "A credential stands in the packet CONNECT or in Authorization, not in the address.");
    Result<std::optional<Credential>> credential = credential_of(request, /*query_token=*/false);
    // A site's Basic authentication says nothing to a client that names itself later.
    if (!credential && credential.error().code == ErrorCode::invalid_token) return std::string();
    if (!credential) return credential.error();
    return *credential ? std::move((*credential)->text) : std::string();
  }
};

}  // namespace

std::unique_ptr<socketio::Namespaces> socketio_namespaces(GatewayState& state) {
  auto all = std::make_unique<socketio::Namespaces>(state.parts.keys, state.parts.clock, state.parts.writer,
                                                    state.settings.socketio.payload_bytes_max);
  const socketio::ServerParts parts{state.parts.hub, state.parts.writer, state.broadcasts,
                                    state.client_reports, state.draining};
  all->vocabularies.push_back(std::make_unique<socketio::Root>(state.settings.socketio.ping_interval));
  all->vocabularies.push_back(socketio::admin_vocabulary(parts));
  all->vocabularies.push_back(socketio::client_vocabulary(parts));
  if (state.settings.socketio.testkit) all->fixture = socketio::echo_namespaces();
  return all;
}

std::shared_ptr<engineio::Service> socketio_connections(std::shared_ptr<GatewayState> state) {
  return std::make_shared<Connections>(std::move(state));
}

}  // namespace corohub::gateway
