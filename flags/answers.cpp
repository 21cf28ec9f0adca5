#include "flags/answers.hpp"

#include "core/json.hpp"
#include "core/json_text.hpp"
#include "flags/preconditions.hpp"

#include <algorithm>
#include <utility>

namespace corohub::flags {
namespace {

json::object entity_json(const Entity& entity) {
  json::object object;
  object["id"] = entity.id;
  object["key"] = entity.key;
  object["name"] = entity.name;
  return object;
}

void add_times(json::object& object, const Entity& entity) {
  object["version"] = entity.version;
  object["created_at"] = rfc3339(entity.created_at);
  object["updated_at"] = rfc3339(entity.updated_at);
}

json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value();
}

json::object states_of(const Namespace& name_space, const FlagIdentity& flag) {
  json::object states;
  for (const EnvironmentRef& environment : name_space.environments) {
    const Flag* there = environment->find(flag.key);
    if (there == nullptr) continue;
    json::object state;
    state["state"] = name(there->definition->state);
    state["enabled"] = there->enabled;
    state["version"] = there->version;
    states[environment->key] = std::move(state);
  }
  return states;
}

// When anything last changed on which the effective switch of the flag depends, beside its own definition.
UnixMs latest_above(const Namespace& name_space, const Flag& flag) noexcept {
  UnixMs latest = 0;
  for (const Flag* one = &flag; one != nullptr; one = one->parent) {
    latest = std::max(latest, one->identity->moved_at);
    if (one != &flag) latest = std::max(latest, one->updated_at);
    for (const PlatformRef& platform : name_space.platforms)
      if (platform->key == one->identity->platform) latest = std::max(latest, platform->updated_at);
  }
  return latest;
}

json::array sub_features_of(const Namespace& name_space, const FlagIdentity& flag) {
  json::array keys;
  for (const Flag& one : name_space.default_environment().flags())
    if (one.identity->parent == flag.key) keys.emplace_back(one.key());
  return keys;
}

}  // namespace

json::object to_json(const Namespace& name_space) {
  json::object object = entity_json(name_space);
  object["tenant_id"] = name_space.tenant_id;
  object["app_id"] = name_space.app_id;
  object["access"] = name(name_space.access);
  add_times(object, name_space);
  return object;
}

json::object to_json(const EnvironmentParts& environment) {
  json::object object = entity_json(environment);
  object["is_default"] = environment.is_default;
  object["metadata"] = environment.metadata;
  object["revision"] = environment.revision;
  add_times(object, environment);
  return object;
}

json::object to_json(const FlagIdentity& flag) {
  json::object object = entity_json(flag);
  object["description"] = flag.description;
  json::array tags;
  for (const std::string& tag : flag.tags) tags.emplace_back(tag);
  object["tags"] = std::move(tags);
  object["type"] = name(flag.type);
  object["parent"] = or_null(flag.parent);
  object["platform"] = or_null(flag.platform);
  object["package_gated"] = flag.package_gated;
  object["off_variant"] = or_null(flag.off_variant);
  object["client_visible"] = flag.client_visible;
  add_times(object, flag);
  return object;
}

json::object to_json(const Namespace& name_space, const FlagIdentity& flag) {
  json::object object = to_json(flag);
  object["environments"] = states_of(name_space, flag);
  object["sub_features"] = sub_features_of(name_space, flag);
  return object;
}

json::object to_json(const Flag& flag) {
  json::object object;
  object["key"] = flag.key();
  object["version"] = flag.version;
  object["enabled"] = flag.enabled;
  for (const json::key_value_pair& member : flag.definition->document) object[member.key()] = member.value();
  return object;
}

json::object to_json(const Segment& segment) {
  json::object object = entity_json(segment);
  object["rule"] = segment.rule.document;
  add_times(object, segment);
  return object;
}

json::object to_json(const Platform& platform) {
  json::object object = entity_json(platform);
  object["enabled"] = platform.enabled;
  object["config"] = parse_json(platform.config, {.depth = 128, .members = platform.config.size()}).value();
  add_times(object, platform);
  return object;
}

json::object to_json(const Namespace& name_space, const Package& package) {
  json::object object = entity_json(package);
  object["description"] = package.description;
  object["price"] = package.price ? json::value(*package.price) : json::value();
  object["currency"] = or_null(package.currency);
  object["billing_period"] =
      package.billing_period ? json::value(name(*package.billing_period)) : json::value();
  object["available"] = package.available;
  std::vector<std::pair<std::string_view, const json::object*>> features;
  for (const Feature& one : package.features)
    if (const Flag* flag = name_space.default_environment().find(one.flag_id))
      features.emplace_back(flag->key(), &one.limits);
  std::ranges::sort(features);
  json::array& list = object["features"].emplace_array();
  for (const auto& [flag, limits] : features) list.push_back({{"flag", flag}, {"limits", *limits}});
  add_times(object, package);
  return object;
}

json::array to_json(const std::vector<FieldError>& warnings) {
  json::array list;
  for (const FieldError& one : warnings)
    list.push_back({{"field", one.field}, {"code", one.code}, {"message", one.message}});
  return list;
}

const FlagIdentity* find_identity(const Namespace& name_space, std::string_view key) noexcept {
  const Flag* flag = name_space.default_environment().find(key);
  return flag == nullptr ? nullptr : flag->identity.get();
}

http::Response data_answer(const json::value& data, const json::object& meta, int status) {
  http::Response response;
  response.status = status;
  response.body = R"({"success":true,"data":)";
  append_json_text(response.body, data);
  if (!meta.empty()) {
    response.body += R"(,"meta":)";
    append_json_text(response.body, meta);
  }
  response.body += '}';
  return response;
}

http::Response entity_answer(const json::object& data, std::int64_t version,
                             const std::vector<FieldError>& warnings, int status) {
  json::object meta;
  if (!warnings.empty()) meta["warnings"] = to_json(warnings);
  return data_answer(data, meta, status).with("ETag", version_tag(version));
}

http::Response at(const FlagServices& services, const http::Context& context, http::Response response,
                  Seq seq) {
  if (seq == 0) seq = services.parts.applied_seq(context.shard);
  return std::move(response).at({services.parts.epoch, seq});
}

bool shows_what_it_was(const Namespace& name_space, const Flag& flag) noexcept {
  return latest_above(name_space, flag) <= flag.updated_at;
}

bool shows_what_it_was(const Namespace& name_space, const FlagIdentity& identity) noexcept {
  UnixMs latest = name_space.rearranged_at;
  for (const EnvironmentRef& environment : name_space.environments) {
    const Flag* flag = environment->find(identity.key);
    if (flag != nullptr) latest = std::max({latest, flag->updated_at, latest_above(name_space, *flag)});
  }
  for (const Flag& one : name_space.default_environment().flags())
    if (one.identity->parent == identity.key) latest = std::max(latest, one.identity->updated_at);
  return latest <= identity.updated_at;
}

bool exports_what_it_was(const Environment& environment) noexcept {
  UnixMs definitions = 0;
  UnixMs identities = 0;
  for (const Flag& flag : environment.flags()) {
    definitions = std::max(definitions, flag.updated_at);
    identities = std::max(identities, flag.identity->updated_at);
  }
  return identities <= definitions;
}

Result<NamespaceRef> namespace_of(FlagServices& services, const http::Context& context) {
  const NamespaceRef* found = services.directories.of(context.shard).find(context.param("namespace"));
  if (found == nullptr) return no_namespace();
  return *found;
}

Result<EnvironmentRef> environment_of(const Namespace& name_space, const http::Context& context) {
  const std::string_view key = context.param("environment");
  const EnvironmentRef* found = key.empty() ? nullptr : name_space.environment(key);
  if (found == nullptr) return no_environment();
  return *found;
}

Result<EnvironmentRef> place_of(FlagServices& services, const http::Context& context) {
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) return name_space.error();
  return environment_of(**name_space, context);
}

Error no_namespace() { return Error(ErrorCode::not_found, "There is no such namespace."); }
Error no_environment() { return Error(ErrorCode::not_found, "There is no such environment."); }
Error no_flag() { return Error(ErrorCode::not_found, "There is no such flag."); }
Error no_gateway_route() { return Error(ErrorCode::not_found, "There is no such route."); }
Error no_platform() { return Error(ErrorCode::not_found, "There is no such platform."); }
Error no_package() { return Error(ErrorCode::not_found, "There is no such package."); }

}  // namespace corohub::flags
