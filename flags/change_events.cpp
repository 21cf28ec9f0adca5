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

// By what a subscription judges whether its viewer may hear of the flag. A later namespace may have the key
// of this one, but never its id. A flag that is not known here is hidden from nobody.
std::string attributes_of(const Flag* flag, std::int64_t namespace_id) {
  json::object about;
  about["id"] = flag != nullptr ? json::value(flag->identity->id) : json::value();
  about["namespace_id"] = namespace_id;
  about["hidden"] =
      flag != nullptr && any_in_chain(*flag, [](const FlagIdentity& one) { return !one.client_visible; });
  about["gated"] =
      flag != nullptr && any_in_chain(*flag, [](const FlagIdentity& one) { return one.package_gated; });
  json::object attributes;
  attributes["flag"] = std::move(about);
  return json::serialize(attributes);
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

void add_author(json::object& data, const Author& author, std::optional<std::int64_t> version) {
  data["changed_by"] = value_or_null(author.caller.user_id);
  data["version"] = value_or_null(version);
}

class Events {
 public:
  Events(const Difference& difference, const Namespace* after, const Author& author)
      : difference_(difference), after_(after), author_(author) {}

  std::vector<hub::EventDraft> list() && {
    add_namespace_events();
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
  json::array& changes = data["changes"].emplace_array();
  for (const std::string_view member : event.changes) changes.emplace_back(member);
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
  draft.attributes = attributes_of(event.flag, name_space.id);
  return draft;
}

std::vector<hub::EventDraft> events_of(const Difference& difference, const Namespace* after,
                                       const Author& author) {
  return Events(difference, after, author).list();
}

std::string topic_of(std::string_view name_space, const EnvironmentParts& environment) {
  std::string topic = "flags/" + std::string(name_space);
  return environment.is_default ? topic : topic + '/' + environment.key;
}

}  // namespace corohub::flags
