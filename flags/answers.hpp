// Entities of flags as the routes show them. Pure, but for the answers at the end.
#pragma once

#include "core/json.hpp"
#include "flags/evaluation/environment.hpp"
#include "flags/services.hpp"
#include "http/router.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

json::object to_json(const Namespace& name_space);
json::object to_json(const EnvironmentParts& environment);
// Identity alone: what audit rows and exports say.
json::object to_json(const FlagIdentity& flag);
// With `environments` and `sub_features`, as the namespace has them.
json::object to_json(const Namespace& name_space, const FlagIdentity& flag);
// The definition: flagd's members, with `key`, `version` and `enabled`.
json::object to_json(const Flag& flag);
json::object to_json(const Segment& segment);
json::object to_json(const Platform& platform);
// The features by the keys of their flags, which the namespace knows.
json::object to_json(const Namespace& name_space, const Package& package);
json::array to_json(const std::vector<FieldError>& warnings);

// The flag's identity; null: there is none.
const FlagIdentity* find_identity(const Namespace& name_space, std::string_view key) noexcept;

// {"success":true,"data":…}; with `meta` unless it is empty. Numbers stand as they were written.
http::Response data_answer(const json::value& data, const json::object& meta = {}, int status = 200);
// The same for one entity: its tag, and the warnings of a lenient write.
http::Response entity_answer(const json::object& data, std::int64_t version,
                             const std::vector<FieldError>& warnings = {}, int status = 200);
// The answer at the position of the unit's last event, or of the shard that has shown what is there.
http::Response at(const FlagServices& services, const http::Context& context, http::Response response,
                  Seq seq = 0);

// Whether what is shown of the entity cannot have changed since it has its version: the body has members that
// come from other things in the namespace, and these leave the version alone.
bool shows_what_it_was(const Namespace& name_space, const Flag& flag) noexcept;  // its definition
bool shows_what_it_was(const Namespace& name_space, const FlagIdentity& identity) noexcept;
// The same of an environment's export since its revision, which names and descriptions leave alone.
bool exports_what_it_was(const Environment& environment) noexcept;

// The namespace, or the environment, that the path names, as the shard knows it. not_found. Holds until the
// turn's end, or as long as the reference is kept.
Result<NamespaceRef> namespace_of(FlagServices& services, const http::Context& context);
Result<EnvironmentRef> environment_of(const Namespace& name_space, const http::Context& context);
Result<EnvironmentRef> place_of(FlagServices& services, const http::Context& context);

Error no_namespace();
Error no_environment();
Error no_flag();
Error no_gateway_route();
Error no_platform();
Error no_package();

}  // namespace corohub::flags
