#include "flags/identity_patch.hpp"

#include "flags/bodies.hpp"
#include "flags/definition_patch.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace corohub::flags {
namespace {

struct Member {
  std::string_view name;
  void (*copy)(FlagIdentity& to, const FlagIdentity& from);
};

// What a client may change; `type` follows from the variants.
constexpr std::array<Member, 8> members = {{
    {"name", [](FlagIdentity& to, const FlagIdentity& from) { to.name = from.name; }},
    {"description", [](FlagIdentity& to, const FlagIdentity& from) { to.description = from.description; }},
    {"tags", [](FlagIdentity& to, const FlagIdentity& from) { to.tags = from.tags; }},
    {"parent", [](FlagIdentity& to, const FlagIdentity& from) { to.parent = from.parent; }},
    {"platform", [](FlagIdentity& to, const FlagIdentity& from) { to.platform = from.platform; }},
    {"package_gated",
     [](FlagIdentity& to, const FlagIdentity& from) { to.package_gated = from.package_gated; }},
    {"off_variant", [](FlagIdentity& to, const FlagIdentity& from) { to.off_variant = from.off_variant; }},
    {"client_visible",
     [](FlagIdentity& to, const FlagIdentity& from) { to.client_visible = from.client_visible; }},
}};

}  // namespace

Result<IdentityPatch> IdentityPatch::read(std::string key, const Definition& definition,
                                          const json::object& given, std::string at) {
  FlagIdentity defaults;
  defaults.key = defaults.name = std::move(key);
  defaults.type = definition.type;
  if (const Variant* off = default_off_variant(definition)) defaults.off_variant = off->name;
  if (given.empty()) return IdentityPatch(std::move(defaults));
  Result<FlagIdentity> identity = patch_identity(defaults, given, std::move(at));
  if (!identity) return identity.error();
  IdentityPatch patch(std::move(*identity));
  for (const Member& member : members)
    if (given.contains(member.name)) patch.said_.push_back(member.name);
  return patch;
}

IdentityPatch IdentityPatch::all_of(const FlagIdentity& identity) {
  IdentityPatch patch(identity);
  for (const Member& member : members) patch.said_.push_back(member.name);
  return patch;
}

FlagIdentity IdentityPatch::over(const FlagIdentity* existing) const {
  if (existing == nullptr) return identity_;
  FlagIdentity result = *existing;
  for (const Member& member : members)
    if (std::ranges::find(said_, member.name) != said_.end()) member.copy(result, identity_);
  return result;
}

}  // namespace corohub::flags
