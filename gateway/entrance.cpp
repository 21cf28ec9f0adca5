#include "gateway/entrance.hpp"

#include "gateway/credentials.hpp"
#include "http/caller.hpp"

#include <utility>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::gateway {

using http::Context;

std::optional<Error> over_limits(GatewayState& state, const Context& context) {
  if (state.draining.load(std::memory_order_relaxed))
    return Error(ErrorCode::draining, "The server is shutting down.");
  // A place for nobody, given back at once: the address and the server have room, whoever it is.
  const auto room = state.parts.hub.roster().admit(0, context.request.peer, context.exempt);
  if (!room) return room.error();
  return std::nullopt;
}

bool is_foreign(const GatewayState& state, const http::Request& request) {
  if (!request.has("Origin")) return false;
  const std::string_view origin = request.header("Origin");
  const std::string_view at_proxy = http::forwarded_host(request);
  const bool local = http::is_local(request);
  return !origin_allowed(origin, request.header("Host"), state.origins, local) &&
         (at_proxy.empty() || !origin_allowed(origin, at_proxy, state.origins, local));
}

namespace {

Task<Result<Entrant>> find(GatewayState& state, Context& context, const Credential& credential) {
  const Desk& desk = state.desk(context.shard);
  if (credential.kind == Credential::Kind::token) co_return co_await find_entrant(desk, credential.text);
  const std::optional<auth::Ticket> ticket =
      state.parts.tickets.take(credential.text, context.request.header("Origin"));
  if (!ticket) co_return Error(ErrorCode::invalid_token, "The ticket is unknown, used or too old.");
  Result<auth::Principal> principal = co_await context.authenticator.resume(
      ticket->user_id, ticket->session, ticket->token_expires_at, ticket->key_id);
  if (!principal) co_return principal.error();
  co_return Entrant(std::move(*principal));
}

Task<Result<Entrant>> authenticate(GatewayState& state, Context& context, const Credential& credential) {
  Result<Entrant> entrant = co_await find(state, context, credential);
  if (!entrant) co_return entrant;
  const Result<> rate =
      entrant->identity().is_key() ? context.charge_address() : context.charge(entrant->user_id());
  if (!rate) co_return rate.error();
  co_return entrant;
}

Error no_credential() {
  return Error(ErrorCode::unauthorized, "This needs an access token, a key or a ticket.");
}

}  // namespace

Task<Result<Entrant>> authenticate(GatewayState& state, Context& context, bool query_token) {
  const Result<std::optional<Credential>> credential = credential_of(context.request, query_token);
  if (!credential) co_return credential.error();
  if (!*credential) co_return no_credential();
  co_return co_await authenticate(state, context, **credential);
}

http::Response gap_response(const Context& context, const Position& head, std::string detail) {
  http::Response response = http::fail(Error(ErrorCode::gap, std::move(detail)), context);
  json::object body = json::parse(response.body).as_object();
  body["head"] = head.text();
  response.body = json::serialize(body);
  return std::move(response).at(head);
}

Result<> may_follow(const TopicRights& rights, const hub::Identity& who,
                    const std::vector<std::string>& topics) {
  for (const std::string& topic : topics) {
    if (rights.readable(topic, who) == nullptr)
      return Error(ErrorCode::forbidden, "You may not subscribe to " + topic + ".");
  }
  return {};
}

namespace {

// Whoever proves to be nobody counts by its address, and by nothing that others need: so what neighbours fail
// refuses nobody who does not.
Error failure_of(GatewayState& state, const Context& context, const Error& error) {
  if (context.charged || context.spared) return error;
  return state.reception.count_failure(context.request.peer, context.exempt).value_or(error);
}

Result<Arrival> admit_stranger(GatewayState& state, const Context& context) {
  Result<hub::Roster::Admission> place = state.reception.admit_stranger(context.request.peer, context.exempt);
  if (!place) return place.error();
  return Arrival{.admission = std::move(*place),
                 .address = context.request.peer,
                 .exempt = context.exempt,
                 .may_identify = true};
}

}  // namespace

Task<Result<Arrival>> admit(GatewayState& state, Context& context, bool query_token, Credentials credentials,
                            EventQuery events) {
  const bool optional = credentials == Credentials::optional;
  const Result<std::optional<Credential>> credential = credential_of(context.request, query_token);
  // A site's Basic authentication says nothing to a client that names itself later.
  const bool none = credential ? !*credential : credential.error().code == ErrorCode::invalid_token;
  if (optional && none) co_return admit_stranger(state, context);
  if (!credential) co_return failure_of(state, context, credential.error());
  if (!*credential) co_return failure_of(state, context, no_credential());
  Result<Entrant> entrant = co_await authenticate(state, context, **credential);
  if (!entrant) co_return failure_of(state, context, entrant.error());
  Arrival arrival{.admission = {}, .address = context.request.peer, .exempt = context.exempt};
  const TopicRights& rights = state.desk(context.shard).topics;
  if (const Result<> may = may_follow(rights, entrant->identity(), events.topics); !may)
    co_return may.error();
  Result<hub::Roster::Admission> place =
      place_for(state.reception, *entrant, context.request.peer, context.exempt);
  if (!place) co_return place.error();
  arrival.admission = std::move(*place);
  Result<Beginning> beginning =
      co_await look_up(state.desk(context.shard), state.parts.writer.committed_seq(), std::move(events));
  if (!beginning) co_return beginning.error();
  arrival.beginning = std::move(*beginning);
  arrival.entrant = std::move(*entrant);
  co_return arrival;
}

}  // namespace corohub::gateway
