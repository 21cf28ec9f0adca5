// POST /ofrep/v1/evaluate/flags and /ofrep/v1/evaluate/flags/{key}.
#include "flags/preconditions.hpp"
#include "gateway/ofrep/place.hpp"
#include "gateway/ofrep/state.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace corohub::gateway::ofrep {
namespace {

using http::Response;

// Answers a caller, whose request is paid for; a service may come to ask for a client.
using Answer = Response (*)(State&, http::Context&, Caller&);

// ---- who asks, and how often ----

Response refused(const State& state, const Error& error, const http::Context& context) {
  state.counts.add(Outcome::refused);
  return refuse(error, context.request);
}

std::optional<Error> over_rate(auth::RateLimiter& limiter, const http::Context& context,
                               std::string_view key) {
  if (context.exempt) return std::nullopt;
  return limiter.take(key).refusal("Too many requests for evaluations.");
}

std::optional<Error> over_failures(State& state, const http::Context& context) {
  return over_rate(state.failures, context, auth::rate_key(context.request.peer));
}

std::optional<Error> over_rate(State& state, const http::Context& context, const Caller& caller) {
  if (caller.key) return over_rate(state.service_requests, context, std::to_string(caller.key->id));
  if (caller.principal)
    return over_rate(state.requests, context, "user:" + std::to_string(caller.viewer.user_id));
  return over_rate(state.requests, context, auth::rate_key(context.request.peer));
}

Response answer_to(State& state, http::Context& context, Caller& caller, Answer answer) {
  if (caller.principal) context.charged = caller.viewer.user_id;  // for the log
  if (const std::optional<Error> error = over_rate(state, context, caller))
    return refused(state, *error, context);
  return answer(state, context, caller);
}

// Whoever proves to be nobody pays by its address, and takes nothing from those who are somebody there.
Response answer_to(State& state, http::Context& context, Result<Caller> caller, Answer answer) {
  if (caller) return answer_to(state, context, *caller, answer);
  const std::optional<Error> over = over_failures(state, context);
  return refused(state, over.value_or(caller.error()), context);
}

// Nothing: the cache does not know the key.
template <class Cache>
std::optional<Result<Caller>> find_holder(Cache& cache, std::string_view key) {
  auto found = cache.find(key);
  if (!found) return std::nullopt;
  return Caller::of(std::move(found));
}

template <class Cache>
Task<Result<Caller>> read_holder(Cache& cache, std::string_view key) {
  auto found = co_await cache.get(std::string(key));
  if (!found) co_return found.error();
  co_return Caller::of(std::move(*found));
}

// Nothing: storage has to be asked.
std::optional<Result<Caller>> find_caller(State& state, http::Context& context,
                                          const Credential& credential) {
  const Desk& desk = state.shards[context.shard]->desk;
  if (credential.kind == Credential::Kind::none) return Caller::guest();
  if (credential.kind == Credential::Kind::service_key)
    return find_holder(desk.service_keys, credential.text);
  if (credential.kind == Credential::Kind::client_key) return find_holder(desk.client_keys, credential.text);
  auth::KnownToken unknown;
  std::optional<Result<auth::Principal>> principal =
      context.authenticator.authenticate_now(credential.text, unknown);
  if (!principal) return std::nullopt;
  if (!*principal) return principal->error();
  return Caller::of(std::move(**principal));
}

bool was_good(const Desk& desk, const Credential& credential) {
  if (credential.kind == Credential::Kind::service_key) return desk.service_keys.was_good(credential.text);
  return credential.kind == Credential::Kind::client_key && desk.client_keys.was_good(credential.text);
}

Task<Result<Caller>> read_caller(State& state, http::Context& context, const Credential& credential) {
  const Desk& desk = state.shards[context.shard]->desk;
  if (credential.kind == Credential::Kind::service_key)
    co_return co_await read_holder(desk.service_keys, credential.text);
  if (credential.kind == Credential::Kind::client_key)
    co_return co_await read_holder(desk.client_keys, credential.text);
  Result<auth::Principal> principal = co_await context.authenticator.authenticate(credential.text);
  if (!principal) co_return principal.error();
  co_return Caller::of(std::move(*principal));
}

std::optional<Response> answer_now(State& state, http::Context& context, Answer answer) {
  const Result<Credential> credential = credential_of(context.request);
  if (!credential) return answer_to(state, context, Result<Caller>(credential.error()), answer);
  std::optional<Result<Caller>> caller = find_caller(state, context, *credential);
  if (!caller) return std::nullopt;
  return answer_to(state, context, std::move(*caller), answer);
}

// A look into storage is paid for before it is done, and given back to those who are somebody. A key that was
// good is looked at again for nothing, so that others at its address do not shut it out.
Task<Response> answer_later(State& state, http::Context& context, Answer answer) {
  std::optional<Response> at_once = answer_now(state, context, answer);
  if (at_once) co_return std::move(*at_once);
  const Result<Credential> credential = credential_of(context.request);
  const bool known = was_good(state.shards[context.shard]->desk, *credential);
  if (!known)
    if (const std::optional<Error> error = over_failures(state, context))
      co_return refused(state, *error, context);
  Result<Caller> caller = co_await read_caller(state, context, *credential);
  if (!caller) co_return refused(state, caller.error(), context);
  if (!known && !context.exempt) state.failures.give_back(auth::rate_key(context.request.peer));
  co_return answer_to(state, context, std::move(caller), answer);
}

// ---- what is asked ----

const flags::Directory& directory_of(const State& state, const http::Context& context) {
  return state.shards[context.shard]->desk.flags;
}

// Only a service may ask for a client.
Result<Place> place_for(const State& state, const http::Context& context, Caller& caller,
                        const PlaceName& name) {
  const flags::Directory& directory = directory_of(state, context);
  if (caller.key && context.request.has("x-corohub-client"))
    if (const Result<> client =
            ask_for_client(directory, caller, name.name_space, context.request.header("x-corohub-client"));
        !client)
      return client.error();
  return find_place(directory, caller, name);
}

// From the position on, whoever follows events hears of all that changes what is answered here. A change is
// known to the shard before the events that it makes.
Response at(const State& state, const http::Context& context, const Place& place, Response response) {
  const Seq head = state.shards[context.shard]->desk.shard.head();
  return std::move(response).at({state.parts.epoch, std::max(head, place.environment.revision)});
}

Response bad_context(const State& state, const Error& error, std::string_view key) {
  state.counts.add(Outcome::invalid_context);
  return invalid_context(error, key);
}

Response one_flag(State& state, http::Context& context, Caller& caller) {
  const PlaceName name = place_of(context.request, directory_of(state, context), caller);
  const Result<Place> place = place_for(state, context, caller, name);
  if (!place) return refused(state, place.error(), context);
  const std::string_view key = context.param("key");
  Result<flags::Context> asked = read_context(context.request.body);
  if (!asked) return bad_context(state, asked.error(), key);
  const flags::Flag* flag = place->environment.find(key);
  if (flag != nullptr && !place->who.sees(*flag)) flag = nullptr;
  asked->set_caller(place->who, place->environment.key);
  ReasonCounts reasons{};
  Response response = flag_answer(place->who, place->environment, *asked, flag, key,
                                  state.parts.clock.unix_ms() / 1000, reasons);
  state.counts.add(reasons);
  state.counts.add(flag == nullptr          ? Outcome::flag_not_found
                   : response.status == 400 ? Outcome::evaluation_error
                                            : Outcome::ok);
  return at(state, context, *place, std::move(response));
}

Response all_flags(State& state, http::Context& context, Caller& caller) {
  const PlaceName name = place_of(context.request, directory_of(state, context), caller);
  const Result<Place> place = place_for(state, context, caller, name);
  if (!place) return refused(state, place.error(), context);
  const flags::Environment& environment = place->environment;
  Result<flags::Context> asked = read_context(context.request.body);
  if (!asked) return bad_context(state, asked.error(), {});
  asked->set_caller(place->who, environment.key);

  const UnixMs now = state.parts.clock.unix_ms();
  const std::int64_t ttl_s = state.settings.stream_token_ttl.count();
  StreamTokens& tokens = state.shards[context.shard]->tokens;
  ReasonCounts reasons{};
  std::string items;
  const auto evaluate = [&] {
    items = flag_items(place->who, environment, *asked, now / 1000, reasons);
    state.counts.add(reasons);
  };
  // What a rule finds out of the time is in no context.
  const bool by_time = environment.reads_time();
  if (by_time) evaluate();

  // All that the answer follows from: the stream's token is good for one login, and as long as its key.
  std::string of = caller.text();
  of.append("\n").append(state.parts.epoch).append("\n").append(tokens.key_id());
  of.append("\n").append(place->name_space().key).append("/").append(environment.key).append("\n");
  std::string client = client_text(place->who);
  of.append(client).append("\n");
  of.append(by_time ? items : asked->canonical());
  std::string tag = bulk_tag(environment.revision, of, now / (ttl_s * 500));
  if (flags::is_known(context.request, tag)) {
    state.counts.add(Outcome::not_modified);
    return at(state, context, *place, flags::not_modified(std::move(tag)));
  }
  if (!by_time) evaluate();

  StreamGrant grant = StreamGrant::to(caller);
  grant.place = name;
  grant.evaluated = {
      {state.parts.epoch, environment.revision}, environment.key, caller.viewer.role, std::move(client)};
  grant.expires_at = now / 1000 + ttl_s;
  Response response;
  response.body = bulk_body(place->name_space(), environment, items, tokens.issue(grant));
  state.counts.add(Outcome::ok);
  return at(state, context, *place, std::move(response).with("ETag", std::move(tag)));
}

void add(http::Router& router, const std::shared_ptr<State>& state, std::string pattern, Answer answer) {
  http::RouteOptions options;
  options.body_max = body_bytes_max;
  options.problem = refuse;
  // Credentials and rates are for the handler.
  router.add(
      http::Method::post, std::move(pattern), http::Access::probe,
      [state, answer](http::Context& context) { return answer_later(*state, context, answer); },
      [state, answer](http::Context& context) { return answer_now(*state, context, answer); },
      std::move(options));
}

}  // namespace

void add_evaluation_routes(http::Router& router, const std::shared_ptr<State>& state) {
  add(router, state, "/ofrep/v1/evaluate/flags", all_flags);
  add(router, state, "/ofrep/v1/evaluate/flags/{key}", one_flag);
}

}  // namespace corohub::gateway::ofrep
