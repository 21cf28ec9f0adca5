// GET /api/v1/events/stream: server-sent events, through the same session as a WebSocket.
#include "core/log.hpp"
#include "gateway/entrance.hpp"
#include "gateway/session/event_query.hpp"
#include "gateway/wire/event_stream.hpp"

#include <utility>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

class StreamTakeover final : public http::Takeover {
 public:
  StreamTakeover(GatewayState& state, const Context& context, Admitted admitted)
      : state_(state),
        place_(place_of(state, context)),
        admitted_(std::move(admitted)),
        address_(context.request.peer),
        chunked_(context.request.http11) {}

  void begin_with(std::string head) override { head_ = std::move(head); }

  void take(Socket socket, std::string) noexcept override {
    try {
      const std::shared_ptr<Session> session = make_session(place_, std::move(admitted_), address_);
      const EventStreamPlace stream_place{state_.streams, place_.shard.wheel(), place_.shard.clock()};
      EventStreamStart start{.socket = std::move(socket), .head = std::move(head_), .chunked = chunked_};
      start_event_stream(std::move(start), stream_place, session->outbox(), session);
    } catch (const std::exception& failure) {
      log::error("stream.not_started", {{"cause", failure.what()}});
    }
  }

 private:
  GatewayState& state_;
  SessionPlace place_;
  Admitted admitted_;
  boost::asio::ip::address address_;
  std::string head_;
  bool chunked_;
};

Task<Response> open_stream(GatewayState& state, Context& context) {
  const http::Request& request = context.request;
  Result<EventQuery> events = read_stream_query(request);
  if (!events) co_return http::fail(events.error(), context);
  if (const std::optional<Error> error = over_limits(state, context)) co_return http::fail(*error, context);
  Result<Admitted> admitted = co_await admit(state, context, false, std::move(*events));
  if (!admitted) co_return http::fail(admitted.error(), context);

  Response response;
  response.content_type = "text/event-stream";
  // Nothing in between must wait for more: neither to pass it on, nor to compress it.
  response.headers.push_back({"X-Accel-Buffering", "no"});
  response.headers.push_back({"Cache-Control", "no-store, no-transform"});
  response.streamed = true;
  if (request.method == http::Method::head) co_return response;  // all is judged, and nothing begins
  response.takeover = std::make_unique<StreamTakeover>(state, context, std::move(*admitted));
  co_return response;
}

}  // namespace

void add_stream_route(Routes& routes) {
  routes.add(http::Method::get, "/api/v1/events/stream", http::Access::holder, open_stream);
}

}  // namespace corohub::gateway
