#include "core/json_text.hpp"
#include "flags/evaluation/evaluate.hpp"

#include <algorithm>
#include <utility>

namespace corohub::flags {
namespace {

constexpr std::string_view server_member = "corohub";
constexpr std::string_view key_member = "targetingKey";

// Levels and members, no deeper than a context may have.
class ContextMeasure {
 public:
  bool has_too_many_levels(const json::value& value, std::size_t levels = 0) noexcept {
    if (!value.is_structured()) return false;
    if (levels == context_levels_max) return true;
    if (const json::array* const list = value.if_array())
      return std::ranges::any_of(
          *list, [&](const json::value& one) { return has_too_many_levels(one, levels + 1); });
    return has_too_many_levels(value.get_object(), levels);
  }
  bool has_too_many_levels(const json::object& object, std::size_t levels = 0) noexcept {
    members_ += object.size();
    return std::ranges::any_of(
        object, [&](const auto& member) { return has_too_many_levels(member.value(), levels + 1); });
  }
  std::size_t members() const noexcept { return members_; }

 private:
  std::size_t members_ = 0;
};

Error refused(std::string why) { return Error(ErrorCode::invalid_request, std::move(why)); }

std::string_view word_of(Viewer::Kind kind) noexcept {
  switch (kind) {
    case Viewer::Kind::guest:
      return "guest";
    case Viewer::Kind::user:
      return "user";
    case Viewer::Kind::service:
      return "service";
  }
  return {};
}

// "flags:read" for every namespace, or "flags:read:bep" for the one.
bool is_scope_for(std::string_view scope, std::string_view right, std::string_view name_space) noexcept {
  if (!scope.starts_with(right)) return false;
  scope.remove_prefix(right.size());
  return scope.empty() || (scope.front() == ':' && scope.substr(1) == name_space);
}

}  // namespace

bool Viewer::may_evaluate(const Namespace& name_space) const noexcept {
  switch (kind) {
    case Kind::guest:
      return name_space.access == NamespaceAccess::everybody;
    case Kind::user:
      return name_space.access != NamespaceAccess::clients;
    case Kind::service:
      return std::ranges::any_of(scopes, [&](std::string_view scope) {
        return is_scope_for(scope, "flags:evaluate", name_space.key) ||
               is_scope_for(scope, "flags:read", name_space.key);
      });
  }
  return false;
}

bool Viewer::sees(const Flag& flag) const noexcept {
  if (kind == Kind::service) return true;
  for (const Flag* one = &flag; one != nullptr; one = one->parent)
    if (!one->identity->client_visible || one->identity->package_gated) return false;
  return true;
}

Result<Context> Context::read(json::object sent, std::size_t text_bytes) {
  sent.erase("$flagd");
  sent.erase(server_member);
  if (const json::value* const key = sent.if_contains(key_member); key != nullptr && !key->is_string())
    return refused("The context's targetingKey must be a text.");
  ContextMeasure measure;
  if (measure.has_too_many_levels(sent, 0)) return refused("The context may be at most 16 levels deep.");
  if (measure.members() > context_members_max) return refused("The context may have at most 500 members.");
  if (text_bytes > context_bytes_max && json_text(sent).size() > context_bytes_max)
    return refused("The context may be at most 16 KiB of JSON.");
  Context context;
  context.object_ = std::move(sent);
  return context;
}

void Context::set_caller(const Viewer& viewer, std::string_view name_space, std::string_view environment) {
  const bool is_user = viewer.kind == Viewer::Kind::user;
  json::object caller;
  caller["kind"] = word_of(viewer.kind);
  caller["userId"] = is_user ? json::value(viewer.user_id) : json::value();
  caller["role"] = is_user ? json::value(corohub::name(viewer.role)) : json::value();
  for (const std::string_view unknown : {"client", "package", "platform", "attributes"})
    caller[unknown] = nullptr;
  caller["namespace"] = name_space;
  caller["environment"] = environment;
  object_[server_member] = std::move(caller);
  const json::value* const key = object_.if_contains(key_member);
  const bool has_key = key != nullptr && !key->get_string().empty();
  if (is_user && !has_key) object_[key_member] = "user:" + std::to_string(viewer.user_id);
}

std::string Context::canonical() const {
  std::string out;
  append_canonical_json(out, object_);
  return out;
}

}  // namespace corohub::flags
