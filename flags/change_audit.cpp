// The audit rows of a change: one for each thing that was changed, with all of it before and afterwards.
#include "flags/answers.hpp"
#include "flags/change.hpp"
#include "flags/effects.hpp"
#include "users/audit.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace corohub::flags {
namespace {

json::value shown(const json::object& object) { return object; }

template <class T>
json::value shown(const std::shared_ptr<T>& thing) {
  return thing ? json::value(to_json(*thing)) : json::value();
}

std::string_view verb(bool is_new, bool goes) { return is_new ? ".create" : goes ? ".delete" : ".update"; }

bool differ_in_state_alone(const Definition& one, const Definition& other) {
  if (&one == &other) return true;
  if (one.document.size() != other.document.size()) return false;
  return std::ranges::all_of(one.document, [&](const json::key_value_pair& member) {
    const json::value* same = other.document.if_contains(member.key());
    return same != nullptr && (member.key() == "state" || *same == member.value());
  });
}

class Trail {
 public:
  Trail(storage::UnitOfWork& work, const Difference& difference, const Author& author)
      : work_(work),
        author_(author),
        difference_(difference),
        name_space_(difference.after ? difference.after->key : difference.before->key) {}

  void record_all() {
    record_namespace();
    if (!difference_.after) return;
    for (const auto& [key, change] : difference_.platforms)
      add("platform", "platforms", {}, key, shown(change.before), shown(change.after));
    for (const auto& [key, change] : difference_.packages)
      add("package", "packages", {}, key, shown_package(change.before), shown_package(change.after));
    for (const auto& [key, change] : difference_.flags) record_identity(key, change);
    for (const auto& [key, change] : difference_.environments) record_environment(key, change);
  }

 private:
  // The flags of a package were there before.
  json::value shown_package(const PackageRef& package) const {
    return package ? json::value(to_json(*difference_.before, *package)) : json::value();
  }

  void record_namespace() {
    if (difference_.after && !difference_.is_new() && difference_.changes.empty()) return;
    const json::value before = difference_.is_new() ? json::value() : to_json(*difference_.before);
    const json::value after = difference_.after ? json::value(to_json(*difference_.after)) : json::value();
    add("namespace", {}, {}, name_space_, before, after);
  }

  void record_environment(const std::string& key, const EnvironmentChange& change) {
    if (!difference_.is_new() && (change.is_new() || change.goes() || !change.changes.empty())) {
      json::value before;
      json::value after;
      if (change.before) before = to_json(static_cast<const EnvironmentParts&>(*change.before));
      if (change.after) after = to_json(*change.after);
      add("environment", "environments", key, key, std::move(before), std::move(after));
    }
    if (change.is_new() || change.goes()) return;  // its content is a copy, or goes with it
    for (const auto& [segment, one] : change.segments)
      add("segment", "environments/" + key + "/segments", key, segment, shown(one.before), shown(one.after));
    for (const auto& [flag, one] : change.definitions)
      if (one.before != nullptr)  // the first ones belong to flag.create
        add("flag", "flags", key, flag, shown(one.before->definition->document), shown(one.after->document));
  }

  // A new flag is shown with the definition that was asked for and its state in every environment; one that
  // goes with its definitions, which are nowhere else afterwards.
  void record_identity(const std::string& key, const IdentityChange& change) {
    json::value before = shown(change.before);
    json::value after = shown(change.after);
    if (!change.before) add_new_definition(key, after.get_object());
    if (!change.after) add_old_definitions(key, before.get_object());
    add("flag", "flags", {}, key, std::move(before), std::move(after));
  }

  // It is the same everywhere, but on only where that was asked for.
  void add_new_definition(const std::string& key, json::object& out) const {
    const Definition* asked_for = nullptr;
    json::object states;
    for (const auto& [name, environment] : difference_.environments) {
      if (environment.goes()) continue;
      const Definition* one = environment.definitions.find(key)->second.after.get();
      states[name] = flags::name(one->state);
      if (asked_for == nullptr || one->state == State::enabled) asked_for = one;
    }
    for (const json::key_value_pair& member : asked_for->document) out[member.key()] = member.value();
    out["environments"] = std::move(states);
  }

  // As a new one is shown, with the definition of the default environment; where another one differs in more
  // than its state it stands whole, as far as there is room.
  void add_old_definitions(const std::string& key, json::object& out) {
    std::size_t room = std::min(bytes_of_gone_flag_max, room_for_gone_flags_);
    const auto fits = [&](const Definition& definition) {
      if (definition.bytes > room) return false;
      room -= definition.bytes;
      room_for_gone_flags_ -= definition.bytes;
      return true;
    };
    const Definition& first = *difference_.before->default_environment().find(key)->definition;
    const bool shows_first = fits(first);
    if (shows_first)
      for (const json::key_value_pair& member : first.document) out[member.key()] = member.value();
    json::object environments;
    for (const EnvironmentRef& environment : difference_.before->environments) {
      const Flag* flag = environment->find(key);
      if (flag == nullptr) continue;
      json::value& place = environments[environment->key];
      if (shows_first && differ_in_state_alone(first, *flag->definition))
        place = name(flag->definition->state);
      else if (fits(*flag->definition))
        place = flag->definition->document;
      else
        place = {{"state", name(flag->definition->state)},
                 {"version", flag->version},
                 {"revision", environment->revision}};
    }
    out["environments"] = std::move(environments);
  }

  void add(std::string_view kind, std::string_view folder, std::string_view environment, std::string_view key,
           json::value before, json::value after) {
    const std::string action = std::string(kind).append(verb(before.is_null(), after.is_null()));
    std::string entity = name_space_;
    if (!folder.empty()) entity.append("/").append(folder).append("/").append(key);
    json::object detail;
    detail["namespace"] = name_space_;
    detail["environment"] = environment.empty() ? json::value() : json::value(environment);
    detail["key"] = key;
    detail["before"] = std::move(before);
    detail["after"] = std::move(after);
    detail["comment"] = author_.comment.empty() ? json::value() : json::value(author_.comment);
    detail["source"] = name(author_.source);
    if (author_.service_key) detail["service_key"] = *author_.service_key;
    users::record(work_, author_.caller, action, std::nullopt, detail, entity);
  }

  storage::UnitOfWork& work_;
  const Author& author_;
  const Difference& difference_;
  const std::string name_space_;
  std::size_t room_for_gone_flags_ = bytes_of_gone_flags_max;
};

}  // namespace

void record_audit(storage::UnitOfWork& work, const Difference& difference, const Author& author) {
  Trail(work, difference, author).record_all();
}

}  // namespace corohub::flags
