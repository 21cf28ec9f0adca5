#include "flags/gateway_route_change.hpp"

#include "eventlog/event_log.hpp"
#include "flags/answers.hpp"
#include "flags/cache_events.hpp"
#include "flags/gateway_route_repository.hpp"
#include "users/audit.hpp"

#include <string_view>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::flags {
namespace {

std::string_view verb(bool is_new, bool goes) { return is_new ? "create" : goes ? "delete" : "update"; }

json::value shown(const std::optional<GatewayRoute>& route) {
  return route ? json::value(to_json(*route)) : json::value();
}

CacheEvent forget(const Namespace& name_space, const std::string& environment, const GatewayRoute& route) {
  CacheEvent event{.type = CacheEvent::Type::remove};
  event.tenant_id = name_space.tenant_id;
  event.app_id = name_space.app_id;
  event.key = name_space.tenant_id + '#' + name_space.app_id + '#' + route.path + "#CONFIG#" + environment;
  if (!route.service_name.empty()) event.service_name = route.service_name;
  return event;
}

}  // namespace

GatewayRouteChange::GatewayRouteChange(FlagServices& services, Change change, std::string environment,
                                       GatewayRoute made)
    : services_(services),
      change_(std::move(change)),
      environment_(std::move(environment)),
      wanted_([made = std::move(made)](const GatewayRoute&) { return Result<Maybe>(made); }) {}

GatewayRouteChange::GatewayRouteChange(FlagServices& services, Change change, std::string environment,
                                       std::int64_t id, Wanted wanted)
    : services_(services),
      change_(std::move(change)),
      environment_(std::move(environment)),
      id_(id),
      wanted_(std::move(wanted)) {}

Result<GatewayRoute> GatewayRouteChange::operator()(storage::UnitOfWork& work) {
  if (const Result<> right = check_right(work, change_.author, Right::write, change_.name_space); !right)
    return right.error();
  name_space_ = services_.copies.find(work, change_.name_space);
  const EnvironmentRef* environment = name_space_ ? name_space_->environment(environment_) : nullptr;
  if (environment == nullptr) return no_environment();
  environment_id_ = (*environment)->id;
  Maybe before;
  if (id_ != 0) {
    before = find_gateway_route(work, environment_id_, id_);
    if (!before) return no_gateway_route();
    const auto held = change_.match.check(before->version, [&] { return to_json(*before); });
    if (!held) return held.error();
  }
  Result<Maybe> after = wanted_(before.value_or(GatewayRoute()));
  if (!after) return after.error();
  if (before && *after && says_the_same(*before, **after)) return *before;
  if (*after)
    if (const Result<> good = judge(work, before, **after); !good) return good.error();
  write(work, before, *after);
  record(work, before, *after);
  tell(work, before, *after);
  return *after ? **after : *before;
}

Result<> GatewayRouteChange::judge(storage::UnitOfWork& work, const Maybe& before,
                                   const GatewayRoute& after) const {
  const std::optional<std::int64_t> holder = gateway_route_id(work, environment_id_, after.path);
  if (holder && *holder != id_) return Error(ErrorCode::key_taken, "There is a route with this path.");
  if (!before && count_gateway_routes(work, environment_id_) >= gateway_routes_max)
    return Error(ErrorCode::limit_reached, "The environment has 5,000 routes already.");
  return {};
}

void GatewayRouteChange::write(storage::UnitOfWork& work, const Maybe& before, Maybe& after) const {
  if (!before)
    insert_gateway_route(work, environment_id_, *after);
  else if (after)
    save_gateway_route(work, *after);
  else
    delete_gateway_route(work, before->id);
}

void GatewayRouteChange::record(storage::UnitOfWork& work, const Maybe& before, const Maybe& after) const {
  const GatewayRoute& either = after ? *after : *before;
  const Author& author = change_.author;
  json::object detail;
  detail["namespace"] = name_space_->key;
  detail["environment"] = environment_;
  detail["key"] = either.path;
  detail["before"] = shown(before);
  detail["after"] = shown(after);
  detail["comment"] = author.comment.empty() ? json::value() : json::value(author.comment);
  detail["source"] = name(author.source);
  if (author.service_key) detail["service_key"] = *author.service_key;
  const std::string action = std::string("route.").append(verb(!before, !after));
  const std::string entity =
      name_space_->key + "/environments/" + environment_ + "/routes/" + std::to_string(either.id);
  users::record(work, author.caller, action, std::nullopt, detail, entity);
}

void GatewayRouteChange::tell(storage::UnitOfWork& work, const Maybe& before, const Maybe& after) const {
  const GatewayRoute& either = after ? *after : *before;
  const std::optional<UserId> author = change_.author.caller.user_id;
  json::object data;
  data["namespace"] = name_space_->key;
  data["environment"] = environment_;
  data["id"] = either.id;
  data["changed_by"] = author ? json::value(*author) : json::value();
  data["version"] = either.version;
  const std::string type = std::string("route.").append(verb(!before, !after)) + 'd';
  eventlog::append(work, {type, json::serialize(data), hub::Audience::admins()});
  const auto forget_route = [&](const GatewayRoute& route) {
    eventlog::append(work, draft_of(forget(*name_space_, environment_, route),
                                    services_.directories.gateways(), work.now()));
  };
  if (before && (!after || before->path != after->path)) forget_route(*before);
  if (after) forget_route(*after);
}

}  // namespace corohub::flags
