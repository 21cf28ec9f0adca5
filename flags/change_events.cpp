// The events of a change: one per flag and environment, others that the change alters, and those for
// administrators.
#include "flags/effects.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::flags {
namespace {

// Whether the predicate holds for the flag or for one above it.
template <class Predicate>
bool any_in_chain(const Flag& flag, Predicate predicate) {
  for (const Flag* one = &flag; one != nullptr; one = one->parent)
    if (predicate(*one->identity)) return true;
  return false;
}

// Who saw a flag that is gone.
void add_gate(json::object& about, const GateRecord& gate) {
  const auto add = [&](std::string_view name, const std::vector<std::int64_t>& ids) {
    json::array& list = about[name].emplace_array();
    for (const std::int64_t id : ids) list.emplace_back(id);
  };
  add("packages", gate.packages);
  add("granted", gate.granted);
  add("denied", gate.denied);
}

// By what a subscription judges whether its viewer may hear of the flag. A later namespace may have the key
// of this one, but never its id. A flag that is not known here is hidden from nobody.
std::string attributes_of(const Flag* flag, std::int64_t namespace_id, std::int64_t environment_id,
                          const GateRecord* gate) {
  json::object about;
  about["id"] = flag != nullptr ? json::value(flag->identity->id) : json::value();
  about["namespace_id"] = namespace_id;
  about["environment_id"] = environment_id;
  about["hidden"] =
      flag != nullptr && any_in_chain(*flag, [](const FlagIdentity& one) { return !one.client_visible; });
  about["gated"] =
      flag != nullptr && any_in_chain(*flag, [](const FlagIdentity& one) { return one.package_gated; });
  if (gate != nullptr) add_gate(about, *gate);
  json::object attributes;
  attributes["flag"] = std::move(about);
  return json::serialize(attributes);
}

// Whose clients an event that is not of a topic is for, beside administrators.
std::string attributes_for(std::int64_t namespace_id, std::int64_t package_id) {
  json::object whose;
  whose["namespace"] = namespace_id;
  if (package_id != 0) whose["package"] = package_id;
  json::object attributes;
  attributes["for"] = std::move(whose);
  return json::serialize(attributes);
}

void add_changes(json::object& data, const MemberNames& members) {
  json::array& changes = data["changes"].emplace_array();
  for (const std::string_view member : members) changes.emplace_back(member);
}

// Whose what waits for a connection remains when its rank changes: of flags that others do not see, and of
// namespaces that they may not evaluate, the administrators'.
hub::Audience audience_of(const Flag* flag, NamespaceAccess access) {
  const bool unseen = access == NamespaceAccess::clients ||
                      (flag != nullptr && any_in_chain(*flag, [](const FlagIdentity& one) {
                         return !one.client_visible || one.package_gated;
                       }));
  return unseen ? hub::Audience::admins() : hub::Audience::everyone();
}

template <class T>
json::value value_or_null(const std::optional<T>& value) {
  return value ? json::value(*value) : json::value();
}

// What a message about flags did was done by whoever sent it to begin with, not by who brought it here.
void add_author(json::object& data, const Author& author, std::optional<std::int64_t> version) {
  const bool brought = author.source == Source::redis || author.source == Source::http;
  data["changed_by"] = brought ? json::value() : value_or_null(author.caller.user_id);
  data["version"] = value_or_null(version);
}

class Events {
 public:
  Events(const Difference& difference, const Namespace* after, const Author& author, const GateRecords& gates)
      : difference_(difference), after_(after), author_(author), gates_(gates) {}

  std::vector<hub::EventDraft> list() && {
    add_namespace_events();
    if (after_ != nullptr) {
      for (const auto& [key, change] : difference_.platforms) add_platform_event(change);
      for (const auto& [key, change] : difference_.packages) add_package_event(change);
    }
    for (const auto& [key, change] : difference_.environments) {
      if (after_ == nullptr) break;
      add_environment_events(key, change);
      if (change.is_new() || change.goes()) continue;
      add_own_events(change, **after_->environment(key));
      add_caused_events(change, **after_->environment(key));
    }
    return std::move(drafts_);
  }

 private:
  const std::string& name_space() const {
    return difference_.after ? difference_.after->key : difference_.before->key;
  }

  // ---- for administrators ----

  void add_admin_event(std::string type, std::string_view environment, std::string_view key,
                       std::int64_t version) {
    json::object data;
    data["namespace"] = name_space();
    if (!environment.empty()) data["environment"] = environment;
    data["key"] = key;
    add_author(data, author_, version);
    drafts_.push_back({std::move(type), json::serialize(data), hub::Audience::admins()});
  }

  void add_namespace_events() {
    const std::string& key = name_space();
    if (!difference_.after)
      add_admin_event("namespace.deleted", {}, key, difference_.before->version);
    else if (difference_.is_new())
      add_admin_event("namespace.created", {}, key, difference_.after->version);
    else if (!difference_.changes.empty())
      add_admin_event("namespace.updated", {}, key, difference_.after->version);
  }

  void add_environment_events(const std::string& key, const EnvironmentChange& change) {
    const bool tells = !difference_.is_new() && (change.is_new() || change.goes() || !change.changes.empty());
    if (tells)
      add_admin_event("namespace.updated", key, name_space(),
                      change.after ? change.after->version : change.before->version);
    if (change.is_new() || change.goes()) return;
    for (const auto& [segment, one] : change.segments) {
      const std::string_view verb = !one.before ? "created" : one.after ? "updated" : "deleted";
      add_admin_event("segment." + std::string(verb), key, segment,
                      one.after ? one.after->version : one.before->version);
    }
  }

  // ---- for administrators and clients ----

  // The data that platforms and packages have in common.
  template <class Change>
  json::object told_of(const Change& change) const {
    const Entity& entity = change.after ? static_cast<const Entity&>(*change.after) : *change.before;
    json::object data;
    data["namespace"] = name_space();
    data["id"] = entity.id;
    data["key"] = entity.key;
    add_changes(data, change.changes);
    return data;
  }

  template <class Change>
  void add_client_event(std::string kind, const Change& change, json::object data, std::int64_t package_id) {
    const Entity& entity = change.after ? static_cast<const Entity&>(*change.after) : *change.before;
    add_author(data, author_, entity.version);
    hub::EventDraft draft;
    draft.type = kind + (!change.before ? ".created" : change.after ? ".updated" : ".deleted");
    draft.data = json::serialize(data);
    draft.audience = hub::Audience::admins_and_clients();
    draft.attributes = attributes_for(after_->id, package_id);
    draft.also = std::move(kind) + '/' + std::to_string(entity.id);
    drafts_.push_back(std::move(draft));
  }

  void add_platform_event(const PlatformChange& change) {
    json::object data = told_of(change);
    data["enabled"] = change.after && change.after->enabled;
    add_client_event("platform", change, std::move(data), 0);
  }

  void add_package_event(const PackageChange& change) {
    const std::int64_t id = change.after ? change.after->id : change.before->id;
    add_client_event("package", change, told_of(change), id);
  }

  // ---- of flags ----

  void add_flag_event(const EnvironmentParts& environment, FlagEvent event) {
    event.enabled = event.action != "deleted" && event.flag->enabled;
    drafts_.push_back(flag_event(*after_, environment, event, author_));
  }

  void add_own_events(const EnvironmentChange& change, const Environment& after) {
    own_.clear();
    for (const auto& [key, one] : difference_.flags) own_.insert(key);
    for (const auto& [key, one] : change.definitions) own_.insert(key);
    for (const std::string_view key : own_) add_flag_event(after, own_event(key, change, after));
  }

  FlagEvent own_event(std::string_view key, const EnvironmentChange& change, const Environment& after) const {
    const auto identity = difference_.flags.find(key);
    const auto definition = change.definitions.find(key);
    FlagEvent event;
    if (identity != difference_.flags.end() && !identity->second.after) {
      event.flag = change.before->find(key);
      event.action = "deleted";
      event.version = identity->second.before->version;
      event.gate = gates_.of(event.flag->identity->id);
      return event;
    }
    event.flag = after.find(key);
    event.action = "updated";
    if (identity != difference_.flags.end()) {
      event.changes = identity->second.changes;
      event.version = identity->second.after->version;
    }
    if (definition == change.definitions.end()) return event;
    event.version = definition->second.version;
    if (definition->second.before == nullptr) {
      event.action = "created";
      return event;
    }
    const MemberNames& members = definition->second.changes;
    event.changes.insert(event.changes.end(), members.begin(), members.end());
    if (std::ranges::find(members, "state") != members.end())
      event.action = event.flag->definition->state == State::enabled ? "enabled" : "disabled";
    return event;
  }

  void add_caused_events(const EnvironmentChange& change, const Environment& after) {
    if (difference_.flags.empty() && difference_.platforms.empty() && change.definitions.empty() &&
        change.segments.empty())
      return;
    auto before = change.before->flags().begin();  // sorted as the others are
    for (const Flag& flag : after.flags()) {
      if (own_.contains(flag.key())) continue;
      while (before->key() != flag.key()) ++before;
      if (before->enabled != flag.enabled) {
        add_flag_event(after, {&flag,
                               flag.enabled ? "enabled" : "disabled",
                               {"enabled"},
                               cause_of_switch(change, flag),
                               flag.version});
      } else if (std::optional<std::string> segment = changed_segment(change, *flag.definition)) {
        add_flag_event(after, {&flag, "updated", {"targeting"}, "segment:" + *segment, flag.version});
      }
    }
  }

  // The nearest thing at or above the flag that was changed itself.
  std::string cause_of_switch(const EnvironmentChange& change, const Flag& flag) const {
    for (const Flag* one = &flag; one != nullptr; one = one->parent) {
      if (one != &flag && is_switched(change, *one)) return "parent:" + one->key();
      const std::optional<std::string>& platform = one->identity->platform;
      if (platform && difference_.platforms.contains(*platform)) return "platform:" + *platform;
    }
    return "parent:" + flag.identity->parent.value_or("");
  }

  bool is_switched(const EnvironmentChange& change, const Flag& flag) const {
    if (difference_.flags.contains(flag.key())) return true;
    const auto definition = change.definitions.find(flag.key());
    if (definition == change.definitions.end()) return false;
    return std::ranges::find(definition->second.changes, "state") != definition->second.changes.end();
  }

  static std::optional<std::string> changed_segment(const EnvironmentChange& change,
                                                    const Definition& definition) {
    for (const std::string& segment : definition.segments()) {
      const auto changed = change.segments.find(segment);
      if (changed == change.segments.end()) continue;
      const MemberNames& members = changed->second.changes;
      const bool renamed = changed->second.before && changed->second.after &&
                           std::ranges::find(members, "rule") == members.end();
      if (!renamed) return segment;
    }
    return std::nullopt;
  }

  const Difference& difference_;
  const Namespace* after_;
  const Author& author_;
  const GateRecords& gates_;
  std::vector<hub::EventDraft> drafts_;
  std::set<std::string_view> own_;  // flags that were changed themselves, in the environment in hand
};

}  // namespace

hub::EventDraft flag_event(const Namespace& name_space, const EnvironmentParts& environment,
                           const FlagEvent& event, const Author& author) {
  json::object data;
  data["namespace"] = name_space.key;
  data["environment"] = environment.key;
  data["flag_id"] = event.flag != nullptr ? json::value(event.flag->identity->id) : json::value();
  data["flag_key"] = event.flag != nullptr ? std::string_view(event.flag->key()) : event.key;
  data["action"] = event.action;
  data["enabled"] = value_or_null(event.enabled);
  add_changes(data, event.changes);
  if (!event.cause.empty()) data["cause"] = event.cause;
  data["source"] = name(author.source);
  if (author.occurred_at) data["occurred_at"] = rfc3339(*author.occurred_at);
  add_author(data, author, event.version);
  hub::EventDraft draft;
  draft.type = event.action == "created"   ? "flag.created"
               : event.action == "deleted" ? "flag.deleted"
                                           : "flag.updated";
  draft.data = json::serialize(data);
  draft.topic = topic_of(name_space.key, environment);
  draft.audience = audience_of(event.flag, name_space.access);
  draft.attributes = attributes_of(event.flag, name_space.id, environment.id, event.gate);
  if (event.flag != nullptr) draft.also = "feature/" + std::to_string(event.flag->identity->id);
  return draft;
}

std::vector<hub::EventDraft> events_of(const Difference& difference, const Namespace* after,
                                       const Author& author, const GateRecords& gates) {
  return Events(difference, after, author, gates).list();
}

std::string topic_of(std::string_view name_space, const EnvironmentParts& environment) {
  std::string topic = "flags/" + std::string(name_space);
  return environment.is_default ? topic : topic + '/' + environment.key;
}

}  // namespace corohub::flags
