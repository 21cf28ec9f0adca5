// Namespaces of feature flags as a shard knows them, and events of their flags, made without a database.
#pragma once

#include "core/json.hpp"
#include "flags/evaluation/environment.hpp"
#include "hub/event.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/json/serialize.hpp>

namespace corohub::test {

struct FlagSketch {
  std::int64_t id = 1;
  std::string key = "new-feature";
  bool client_visible = true;
  bool package_gated = false;
};

// The first environment is the default one; all have the same flags, whose definitions say nothing.
inline flags::NamespaceRef make_namespace(std::string key, flags::NamespaceAccess access,
                                          const std::vector<FlagSketch>& sketches = {},
                                          const std::vector<std::string>& environments = {"default"},
                                          std::int64_t id = 1) {
  auto made = std::make_shared<flags::Namespace>();
  made->id = id;
  made->key = std::move(key);
  made->access = access;
  std::int64_t environment_id = 0;
  for (const std::string& name : environments) {
    std::vector<flags::Flag> list;
    for (const FlagSketch& sketch : sketches) {
      auto identity = std::make_shared<flags::FlagIdentity>();
      identity->id = sketch.id;
      identity->key = sketch.key;
      identity->client_visible = sketch.client_visible;
      identity->package_gated = sketch.package_gated;
      flags::Flag flag;
      flag.identity = std::move(identity);
      flag.definition = std::make_shared<const flags::Definition>();
      list.push_back(std::move(flag));
    }
    flags::EnvironmentParts parts;
    parts.id = ++environment_id;
    parts.key = name;
    parts.is_default = name == environments.front();
    made->environments.push_back(std::make_shared<flags::Environment>(std::move(parts), std::move(list),
                                                                      std::vector<flags::PlatformRef>()));
  }
  return made;
}

// Of the default environment, unless one is named.
inline hub::EventDraft flag_event(const std::string& name_space, const FlagSketch& flag = {},
                                  const std::string& action = "enabled", const std::string& environment = {},
                                  std::int64_t namespace_id = 1) {
  const json::value data{{"namespace", name_space},
                         {"environment", environment.empty() ? "default" : environment},
                         {"flag_id", flag.id},
                         {"flag_key", flag.key},
                         {"action", action},
                         {"enabled", action == "enabled"},
                         {"changes", json::array{"state"}},
                         {"source", "api"},
                         {"changed_by", 1},
                         {"version", 2}};
  const json::value about{{"id", flag.id},
                          {"namespace_id", namespace_id},
                          {"hidden", !flag.client_visible},
                          {"gated", flag.package_gated}};
  const bool itself = action == "created" || action == "deleted";
  return {.type = "flag." + (itself ? action : std::string("updated")),
          .data = json::serialize(data),
          .audience = hub::Audience::everyone(),
          .topic = "flags/" + name_space + (environment.empty() ? "" : "/" + environment),
          .attributes = json::serialize(json::value{{"flag", about}})};
}

}  // namespace corohub::test
