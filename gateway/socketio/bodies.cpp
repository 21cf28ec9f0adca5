#include "gateway/socketio/bodies.hpp"

#include "core/integer.hpp"
#include "core/json_text.hpp"
#include "gateway/session/raw_json.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>
#include <vector>

namespace corohub::gateway::socketio {
namespace {

// An object whose members are written one by one.
class Members {
 public:
  Members& number(std::string_view name, std::int64_t value) { return raw(name, std::to_string(value)); }
  Members& boolean(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
  Members& text(std::string_view name, std::string_view value) {
    begin(name);
    append_json(out_, value);
    return *this;
  }
  Members& time(std::string_view name, UnixMs value) { return text(name, rfc3339(value)); }
  Members& null(std::string_view name) { return raw(name, "null"); }
  Members& id(std::string_view name, std::int64_t value) {
    return value != 0 ? number(name, value) : null(name);
  }
  Members& text_or_null(std::string_view name, const std::optional<std::string>& value) {
    return value ? text(name, *value) : null(name);
  }
  // `value` is JSON text.
  Members& raw(std::string_view name, std::string_view value) {
    begin(name);
    out_ += value;
    return *this;
  }
  std::string end() { return std::move(out_.append("}")); }

 private:
  void begin(std::string_view name) {
    out_.append(out_.size() > 1 ? ",\"" : "\"").append(name).append("\":");
  }
  std::string out_ = "{";
};

Members platform_members(const flags::Platform& platform) {
  Members members;
  members.number("id", platform.id)
      .text("platform", platform.key)
      .text("display_name", platform.name)
      .boolean("is_enabled", platform.enabled);
  return members;
}

Members& parent_id(Members& members, const flags::Flag& flag) {
  return flag.parent != nullptr ? members.number("parent_id", flag.parent->identity->id)
                                : members.null("parent_id");
}

std::string sub_features(const flags::Environment& environment, const flags::Flag& parent) {
  std::string list = "[";
  if (parent.number_among_parents == flags::Flag::none) return list.append("]");
  for (const flags::Flag& flag : environment.flags()) {
    if (flag.parent != &parent) continue;
    if (list.size() > 1) list += ',';
    list += Members()
                .number("id", flag.identity->id)
                .number("feature_id", parent.identity->id)
                .text("sub_key", flag.key())
                .text("display_name", flag.identity->name)
                .boolean("is_enabled", flag.enabled)
                .end();
  }
  return list.append("]");
}

class ViewText final : public FlagText {
 public:
  void append(std::string& out, const flags::Evaluation& evaluation,
              const json::object* limits) const override {
    const flags::Flag& flag = *evaluation.flag;
    Members view;
    view.number("id", flag.identity->id)
        .text("feature_key", flag.key())
        .text("display_name", flag.identity->name)
        .boolean("is_enabled", is_on(evaluation));
    if (evaluation.variant != nullptr)
      view.raw("value", evaluation.variant->text).text("variant", evaluation.variant->name);
    else
      view.null("value").null("variant");
    view.text("reason", flags::name(evaluation.reason));
    parent_id(view, flag).raw("limits", limits != nullptr ? json_text(*limits) : "{}");
    out += view.end();
  }
};

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) noexcept {
  return std::ranges::find(words, word) != words.end();
}

// What the server writes there are keys and words, none of which needs to be escaped.
std::string unquoted(std::string_view text) {
  if (text.size() < 2 || text.front() != '"') return {};
  return std::string(text.substr(1, text.size() - 2));
}

// Whether the list `changes` of the event's data has this word.
bool changes_have(const hub::Event& event, std::string_view word) {
  const std::string_view changes = member_text(event.data(), "changes").value_or(std::string_view());
  return changes.find("\"" + std::string(word) + "\"") != std::string_view::npos;
}

}  // namespace

// ---- things ----

std::string platform_for_admins(const flags::Namespace& name_space, const flags::Platform& platform) {
  return platform_members(platform)
      .raw("config", platform.config)
      .text("namespace", name_space.key)
      .number("version", platform.version)
      .time("updated_at", platform.updated_at)
      .end();
}

std::string platform_for_clients(const flags::Namespace& name_space, const flags::Platform& platform) {
  return platform_members(platform)
      .text("namespace", name_space.key)
      .time("updated_at", platform.updated_at)
      .end();
}

std::string platforms_for_clients(const flags::Namespace& name_space) {
  std::string list = "[";
  for (const flags::PlatformRef& platform : name_space.platforms) {
    if (list.size() > 1) list += ',';
    list += platform_for_clients(name_space, *platform);
  }
  return list.append("]");
}

std::string feature_for_admins(const flags::Namespace& name_space, const flags::Environment& environment,
                               const flags::Flag& flag) {
  Members members;
  members.number("id", flag.identity->id)
      .text("feature_key", flag.key())
      .text("display_name", flag.identity->name)
      .boolean("is_enabled", flag.enabled);
  return parent_id(members, flag)
      .text_or_null("platform", flag.identity->platform)
      .boolean("package_gated", flag.identity->package_gated)
      .raw("sub_features", sub_features(environment, flag))
      .text("namespace", name_space.key)
      .text("environment", environment.key)
      .number("version", flag.version)
      .end();
}

std::string unknown_feature(const hub::Event& flag_event) {
  const std::string_view data = flag_event.data();
  const std::string_view key = member_text(data, "flag_key").value_or("null");
  if (flag_event.type() == "flag.deleted")
    return Members().null("id").raw("feature_key", key).boolean("deleted", true).end();
  return Members()
      .null("id")
      .raw("feature_key", key)
      .raw("display_name", key)
      .raw("is_enabled", member_text(data, "enabled").value_or("null"))
      .null("parent_id")
      .null("platform")
      .boolean("package_gated", false)
      .raw("sub_features", "[]")
      .raw("namespace", member_text(data, "namespace").value_or("null"))
      .raw("environment", member_text(data, "environment").value_or("null"))
      .null("version")
      .end();
}

namespace {

// With the flags that `shows`, which takes a const flags::Flag&, wants.
template <class Shows>
std::string package_text(const flags::Namespace& name_space, const flags::Package& package, Shows shows) {
  std::vector<std::pair<std::string_view, const json::object*>> by_key;
  for (const flags::Feature& feature : package.features) {
    const flags::Flag* const flag = name_space.default_environment().find(feature.flag_id);
    if (flag != nullptr && shows(*flag)) by_key.emplace_back(flag->key(), &feature.limits);
  }
  std::ranges::sort(by_key);
  std::string features = "[";
  Members limits;
  for (const auto& [key, limits_of_one] : by_key) {
    if (features.size() > 1) features += ',';
    append_json(features, key);
    limits.raw(key, json_text(*limits_of_one));  // no character of a flag's key needs to be escaped
  }
  features += ']';
  Members members;
  members.number("id", package.id)
      .text("name", package.key)
      .text("display_name", package.name)
      .text("description", package.description);
  if (package.price)
    members.raw("price", number_text(*package.price));
  else
    members.null("price");
  members.text_or_null("currency", package.currency);
  if (package.billing_period)
    members.text("billing_period", flags::name(*package.billing_period));
  else
    members.null("billing_period");
  return members.boolean("is_active", package.available)
      .raw("features", features)
      .raw("limits", limits.end())
      .end();
}

}  // namespace

std::string package_for_admins(const flags::Namespace& name_space, const flags::Package& package) {
  return package_text(name_space, package, [](const flags::Flag&) { return true; });
}

std::string package_for_client(const flags::Standing& client) {
  return package_text(client.name_space(), *client.package(),
                      [&](const flags::Flag& flag) { return client.sees(flag); });
}

std::string gone_text(std::int64_t id) { return Members().number("id", id).boolean("deleted", true).end(); }

const FlagText& view_text() noexcept {
  static const ViewText text;
  return text;
}

bool is_on(const flags::Evaluation& evaluation) noexcept {
  if (evaluation.flag->definition->type != flags::ValueType::boolean)
    return evaluation.reason != flags::Reason::disabled;
  return evaluation.variant != nullptr && evaluation.variant->value.is_bool() &&
         evaluation.variant->value.get_bool();
}

// ---- what has happened ----

std::string update_text(std::string_view kind, bool is_toggle, std::int64_t id, std::string_view data,
                        UnixMs at) {
  return Members()
      .text("type", is_toggle ? "toggle" : "update")
      .id(std::string(kind).append("_id"), id)
      .raw("data", data)
      .time("timestamp", at)
      .end();
}

namespace {

// Empty: of none of these.
std::string_view kind_of(std::string_view type) noexcept {
  if (type.starts_with("platform.")) return "platform";
  if (type.starts_with("package.")) return "package";
  return type.starts_with("flag.") ? "feature" : std::string_view();
}

}  // namespace

bool may_be_change(const hub::Event& event) noexcept { return !kind_of(event.type()).empty(); }

std::optional<Change> change_of(const hub::Event& event) {
  const std::string_view kind = kind_of(event.type());
  if (kind.empty()) return std::nullopt;
  const bool of_flag = kind == "feature";
  Change change{.kind = kind,
                .name_space = text_member(event, "namespace"),
                .id = number_member(event, of_flag ? "flag_id" : "id").value_or(0)};
  if (of_flag) {
    change.environment = text_member(event, "environment");
    change.is_toggle = is_one_of(text_member(event, "action"), {"enabled", "disabled"});
  } else {
    change.is_toggle = event.type() == "platform.updated" && changes_have(event, "enabled");
  }
  return change;
}

std::string_view update_name(std::string_view kind) noexcept {
  if (kind == "platform") return "platform_update";
  return kind == "package" ? "package_update" : "feature_update";
}

std::optional<std::string> server_status(const hub::Event& event) {
  if (!is_one_of(event.type(), {"health.status.changed", "system.status"})) return std::nullopt;
  if (!event.attributes().starts_with('{')) return std::string();
  return unquoted(member_text(event.attributes(), "status").value_or(std::string_view()));
}

// ---- for clients ----

std::string sync_text(std::string_view reason, UnixMs at) {
  std::string text;
  append_json(text, reason);
  return sync_text_of(text, at);
}

std::string sync_text_of(std::string_view reason, UnixMs at) {
  return Members().text("type", "sync_required").raw("reason", reason).time("timestamp", at).end();
}

std::string_view sync_reason(const hub::Event& client_event, bool is_client) {
  if (client_event.type() != "client.updated") return "status_changed";             // it is new, or gone
  if (!is_client && changes_have(client_event, "status")) return "status_changed";  // whatever else it lost
  constexpr std::array<std::pair<std::string_view, std::string_view>, 5> reasons{{
      {"package", "package_changed"},
      {"overrides", "override_changed"},
      {"attributes", "attributes_changed"},
      {"status", "status_changed"},
      {"user_id", "status_changed"},
  }};
  for (const auto& [member, reason] : reasons)
    if (changes_have(client_event, member)) return reason;
  return {};
}

bool makes_client_of_user(const hub::Event& client_event) {
  return client_event.type() == "client.created" || changes_have(client_event, "user_id");
}

std::string announcement_text(const hub::Event& alert) {
  const auto member = [&](std::string_view name) { return member_text(alert.data(), name).value_or("null"); };
  return Members()
      .text("type", "announcement")
      .raw("message", member("message"))
      .raw("priority", member("priority"))
      .raw("metadata", member("metadata"))
      .raw("sent_by", member("sent_by"))
      .time("timestamp", alert.time())
      .end();
}

std::string status_text(std::string_view status, UnixMs at) {
  return Members().text("status", status).time("timestamp", at).end();
}

// ---- members of an event's data ----

std::string text_member(const hub::Event& event, std::string_view name) {
  return unquoted(member_text(event.data(), name).value_or(std::string_view()));
}

std::optional<std::int64_t> number_member(const hub::Event& event, std::string_view name) {
  return parse_integer(member_text(event.data(), name).value_or(std::string_view()));
}

}  // namespace corohub::gateway::socketio
