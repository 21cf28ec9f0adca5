// Where an evaluation takes place: a namespace and one of its environments, for the client that the caller is
// there. Pure.
#pragma once

#include "core/error.hpp"
#include "flags/directory.hpp"
#include "flags/evaluation/evaluate.hpp"
#include "gateway/ofrep/caller.hpp"
#include "http/request.hpp"

#include <string>
#include <string_view>

namespace corohub::gateway::ofrep {

// As it was asked for. An empty environment is the client's, else the default one, whichever that is at the
// moment.
struct PlaceName {
  std::string name_space;
  std::string environment{};
};

// X-Corohub-Namespace and X-Corohub-Environment, or `namespace` and `environment` of the query; else the
// namespace of the client whose key the caller has, else `default`.
PlaceName place_of(const http::Request& request, const flags::Directory& directory, const Caller& caller);

// The directory's, for this turn.
struct Place {
  flags::Standing who;
  const flags::Environment& environment;

  const flags::Namespace& name_space() const noexcept { return who.name_space(); }
};

// The environment of this name; without a name the viewer's own. Null: there is none.
const flags::Environment* environment_of(const flags::Standing& who, std::string_view name) noexcept;

// A client is told of its own environment only, and a service of all that its scopes allow, whoever it asks
// for. Errors do not tell a closed place from one that is not there: unauthorized for guests, else not_found.
Result<Place> find_place(const flags::Directory& directory, const Caller& caller, const PlaceName& name);

// The service asks for the client of this key. not_found: it has no scope for the namespace, or there is no
// such client, or it is disabled.
Result<> ask_for_client(const flags::Directory& directory, Caller& caller, std::string_view name_space,
                        std::string_view client_key);

// What else the flags follow from than the environment and the context: ids and versions of client and
// package, and how many overrides are past their time. Empty: no client.
std::string client_text(const flags::Standing& who);

}  // namespace corohub::gateway::ofrep
