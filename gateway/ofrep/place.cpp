#include "gateway/ofrep/place.hpp"

namespace corohub::gateway::ofrep {
namespace {

std::string word_of(const http::Request& request, std::string_view header, std::string_view key) {
  if (request.has(header)) return std::string(request.header(header));
  return std::string(request.query_value(key).value_or(std::string_view()));
}

}  // namespace

PlaceName place_of(const http::Request& request) {
  PlaceName name{word_of(request, "x-corohub-namespace", "namespace"),
                 word_of(request, "x-corohub-environment", "environment")};
  if (name.name_space.empty()) name.name_space = "default";
  return name;
}

Result<Place> find_place(const flags::Directory& directory, const flags::Viewer& viewer,
                         const PlaceName& name) {
  const flags::NamespaceRef* const found = directory.find(name.name_space);
  if (found != nullptr) {
    const flags::Standing who = directory.standing(viewer, **found);
    const flags::EnvironmentRef* const asked = (*found)->environment(name.environment);
    const flags::Environment* const environment = name.environment.empty() ? &who.home()
                                                  : asked != nullptr       ? asked->get()
                                                                           : nullptr;
    if (environment != nullptr && who.may_evaluate(*environment)) return Place{who, *environment};
  }
  if (viewer.kind == flags::Viewer::Kind::guest)
    return Error(ErrorCode::unauthorized, "This needs an access token or a key.");
  return Error(ErrorCode::not_found, "There is no such namespace or environment.");
}

}  // namespace corohub::gateway::ofrep
