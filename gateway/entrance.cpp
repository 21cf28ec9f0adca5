#include "gateway/entrance.hpp"

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

namespace {

Task<Result<auth::Principal>> find_principal(GatewayState& state, Context& context, bool query_token) {
  const Result<Credential> credential = read_credential(context.request, query_token);
  if (!credential) co_return credential.error();
  if (credential->kind == Credential::Kind::token)
    co_return co_await context.authenticator.authenticate(credential->text);
  const std::optional<auth::Ticket> ticket =
      state.parts.tickets.take(credential->text, context.request.header("Origin"));
  if (!ticket) co_return Error(ErrorCode::invalid_token, "The ticket is unknown, used or too old.");
  co_return co_await context.authenticator.resume(ticket->user_id, ticket->session, ticket->token_expires_at,
                                                  ticket->key_id);
}

}  // namespace

Task<Result<auth::Principal>> authenticate(GatewayState& state, Context& context, bool query_token) {
  Result<auth::Principal> principal = co_await find_principal(state, context, query_token);
  if (!principal) co_return principal;
  if (const Result<> rate = context.charge(principal->user_id()); !rate) co_return rate.error();
  co_return principal;
}

http::Response gap_response(const Context& context, const Position& head, std::string detail) {
  http::Response response = http::fail(Error(ErrorCode::gap, std::move(detail)), context);
  json::object body = json::parse(response.body).as_object();
  body["head"] = head.text();
  response.body = json::serialize(body);
  return std::move(response).at(head);
}

namespace {

// Where what is kept begins: of the log, and of each topic.
struct Floors {
  Seq log = 0;
  std::vector<Seq> topics;
};

Floors read_floors(storage::Snapshot& snapshot, const hub::TopicRules& rules,
                   const std::vector<std::string>& topics, UnixMs now) {
  Floors floors{eventlog::read_floor(snapshot), {}};
  for (const std::string& topic : topics)
    floors.topics.push_back(eventlog::read_topic_floor(snapshot, topic, *rules.find(topic), now));
  return floors;
}

}  // namespace

Task<Result<Beginning>> look_up(GatewayState& state, const Context& context, EventQuery events) {
  Beginning beginning;
  beginning.committed = state.parts.writer.committed_seq();
  beginning.exempt = context.exempt;
  const hub::Shard& shard = *state.parts.hub.shards()[context.shard];
  const bool ours = events.since && (events.since->epoch.empty() || events.since->epoch == state.parts.epoch);
  const bool beyond_tail = ours && events.since->seq < shard.tail().base();
  // What the tail has needs no floor, but each topic has its own.
  if (beyond_tail || (ours && !events.topics.empty())) {
    auto read = [&rules = state.parts.topic_rules, topics = events.topics,
                 now = state.parts.clock.unix_ms()](storage::Snapshot& snapshot) {
      return Result<Floors>(read_floors(snapshot, rules, topics, now));
    };
    Result<Floors> floors = co_await state.parts.readers.read(std::move(read));
    if (!floors) co_return floors.error();
    if (beyond_tail) beginning.floor = floors->log;
    beginning.topic_floors = std::move(floors->topics);
  }
  beginning.events = std::move(events);
  co_return beginning;
}

Result<> may_follow(const hub::TopicRules& rules, Role role, const std::vector<std::string>& topics) {
  for (const std::string& topic : topics) {
    if (rules.readable(topic, role) == nullptr)
      return Error(ErrorCode::forbidden, "You may not subscribe to " + topic + ".");
  }
  return {};
}

namespace {

std::optional<Error> over_rate(GatewayState& state, const Context& context, UserId user) {
  if (std::optional<Error> refusal = take(state.connects, context, "user:" + std::to_string(user)))
    return refusal;
  if (!take(state.connects_total, context, "all")) return std::nullopt;
  return Error(ErrorCode::overloaded, "Too many connections are being opened.");
}

}  // namespace

Task<Result<Admitted>> admit(GatewayState& state, Context& context, bool query_token, EventQuery events) {
  Result<auth::Principal> principal = co_await authenticate(state, context, query_token);
  if (!principal) {
    // Whoever proves to be nobody counts by his address, and by nothing that others need: so what neighbours
    // fail refuses nobody who does not.
    if (context.charged) co_return principal.error();
    const std::optional<Error> refusal = take(state.connects, context, auth::rate_key(context.request.peer));
    co_return refusal.value_or(principal.error());
  }
  const std::optional<Error> refusal = over_rate(state, context, principal->user_id());
  if (refusal) co_return *refusal;
  if (const Result<> may = may_follow(state.parts.topic_rules, principal->role(), events.topics); !may)
    co_return may.error();
  Result<hub::Roster::Admission> admission =
      state.parts.hub.roster().admit(principal->user_id(), context.request.peer, context.exempt);
  if (!admission) co_return admission.error();
  Result<Beginning> beginning = co_await look_up(state, context, std::move(events));
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
  return {*state.parts.hub.shards()[context.shard],
          context.authenticator,
          state.parts.readers,
          state.sessions,
          state.publishing,
          state.presence};
}

}  // namespace corohub::gateway
