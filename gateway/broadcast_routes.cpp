// GET /ws/stats and POST /ws/broadcast.
#include "gateway/audit.hpp"
#include "gateway/session/raw_json.hpp"
#include "gateway/state.hpp"
#include "http/fields.hpp"

#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

constexpr std::size_t message_characters_max = 4096;
constexpr std::size_t metadata_bytes_max = 8192;
constexpr std::size_t metadata_nesting_max = 8;
constexpr UserId user_id_max = UserId{1} << 53;  // what every JSON reader can hold

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

// ---- broadcast ----

struct Broadcast {
  std::string message;
  std::string_view priority = "normal";
  std::optional<std::string> metadata;  // JSON text as it was given
  hub::Audience audience = hub::Audience::everyone();
  std::optional<UserId> user;  // the only one it goes to
  std::optional<Role> role;    // the only ones it goes to
};

// Containers inside each other.
std::size_t nesting(const json::value& value) noexcept {
  std::size_t deepest = 0;
  if (const json::object* object = value.if_object())
    for (const auto& member : *object) deepest = std::max(deepest, nesting(member.value()));
  if (const json::array* array = value.if_array())
    for (const json::value& element : *array) deepest = std::max(deepest, nesting(element));
  return value.is_structured() ? deepest + 1 : 0;
}

void read_metadata(http::Fields& fields, const std::string& body, Broadcast& broadcast) {
  const json::object* metadata = fields.object("metadata");
  if (metadata == nullptr) return;
  broadcast.metadata = raw_member(body, "metadata");
  if (broadcast.metadata->size() > metadata_bytes_max)
    fields.refuse("metadata", "too_large", "Must have at most 8192 bytes.");
  else if (nesting(*metadata) > metadata_nesting_max)
    fields.refuse("metadata", "too_deep", "Must not nest deeper than 8.");
}

void read_recipients(http::Fields& fields, Broadcast& broadcast) {
  const json::object* to = fields.object("to");
  if (to == nullptr) return;
  if (to->contains("user_id") == to->contains("role"))
    return fields.refuse("to", "invalid_value", "Must have exactly one of user_id and role.");
  http::Fields nested(*to, "/to");
  broadcast.user = nested.integer("user_id", 1, user_id_max);
  if (const auto word = nested.one_of("role", {"user", "admin", "superadmin"}))
    broadcast.role = parse_role(*word);
  if (broadcast.user) broadcast.audience = hub::Audience::user(*broadcast.user);
  if (broadcast.role) broadcast.audience = hub::Audience::exactly(*broadcast.role);
  fields.merge(std::move(nested));
}

Result<Broadcast> read_broadcast(const http::Request& request) {
  const Result<json::object> body = request.json_object();
  if (!body) return body.error();
  http::Fields fields(*body);
  Broadcast broadcast;
  broadcast.message =
      fields.required_text("message", {.min = 1, .max = message_characters_max, .controls = true});
  broadcast.priority = fields.one_of("priority", {"low", "normal", "high", "critical"}).value_or("normal");
  read_metadata(fields, request.body, broadcast);
  read_recipients(fields, broadcast);
  if (const Result<> checked = fields.result(); !checked) return checked.error();
  return broadcast;
}

hub::EventDraft alert_of(const Broadcast& broadcast, UserId sender) {
  std::string data = R"({"message":)" + json::serialize(json::string(broadcast.message));
  data += R"(,"priority":")";
  data += broadcast.priority;
  data += '"';
  if (broadcast.metadata) data += R"(,"metadata":)" + *broadcast.metadata;
  data += R"(,"sent_by":)" + std::to_string(sender) + "}";
  hub::EventDraft alert{"system.alert", std::move(data), broadcast.audience};
  // Guests and keys are in no audience: they hear it where they listen to the server.
  if (alert.audience == hub::Audience::everyone()) alert.also = hub::server_status_topic;
  return alert;
}

json::object audit_detail(const Broadcast& broadcast) {
  json::object detail;
  detail["priority"] = broadcast.priority;
  if (broadcast.role) detail["role"] = name(*broadcast.role);
  return detail;
}

// On the writer's thread: the right, the trail, the event.
class BroadcastUnit {
 public:
  BroadcastUnit(hub::EventDraft alert, AuditRow audit) : alert_(std::move(alert)), audit_(std::move(audit)) {}

  Result<storage::Nothing> operator()(storage::UnitOfWork& work) {
    const Result<Role> role = live_admin(work, audit_.actor);
    if (!role) return role.error();
    audit_.detail["seq"] = eventlog::append(work, std::move(alert_));
    record(work, audit_);
    return storage::Nothing{};
  }

 private:
  hub::EventDraft alert_;
  AuditRow audit_;
};

Task<Response> broadcast(GatewayState& state, Context& context) {
  if (const std::optional<Error> error = take(state.broadcasts, context, key_of(context)))
    co_return http::fail(*error, context);
  const Result<Broadcast> asked = read_broadcast(context.request);
  if (!asked) co_return http::fail(asked.error(), context);
  BroadcastUnit unit(alert_of(*asked, context.principal->user_id()),
                     audit_row(context, "broadcast", asked->user, audit_detail(*asked)));
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
