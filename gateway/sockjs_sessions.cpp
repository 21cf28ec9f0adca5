#include "gateway/sockjs_sessions.hpp"

#include "gateway/credentials.hpp"
#include "gateway/entrance.hpp"

#include <optional>
#include <utility>

namespace corohub::gateway {
namespace {

using http::Context;

// Whose a session is, as a number: a user's, or one below 0 for each key.
UserId owner_of(const hub::Identity& who) noexcept {
  if (!who.is_key()) return who.user_id;
  return -(2 * who.key->key_id + (who.key->client_id != 0 ? 1 : 0));
}

class SessionGuest final : public sockjs::Guest {
 public:
  SessionGuest(GatewayState& state, Dialect& (*dialect)(GatewayState&), Arrival arrival)
      : state_(state), dialect_(dialect), arrival_(std::move(arrival)) {}

  // The shard of the request has judged it; that of the session may not know the account yet.
  Task<> prepare(std::size_t shard) override {
    if (!arrival_.entrant) co_return;
    Result<Entrant> live = co_await know(state_.desk(shard), *arrival_.entrant);
    if (live) arrival_.entrant = std::move(*live);
  }

  sockjs::Listening open(std::size_t shard) override {
    const bool limited = !arrival_.exempt;
    const std::shared_ptr<Session> session =
        make_session(state_.desk(shard), dialect_(state_), std::move(arrival_));
    return {session, &session->outbox(), limited};
  }

 private:
  GatewayState& state_;
  Dialect& (*dialect_)(GatewayState&);
  Arrival arrival_;
};

class SockjsSessions final : public sockjs::Service {
 public:
  SockjsSessions(std::shared_ptr<GatewayState> state, Dialect& (*dialect)(GatewayState&))
      : state_(std::move(state)), dialect_(dialect) {}

  std::size_t shards() const override { return state_->desks.size(); }
  Place place(std::size_t shard) const override {
    hub::Shard& home = state_->desk(shard).shard;
    return {home.context(), home.wheel(), home.clock()};
  }

  bool allows_origin(const http::Request& request) const override { return !is_foreign(*state_, request); }

  // A ticket opens one connection, and a session takes many requests: so it is no credential here.
  Task<Result<UserId>> identify(Context& context) override {
    const Result<std::optional<Credential>> credential = credential_in(context);
    if (!credential) co_return credential.error();
    if (!*credential) co_return UserId{0};
    const Result<Entrant> entrant = co_await find_entrant(state_->desk(context.shard), (*credential)->text);
    if (entrant) co_return owner_of(entrant->identity());
    co_return state_->reception.count_failure(context.request.peer, context.exempt).value_or(entrant.error());
  }

  Task<Result<std::unique_ptr<sockjs::Guest>>> admit(Context& context) override {
    if (std::optional<Error> error = over_limits(*state_, context)) co_return *error;
    Result<Arrival> arrival =
        co_await gateway::admit(*state_, context, state_->settings.query_token, Credentials::optional, {});
    if (!arrival) co_return arrival.error();
    std::unique_ptr<sockjs::Guest> guest =
        std::make_unique<SessionGuest>(*state_, dialect_, std::move(*arrival));
    co_return guest;
  }

 private:
  Result<std::optional<Credential>> credential_in(const Context& context) const {
    Result<std::optional<Credential>> credential =
        credential_of(context.request, state_->settings.query_token);
    const bool foreign_scheme = !credential && credential.error().code == ErrorCode::invalid_token;
    if (foreign_scheme) return std::optional<Credential>();
    if (credential && *credential && (*credential)->kind == Credential::Kind::ticket)
      return Error(ErrorCode::invalid_token, "A ticket is for one connection; SockJS takes a token.");
    return credential;
  }

  const std::shared_ptr<GatewayState> state_;
  Dialect& (*const dialect_)(GatewayState&);
};

}  // namespace

std::shared_ptr<sockjs::Service> sockjs_sessions(std::shared_ptr<GatewayState> state,
                                                 Dialect& (*dialect)(GatewayState&)) {
  return std::make_shared<SockjsSessions>(std::move(state), dialect);
}

}  // namespace corohub::gateway
