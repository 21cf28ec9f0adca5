// GET /api/v1/websocket/info, /namespaces and /status: what a page asks before it connects. Anyone may; the
// answers stand in no envelope.
#include "auth/policy.hpp"
#include "core/json.hpp"
#include "gateway/state.hpp"

#include <optional>
#include <string>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

Response bare(const json::value& value) {
  Response response;
  response.body = json::serialize(value);
  return response;
}

Task<Response> get_info(GatewayState&, Context&) {
  co_return bare({{"websocketEndpoint", "/ws"},
                  {"subscriptionTopics", {"/topic/flags", "/topic/flags/{namespace}", "/topic/system"}},
                  {"messageTypes", {"flag_update", "connection_status", "error"}}});
}

Task<Response> get_status(GatewayState& state, Context&) {
  const bool draining = state.draining.load(std::memory_order_relaxed);
  co_return bare({{"status", draining ? "draining" : "running"},
                  {"timestamp", state.parts.clock.unix_ms()},
                  {"message", draining ? "WebSocket server is shutting down"
                                       : "WebSocket server is running and ready for connections"}});
}

// ---- namespaces ----

struct Asker {
  flags::Viewer viewer{};  // without a credential a guest
  bool sees_all = false;
  users::ServiceKeyRef key{};  // whose scopes the viewer has
};

// Nothing: there is no credential. Authorization of another scheme is a site's, and says nothing here.
Result<std::optional<std::string>> read_credential(const http::Request& request) {
  const std::string_view bearer = request.bearer().value_or("");
  const bool has_key = request.has("X-Api-Key");
  if ((has_key && !bearer.empty()) || request.count("X-Api-Key") > 1 || request.count("Authorization") > 1)
    return Error(ErrorCode::invalid_request, "Give one credential, once.");
  if (has_key) return std::optional(std::string(request.header("X-Api-Key")));
  return bearer.empty() ? std::nullopt : std::optional(std::string(bearer));
}

Task<Result<Asker>> read_asker(GatewayState& state, Context& context) {
  const Result<std::optional<std::string>> credential = read_credential(context.request);
  if (!credential) co_return credential.error();
  if (!*credential) {
    if (const Result<> rate = context.charge_address(); !rate) co_return rate.error();
    co_return Asker();
  }
  if (users::looks_like_service_key(**credential)) {
    if (const Result<> rate = context.charge_address(); !rate) co_return rate.error();
    const Result<users::ServiceKeyRef> key =
        co_await state.desk(context.shard).service_keys.get(std::string(**credential));
    if (!key) co_return key.error();
    co_return Asker{
        .viewer = {.kind = flags::Viewer::Kind::service, .service_key = (*key)->id, .scopes = (*key)->scopes},
        .key = *key};
  }
  if (flags::looks_like_client_key(**credential)) {
    if (const Result<> rate = context.charge_address(); !rate) co_return rate.error();
    const Result<flags::ClientKeyRef> key =
        co_await state.desk(context.shard).client_keys.get(std::string(**credential));
    if (!key) co_return key.error();
    co_return Asker{.viewer = {.kind = flags::Viewer::Kind::client, .client_id = (*key)->client_id}};
  }
  const Result<auth::Principal> user = co_await context.authenticator.authenticate(**credential);
  if (!user) co_return user.error();
  if (const Result<> rate = context.charge(user->user_id()); !rate) co_return rate.error();
  const flags::Viewer viewer{
      .kind = flags::Viewer::Kind::user, .user_id = user->user_id(), .role = user->role()};
  co_return Asker{.viewer = viewer, .sees_all = auth::is_admin(user->role())};
}

Task<Response> get_namespaces(GatewayState& state, Context& context) {
  const Result<Asker> asker = co_await read_asker(state, context);
  if (!asker) co_return http::fail(asker.error(), context);
  json::array keys;  // sorted, as the directory is
  const flags::Directory& directory = state.desk(context.shard).flags;
  for (const flags::NamespaceRef& one : directory.all())
    if (asker->sees_all || directory.standing(asker->viewer, *one).may_evaluate())
      keys.emplace_back(one->key);
  const std::size_t count = keys.size();
  Response response = bare({{"namespaces", std::move(keys)}, {"count", count}});
  co_return std::move(response).at({state.parts.epoch, state.desk(context.shard).shard.head()});
}

}  // namespace

void add_info_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/v1/websocket/info", http::Access::guest, get_info);
  routes.add(http::Method::get, "/api/v1/websocket/namespaces", http::Access::holder, get_namespaces);
  routes.add(http::Method::get, "/api/v1/websocket/status", http::Access::guest, get_status);
}

}  // namespace corohub::gateway
