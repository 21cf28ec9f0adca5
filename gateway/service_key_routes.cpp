// /api/v1/admin/api-keys: the keys of other services, made, listed and revoked by admins.
#include "eventlog/event_log.hpp"
#include "gateway/audit.hpp"
#include "gateway/session/live_account.hpp"
#include "gateway/state.hpp"
#include "http/fields.hpp"
#include "users/service_key_cache.hpp"
#include "users/service_keys.hpp"

#include <algorithm>
#include <utility>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;
using users::ServiceKey;
using users::ServiceKeyId;

constexpr std::size_t scopes_max = 32;
constexpr std::int64_t lifetime_seconds_max = 10LL * 366 * 24 * 3600;

json::array list_of_scopes(const ServiceKey& key) {
  json::array scopes;
  for (const std::string& scope : key.scopes) scopes.emplace_back(scope);
  return scopes;
}

json::value time_or_null(const std::optional<UnixMs>& time) {
  return time ? json::value(rfc3339(*time)) : json::value();
}

json::object to_json(const ServiceKey& key) {
  json::object object;
  object["id"] = key.id;
  object["name"] = key.name;
  object["scopes"] = list_of_scopes(key);
  object["active"] = key.active;
  object["created_by"] = key.created_by ? json::value(*key.created_by) : json::value();
  object["created_at"] = rfc3339(key.created_at);
  object["expires_at"] = time_or_null(key.expires_at);
  object["last_used_at"] = time_or_null(key.last_used_at);
  return object;
}

void read_scopes(const json::object& body, http::Fields& fields, ServiceKey& key) {
  fields.require("scopes");
  const json::value* scopes = body.if_contains("scopes");
  if (scopes == nullptr) return;
  if (!scopes->is_array()) return fields.refuse("scopes", "invalid_type", "Must be a list.");
  if (scopes->get_array().empty() || scopes->get_array().size() > scopes_max)
    return fields.refuse("scopes", "out_of_range", "Must have 1 to 32 entries.");
  for (const json::value& scope : scopes->get_array()) {
    if (!scope.is_string() || !users::is_scope(scope.get_string()))
      return fields.refuse(
          "scopes", "unknown_value",
          "Must be of: publish, publish:user, publish:role, publish:all, publish:topic, "
          "publish:topic:<pattern>, config:emit, flags:read, flags:write, flags:evaluate, flags:ingest, "
          "config:read (the last five with :<namespace> in one).");
    std::string text(scope.get_string());
    if (std::ranges::find(key.scopes, text) == key.scopes.end()) key.scopes.push_back(std::move(text));
  }
}

Result<ServiceKey> read_key(const Context& context, UnixMs now) {
  const Result<json::object> body = context.request.json_object();
  if (!body) return body.error();
  http::Fields fields(*body);
  ServiceKey key;
  key.name = fields.required_text("name", {.min = 1, .max = 100, .trim = true});
  read_scopes(*body, fields, key);
  const auto lifetime =
      fields.is_null("expires_in") ? std::nullopt : fields.integer("expires_in", 1, lifetime_seconds_max);
  if (const Result<> checked = fields.result(); !checked) return checked.error();
  key.created_by = context.principal->user_id();
  if (lifetime) key.expires_at = now + *lifetime * 1000;
  return key;
}

// On the writer's thread: the right, the key, the trail.
class CreateUnit {
 public:
  CreateUnit(std::string secret, ServiceKey key, AuditRow audit)
      : secret_(std::move(secret)), key_(std::move(key)), audit_(std::move(audit)) {}

  Result<ServiceKey> operator()(storage::UnitOfWork& work) {
    if (const Result<Role> role = live_admin(work, audit_.actor); !role) return role.error();
    Result<ServiceKey> made = users::add_service_key(work, secret_, std::move(key_));
    if (!made) return made;
    audit_.detail["id"] = made->id;
    audit_.entity = "api-keys/" + std::to_string(made->id);
    audit_.detail["name"] = made->name;
    audit_.detail["scopes"] = list_of_scopes(*made);
    audit_.detail["expires_at"] = time_or_null(made->expires_at);
    record(work, audit_);
    return made;
  }

 private:
  std::string secret_;
  ServiceKey key_;
  AuditRow audit_;
};

class RevokeUnit {
 public:
  RevokeUnit(ServiceKeyId id, hub::ShardChangeRef change, AuditRow audit)
      : id_(id), change_(std::move(change)), audit_(std::move(audit)) {}

  Result<storage::Nothing> operator()(storage::UnitOfWork& work) {
    if (const Result<Role> role = live_admin(work, audit_.actor); !role) return role.error();
    const std::optional<std::string> name = users::remove_service_key(work, id_);
    if (!name) return Error(ErrorCode::not_found, "There is no such key.");
    audit_.detail["id"] = id_;
    audit_.entity = "api-keys/" + std::to_string(id_);
    audit_.detail["name"] = *name;
    record(work, audit_);
    eventlog::change_shards(work, change_);
    return storage::Nothing{};
  }

 private:
  ServiceKeyId id_;
  hub::ShardChangeRef change_;  // no shard knows the key any more
  AuditRow audit_;
};

Task<Response> create(GatewayState& state, Context& context) {
  Result<ServiceKey> key = read_key(context, state.parts.clock.unix_ms());
  if (!key) co_return http::fail(key.error(), context);
  const std::string secret = users::make_service_key();
  CreateUnit unit(secret, std::move(*key), audit_row(context, "api_key.create", std::nullopt, {}));
  const auto made = co_await state.parts.writer.commit(std::move(unit));
  if (!made) co_return http::fail(made.error(), context);
  json::object data = to_json(made->value);
  data["key"] = secret;
  co_return http::success(data, 201);
}

Task<Response> list(GatewayState& state, Context& context) {
  const auto read = [now = state.parts.clock.unix_ms()](storage::Snapshot& snapshot) {
    return Result<std::vector<ServiceKey>>(users::list_service_keys(snapshot, now));
  };
  const Result<std::vector<ServiceKey>> keys = co_await state.parts.readers.read(read);
  if (!keys) co_return http::fail(keys.error(), context);
  json::array data;
  for (const ServiceKey& key : *keys) data.push_back(to_json(key));
  co_return http::success(data);
}

Task<Response> revoke(GatewayState& state, Context& context) {
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return http::fail(id.error(), context);
  RevokeUnit unit(*id, users::service_key_removed(state.service_keys, *id),
                  audit_row(context, "api_key.revoke", std::nullopt, {}));
  const auto revoked = co_await state.parts.writer.commit(std::move(unit));
  if (!revoked) co_return http::fail(revoked.error(), context);
  co_return http::no_content();
}

}  // namespace

void add_service_key_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/v1/admin/api-keys", http::Access::admin, list);
  routes.add(http::Method::post, "/api/v1/admin/api-keys", http::Access::admin, create);
  routes.add(http::Method::del, "/api/v1/admin/api-keys/{id}", http::Access::admin, revoke);
}

}  // namespace corohub::gateway
