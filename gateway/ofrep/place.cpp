#include "gateway/ofrep/place.hpp"

#include <algorithm>

namespace corohub::gateway::ofrep {
namespace {

std::string word_of(const http::Request& request, std::string_view header, std::string_view key) {
  if (request.has(header)) return std::string(request.header(header));
  return std::string(request.query_value(key).value_or(std::string_view()));
}

std::string home_of(const flags::Directory& directory, const Caller& caller) {
  if (!caller.client_key) return "default";
  const flags::ClientRef* const client = directory.clients().find(caller.viewer.client_id);
  const flags::NamespaceRef* const home = client ? directory.find((*client)->namespace_id) : nullptr;
  return home != nullptr ? (*home)->key : "default";
}

bool may_evaluate(const Caller& caller, const flags::Standing& who, const flags::Environment& environment) {
  if (!caller.key) return who.may_evaluate(environment);
  const flags::Viewer service = caller.service();
  return who.may_evaluate() && flags::Standing(service, who.name_space(), nullptr, who.now()).may_evaluate();
}

Error no_place() { return Error(ErrorCode::not_found, "There is no such namespace or environment."); }

}  // namespace

PlaceName place_of(const http::Request& request, const flags::Directory& directory, const Caller& caller) {
  PlaceName name{word_of(request, "x-corohub-namespace", "namespace"),
                 word_of(request, "x-corohub-environment", "environment")};
  if (name.name_space.empty()) name.name_space = home_of(directory, caller);
  return name;
}

const flags::Environment* environment_of(const flags::Standing& who, std::string_view name) noexcept {
  if (name.empty()) return &who.home();
  const flags::EnvironmentRef* const asked = who.name_space().environment(name);
  return asked != nullptr ? asked->get() : nullptr;
}

Result<Place> find_place(const flags::Directory& directory, const Caller& caller, const PlaceName& name) {
  if (const flags::NamespaceRef* const found = directory.find(name.name_space)) {
    const flags::Standing who = directory.standing(caller.viewer, **found);
    const flags::Environment* const environment = environment_of(who, name.environment);
    if (environment != nullptr && may_evaluate(caller, who, *environment)) return Place{who, *environment};
  }
  if (caller.viewer.kind == flags::Viewer::Kind::guest)
    return Error(ErrorCode::unauthorized, "This needs an access token or a key.");
  return no_place();
}

Result<> ask_for_client(const flags::Directory& directory, Caller& caller, std::string_view name_space,
                        std::string_view client_key) {
  const flags::NamespaceRef* const found = directory.find(name_space);
  if (found == nullptr || !directory.standing(caller.viewer, **found).may_evaluate()) return no_place();
  const flags::Client* const client = directory.clients().find((*found)->id, client_key);
  if (client == nullptr || !client->is_active())
    return Error(ErrorCode::not_found, "There is no such client.");
  caller.ask_for(client->id);
  return {};
}

std::string client_text(const flags::Standing& who) {
  const flags::Client* const client = who.client();
  if (client == nullptr) return {};
  const auto past = std::ranges::count_if(client->overrides,
                                          [&](const flags::Override& one) { return !one.holds(who.now()); });
  std::string text = std::to_string(client->id) + ":" + std::to_string(client->version);
  if (const flags::Package* const package = who.package())
    text.append(" ").append(std::to_string(package->id)).append(":").append(std::to_string(package->version));
  if (past > 0) text.append(" past ").append(std::to_string(past));
  return text;
}

}  // namespace corohub::gateway::ofrep
