// GET /ofrep/v1/events: a stream of what is to be asked for again.
#include "core/log.hpp"
#include "gateway/ofrep/place.hpp"
#include "gateway/ofrep/state.hpp"

#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace corohub::gateway::ofrep {
namespace {

using http::Response;

class StreamTakeover final : public http::Takeover {
 public:
  StreamTakeover(State& state, const http::Context& context, StreamStart start)
      : state_(state), shard_(context.shard), http11_(context.request.http11), start_(std::move(start)) {}

  void begin_with(std::string head) override { head_ = std::move(head); }

  void take(Socket socket, std::string /*unread*/) noexcept override {
    try {
      Streams& streams = state_.streams(shard_);
      hub::Shard& shard = streams.desk().shard;
      const auto stream = std::make_shared<EvaluationStream>(streams, std::move(start_));
      start_event_stream({.socket = std::move(socket), .head = std::move(head_), .chunked = http11_},
                         {state_.parts.streams, shard.wheel(), shard.clock()}, stream->outbox(), stream);
    } catch (const std::exception& failure) {
      log::error("ofrep.stream_not_started", {{"cause", failure.what()}});
    }
  }

 private:
  State& state_;
  const std::size_t shard_;
  const bool http11_;
  StreamStart start_;
  std::string head_;
};

Task<Result<Caller>> caller_of(State& state, http::Context& context, const StreamGrant& grant,
                               const std::string& key_id) {
  const Desk& desk = state.shards[context.shard]->desk;
  switch (grant.kind) {
    case flags::Viewer::Kind::user: {
      Result<auth::Principal> principal =
          co_await context.authenticator.resume(grant.id, grant.session, grant.expires_at, key_id);
      if (!principal) co_return principal.error();
      co_return Caller::of(std::move(*principal));
    }
    case flags::Viewer::Kind::service: {
      Result<users::ServiceKeyRef> key = co_await desk.service_keys.get(users::ServiceKeyId(grant.id));
      if (!key) co_return key.error();
      Caller caller = Caller::of(std::move(*key));
      if (grant.client_id != 0) caller.ask_for(grant.client_id);
      co_return caller;
    }
    case flags::Viewer::Kind::client: {
      Result<flags::ClientKeyRef> key = co_await desk.client_keys.get(flags::ClientKeyId(grant.id));
      if (!key) co_return key.error();
      co_return Caller::of(std::move(*key));
    }
    case flags::Viewer::Kind::guest:
      break;
  }
  co_return Caller::guest();
}

// Where its reader stands: by what its browser has heard, else by what it has evaluated. A text that is no
// position is of a log that is not ours. What the browser has heard says nothing of environment, role and
// client.
Evaluated known_of(const http::Request& request, Evaluated evaluated) {
  if (!request.has("last-event-id")) return evaluated;
  const Result<Position> heard = parse_position(request.header("last-event-id"));
  evaluated.revision = heard ? *heard : Position();
  return evaluated;
}

Task<Result<StreamStart>> admit(State& state, http::Context& context) {
  ShardState& here = *state.shards[context.shard];
  if (state.parts.draining.load(std::memory_order_relaxed))
    co_return Error(ErrorCode::draining, "The server is shutting down.");
  const std::optional<std::string_view> token = context.request.query_value("t");
  std::string key_id;
  Result<StreamGrant> grant = Error(ErrorCode::unauthorized, "This needs the address that a bulk names.");
  if (token) grant = here.tokens.read(*token, key_id);
  Result<Caller> caller = Caller::guest();
  if (grant) caller = co_await caller_of(state, context, *grant, key_id);
  if (!grant || !caller) {
    const Error error = grant ? caller.error() : grant.error();
    co_return here.desk.reception.count_failure(context.request.peer, context.exempt).value_or(error);
  }
  if (const Result<Place> place = find_place(here.desk.flags, *caller, grant->place); !place)
    co_return place.error();
  Result<hub::Roster::Admission> room =
      caller->principal
          ? here.desk.reception.admit(caller->viewer.user_id, context.request.peer, context.exempt)
          : here.desk.reception.admit_nobody(context.request.peer, context.exempt);
  if (!room) co_return room.error();
  if (caller->viewer.kind == flags::Viewer::Kind::guest)
    if (const Result<> guest = room->become_guest(context.exempt); !guest) co_return guest.error();
  if (caller->principal) context.charged = caller->viewer.user_id;  // for the log
  const std::uint64_t keys_ended = state.streams(context.shard).keys_ended(*caller);
  co_return StreamStart{.caller = std::move(*caller),
                        .place = std::move(grant->place),
                        .known = known_of(context.request, std::move(grant->evaluated)),
                        .keys_ended = keys_ended,
                        .admission = std::move(*room),
                        .address = context.request.peer};
}

Task<Response> open_stream(State& state, http::Context& context) {
  Result<StreamStart> start = co_await admit(state, context);
  if (!start) co_return refuse(start.error(), context.request);
  Response response;
  response.content_type = "text/event-stream";
  // Nothing in between must wait for more: neither to pass it on, nor to compress it.
  response.headers.push_back({"X-Accel-Buffering", "no"});
  response.headers.push_back({"Cache-Control", "no-store, no-transform"});
  response.streamed = true;
  if (context.request.method == http::Method::head) co_return response;  // all is judged, nothing begins
  response.takeover = std::make_unique<StreamTakeover>(state, context, std::move(*start));
  co_return response;
}

}  // namespace

void add_stream_route(http::Router& router, const std::shared_ptr<State>& state) {
  http::RouteOptions options;
  options.problem = refuse;
  router.add(
      http::Method::get, "/ofrep/v1/events", http::Access::probe,
      [state](http::Context& context) { return open_stream(*state, context); }, {}, std::move(options));
}

}  // namespace corohub::gateway::ofrep
