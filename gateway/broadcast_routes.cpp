// GET /ws/stats and POST /ws/broadcast.
#include "gateway/session/broadcast.hpp"
#include "gateway/state.hpp"

#include <utility>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

json::object stats_of(const hub::RosterCounts& counts) {
  json::object by_role;
  for (std::size_t i = 0; i < role_count; ++i) by_role[name(static_cast<Role>(i))] = counts.by_role[i];
  json::object stats;
  stats["total_clients"] = counts.total;
  stats["by_role"] = std::move(by_role);
  return stats;
}

std::string key_of(const Context& context) { return std::to_string(context.principal->user_id()); }

Task<Response> get_stats(GatewayState& state, Context& context) {
  if (const std::optional<Error> error = take(state.stats, context, key_of(context)))
    co_return http::fail(*error, context);
  json::object stats = stats_of(state.parts.hub.roster().counts());
  stats["timestamp"] = rfc3339(state.parts.clock.unix_ms());
  co_return http::document(stats);
}

Task<Response> broadcast(GatewayState& state, Context& context) {
  if (const std::optional<Error> error = take(state.broadcasts, context, key_of(context)))
    co_return http::fail(*error, context);
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return http::fail(body.error(), context);
  const Result<Broadcast> asked = read_broadcast(*body, context.request.body);
  if (!asked) co_return http::fail(asked.error(), context);
  users::Caller caller;
  caller.user_id = context.principal->user_id();
  caller.ip = context.request.peer.to_string();
  caller.request_id = context.request.id;
  BroadcastUnit unit(*asked, std::move(caller));
  const auto done = co_await state.parts.writer.commit(std::move(unit), context.request.body.size());
  if (!done) co_return http::fail(done.error(), context);

  json::object answer;
  answer["success"] = true;
  answer["message"] = "Broadcast sent successfully";
  answer["recipients"] = done->reached;
  answer["seq"] = done->seq;
  answer["stats"] = stats_of(state.parts.hub.roster().counts());
  co_return http::document(answer).at({state.parts.epoch, done->seq});
}

}  // namespace

void add_broadcast_routes(Routes& routes) {
  routes.add(http::Method::get, "/ws/stats", http::Access::admin, get_stats);
  routes.add(http::Method::post, "/ws/broadcast", http::Access::admin, broadcast);
}

}  // namespace corohub::gateway
