#include "core/json_text.hpp"
#include "flags/evaluation/evaluate.hpp"

#include <algorithm>
#include <utility>

#include <boost/json/parse.hpp>

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
    case Viewer::Kind::client:
      return "client";
    case Viewer::Kind::service:
      return "service";
  }
  return {};
}

// Most clients have none, and a text is not parsed for that.
json::value attributes_of(const Client* client) {
  if (client == nullptr) return {};
  return client->attributes == "{}" ? json::value(json::object()) : json::parse(client->attributes);
}

json::value key_or_null(const Entity* entity) {
  return entity != nullptr ? json::value(entity->key) : json::value();
}

}  // namespace

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

void Context::set_caller(const Standing& who, std::string_view environment) {
  const Viewer& viewer = who.viewer();
  const bool is_user = viewer.kind == Viewer::Kind::user;
  const Client* const client = who.client();
  json::object caller;
  caller["kind"] = word_of(viewer.kind);
  caller["userId"] = is_user ? json::value(viewer.user_id) : json::value();
  caller["role"] = is_user ? json::value(corohub::name(viewer.role)) : json::value();
  caller["client"] = key_or_null(client);
  caller["package"] = key_or_null(who.package());
  caller["platform"] =
      key_or_null(client == nullptr ? nullptr : who.name_space().platform_by_id(client->platform_id));
  caller["attributes"] = attributes_of(client);
  caller["namespace"] = who.name_space().key;
  caller["environment"] = environment;
  object_[server_member] = std::move(caller);
  const json::value* const key = object_.if_contains(key_member);
  const bool has_key = key != nullptr && !key->get_string().empty();
  if (has_key) return;
  if (is_user) object_[key_member] = "user:" + std::to_string(viewer.user_id);
  if (viewer.kind == Viewer::Kind::client && client != nullptr) object_[key_member] = "client:" + client->key;
}

std::string Context::canonical() const {
  std::string out;
  append_canonical_json(out, object_);
  return out;
}

}  // namespace corohub::flags
