// Where an evaluation takes place: a namespace and one of its environments. Pure.
#pragma once

#include "core/error.hpp"
#include "flags/directory.hpp"
#include "flags/evaluation/evaluate.hpp"
#include "http/request.hpp"

#include <string>
#include <string_view>

namespace corohub::gateway::ofrep {

// As it was asked for. An empty environment is the default one, whichever that is at the moment.
struct PlaceName {
  std::string name_space;
  std::string environment{};
};

// X-Corohub-Namespace and X-Corohub-Environment, or `namespace` and `environment` of the query; else the
// namespace `default`.
PlaceName place_of(const http::Request& request);

// The directory's, for this turn.
struct Place {
  flags::Standing who;
  const flags::Environment& environment;

  const flags::Namespace& name_space() const noexcept { return who.name_space(); }
};

// Errors do not tell a closed place from one that is not there: unauthorized for guests, else not_found.
Result<Place> find_place(const flags::Directory& directory, const flags::Viewer& viewer,
                         const PlaceName& name);

}  // namespace corohub::gateway::ofrep
