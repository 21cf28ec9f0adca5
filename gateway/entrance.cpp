#include "gateway/entrance.hpp"

#include <utility>

namespace corohub::gateway {

using http::Context;

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

Task<Result<auth::Principal>> authenticate(GatewayState& state, Context& context, bool query_token) {
  const Result<Credential> credential = read_credential(context.request, query_token);
  if (!credential) co_return credential.error();
  if (credential->kind == Credential::Kind::token)
    co_return co_await context.authenticator.authenticate(credential->text);
  const std::optional<auth::Ticket> ticket =
      state.parts.tickets.take(credential->text, context.request.header("Origin"));
  if (!ticket) co_return Error(ErrorCode::invalid_token, "The ticket is unknown, used or too old.");
  co_return co_await context.authenticator.resume(ticket->user_id, ticket->session, ticket->token_expires_at);
}

Task<Result<Beginning>> look_up(GatewayState& state, const Context& context, std::optional<Position> since,
                                std::vector<std::string> types) {
  Beginning beginning;
  beginning.types = std::move(types);
  beginning.committed = state.parts.writer.committed_seq();
  const hub::Shard& shard = *state.parts.hub.shards()[context.shard];
  // What the tail has needs no floor.
  const bool beyond_tail = since && (since->epoch.empty() || since->epoch == state.parts.epoch) &&
                           since->seq < shard.tail().base();
  beginning.since = std::move(since);
  if (beyond_tail) {
    const auto read = [](storage::Snapshot& snapshot) { return Result<Seq>(eventlog::read_floor(snapshot)); };
    const Result<Seq> floor = co_await state.parts.readers.read(read);
    if (!floor) co_return floor.error();
    beginning.floor = *floor;
  }
  co_return beginning;
}

Task<Result<Admitted>> admit(GatewayState& state, Context& context, bool query_token,
                             std::optional<Position> since, std::vector<std::string> types) {
  Result<auth::Principal> principal = co_await authenticate(state, context, query_token);
  if (!principal) co_return principal.error();
  Result<hub::Roster::Admission> admission =
      state.parts.hub.roster().admit(principal->user_id(), context.request.peer, context.exempt);
  if (!admission) co_return admission.error();
  Result<Beginning> beginning = co_await look_up(state, context, std::move(since), std::move(types));
  if (!beginning) co_return beginning.error();
  co_return Admitted{std::move(*principal), std::move(*admission), std::move(*beginning)};
}

std::shared_ptr<Session> make_session(const SessionPlace& place, Admitted admitted,
                                      const boost::asio::ip::address& address) {
  const Result<auth::Principal> live = place.authenticator.check_again(admitted.principal);
  return std::make_shared<Session>(place, live ? &*live : nullptr, std::move(admitted.admission), address,
                                   std::move(admitted.beginning));
}

SessionPlace place_of(GatewayState& state, const Context& context) {
  return {*state.parts.hub.shards()[context.shard], context.authenticator, state.parts.readers,
          state.sessions, state.publishing};
}

}  // namespace corohub::gateway
