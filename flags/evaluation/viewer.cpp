#include "flags/evaluation/viewer.hpp"

#include <algorithm>
#include <string_view>

namespace corohub::flags {
namespace {

// "flags:read" for every namespace, or "flags:read:bep" for the one.
bool is_scope_for(std::string_view scope, std::string_view right, std::string_view name_space) noexcept {
  if (!scope.starts_with(right)) return false;
  scope.remove_prefix(right.size());
  return scope.empty() || (scope.front() == ':' && scope.substr(1) == name_space);
}

}  // namespace

Standing::Standing(const Viewer& viewer, const Namespace& name_space, const Client* client,
                   UnixMs now) noexcept
    : viewer_(viewer),
      name_space_(&name_space),
      client_(client != nullptr && client->is_active() ? client : nullptr),
      now_(now) {
  if (client_ != nullptr && client_->package_id != 0)
    package_ = name_space.package_by_id(client_->package_id);
}

bool Standing::may_evaluate() const noexcept {
  switch (viewer_.kind) {
    case Viewer::Kind::guest:
      return name_space_->access == NamespaceAccess::everybody;
    case Viewer::Kind::user:
      return name_space_->access != NamespaceAccess::clients || client_ != nullptr;
    case Viewer::Kind::client:
      return client_ != nullptr;
    case Viewer::Kind::service:
      return std::ranges::any_of(viewer_.scopes, [&](std::string_view scope) {
        return is_scope_for(scope, "flags:evaluate", name_space_->key) ||
               is_scope_for(scope, "flags:read", name_space_->key);
      });
  }
  return false;
}

bool Standing::may_evaluate(const Environment& environment) const noexcept {
  if (!may_evaluate()) return false;
  return viewer_.kind != Viewer::Kind::client || home().id == environment.id;
}

const Environment& Standing::home() const noexcept {
  const Environment* own = client_ == nullptr || client_->environment_id == 0
                               ? nullptr
                               : name_space_->environment_by_id(client_->environment_id);
  return own != nullptr ? *own : name_space_->default_environment();
}

bool Standing::sees(const Flag& flag) const noexcept {
  if (viewer_.kind == Viewer::Kind::service) return true;
  for (const Flag* one = &flag; one != nullptr; one = one->parent) {
    const FlagIdentity& identity = *one->identity;
    if (!identity.client_visible || (identity.package_gated && !is_granted(identity))) return false;
  }
  return true;
}

bool Standing::is_granted(const FlagIdentity& flag) const noexcept {
  if (client_ == nullptr) return false;
  if (const Override* own = client_->override_of(flag.id); own != nullptr && own->holds(now_))
    return own->granted;
  return package_ != nullptr && package_->feature(flag.id) != nullptr;
}

const json::object* Standing::limits_of(const FlagIdentity& flag) const noexcept {
  if (package_ == nullptr || !is_granted(flag)) return nullptr;
  const Feature* feature = package_->feature(flag.id);
  return feature != nullptr ? &feature->limits : nullptr;
}

}  // namespace corohub::flags
