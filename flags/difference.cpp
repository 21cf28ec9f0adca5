#include "flags/difference.hpp"

#include "core/json.hpp"
#include "flags/answers.hpp"
#include "flags/definition_patch.hpp"
#include "flags/json_equality.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace corohub::flags {
namespace {

constexpr std::array<std::string_view, 5> definition_members = {"state", "variants", "defaultVariant",
                                                                "targeting", "metadata"};

// Adds the name of a member whose value differs.
template <class T>
void note(MemberNames& changes, std::string_view member, const T& before, const T& after) {
  if (!(before == after)) changes.push_back(member);
}

// What a changed entity takes over from the one that was there.
void succeed(Entity& after, const Entity& before, UnixMs now) {
  after.id = before.id;
  after.key = before.key;
  after.version = before.version + 1;
  after.created_at = before.created_at;
  after.updated_at = now;
}

void begin(Entity& entity, UnixMs now) {
  entity.id = 0;
  entity.version = 1;
  entity.created_at = now;
  entity.updated_at = now;
}

MemberNames changes_between(const FlagIdentity& before, const FlagIdentity& after) {
  MemberNames changes;
  note(changes, "name", before.name, after.name);
  note(changes, "description", before.description, after.description);
  note(changes, "tags", before.tags, after.tags);
  note(changes, "type", before.type, after.type);
  note(changes, "parent", before.parent, after.parent);
  note(changes, "platform", before.platform, after.platform);
  note(changes, "package_gated", before.package_gated, after.package_gated);
  note(changes, "off_variant", before.off_variant, after.off_variant);
  note(changes, "client_visible", before.client_visible, after.client_visible);
  return changes;
}

MemberNames changes_between(const Platform& before, const Platform& after) {
  MemberNames changes;
  note(changes, "name", before.name, after.name);
  note(changes, "enabled", before.enabled, after.enabled);
  if (!are_equal_as_json(before.config, after.config)) changes.push_back("config");
  return changes;
}

MemberNames changes_between(const Package& before, const Package& after) {
  MemberNames changes;
  note(changes, "name", before.name, after.name);
  note(changes, "description", before.description, after.description);
  note(changes, "price", before.price, after.price);
  note(changes, "currency", before.currency, after.currency);
  note(changes, "billing_period", before.billing_period, after.billing_period);
  note(changes, "available", before.available, after.available);
  note(changes, "features", before.features, after.features);
  return changes;
}

// Null: none has the key.
template <class Ref>
Ref find_by_key(const std::vector<Ref>& all, std::string_view key) {
  const auto there =
      std::ranges::lower_bound(all, key, {}, [](const Ref& one) -> std::string_view { return one->key; });
  return there != all.end() && (*there)->key == key ? *there : nullptr;
}

MemberNames changes_between(const Definition& before, const Definition& after) {
  MemberNames changes;
  for (const std::string_view member : definition_members) {
    const json::value* one = before.document.if_contains(member);
    const json::value* other = after.document.if_contains(member);
    if ((one == nullptr) != (other == nullptr) || (one != nullptr && !(*one == *other)))
      changes.push_back(member);
  }
  return changes;
}

class Comparison {
 public:
  Comparison(const NamespaceRef& before, const Edits& edits, UnixMs now) : edits_(edits), now_(now) {
    difference_.before = before;
    difference_.now = now;
    if (!edits.removed) difference_.after = std::make_shared<Namespace>(*before);
    for (const EnvironmentRef& environment : before->environments) {
      EnvironmentChange& there = difference_.environments[environment->key];
      there.before = environment;
      there.after = *environment;
    }
  }

  Result<Difference> run() {
    if (edits_.removed) {
      for (auto& [key, environment] : difference_.environments) environment.after.reset();
      return std::move(difference_);
    }
    if (edits_.properties) compare_properties(*edits_.properties);
    for (const auto& [key, edit] : edits_.environments)
      if (const Result<> compared = compare_environment(key, edit); !compared) return compared.error();
    settle_default();
    for (const auto& [key, wanted] : edits_.platforms) compare_platform(key, wanted);
    for (const auto& [key, edit] : edits_.flags) compare_identity(key, edit);
    for (const auto& [key, wanted] : edits_.packages) compare_package(key, wanted);
    if (flags_go_)
      for (const PackageRef& package : before().packages)
        if (!edits_.packages.contains(package->key)) compare_package(package->key, *package);
    for (auto& [key, environment] : difference_.environments)
      if (environment.after) compare_content(key, environment);
    return std::move(difference_);
  }

 private:
  const Namespace& before() const { return *difference_.before; }

  void compare_properties(const NamespaceProperties& wanted) {
    Namespace& after = *difference_.after;
    after.name = wanted.name;
    after.tenant_id = wanted.tenant_id;
    after.app_id = wanted.app_id;
    after.access = wanted.access;
    if (difference_.is_new()) {
      begin(after, now_);
      after.key = wanted.key;
      return;
    }
    MemberNames& changes = difference_.changes;
    note(changes, "name", before().name, after.name);
    note(changes, "tenant_id", before().tenant_id, after.tenant_id);
    note(changes, "app_id", before().app_id, after.app_id);
    note(changes, "access", before().access, after.access);
    if (!changes.empty()) succeed(after, before(), now_);
  }

  Result<> compare_environment(const std::string& key, const Edits::EnvironmentEdit& edit) {
    const auto there = difference_.environments.find(key);
    if (edit.removed) {
      if (there == difference_.environments.end()) return no_environment();
      there->second.after.reset();
      return {};
    }
    if (!edit.parts) return there == difference_.environments.end() ? no_environment() : Result<>();
    if (there == difference_.environments.end()) return make_environment(key, edit);
    EnvironmentChange& change = there->second;
    EnvironmentParts after = *edit.parts;
    after.segments = change.before->segments;
    after.revision = change.before->revision;
    note(change.changes, "name", change.before->name, after.name);
    note(change.changes, "is_default", change.before->is_default, after.is_default);
    note(change.changes, "metadata", change.before->metadata, after.metadata);
    if (change.changes.empty()) return {};
    succeed(after, *change.before, now_);
    change.after = std::move(after);
    return {};
  }

  Result<> make_environment(const std::string& key, const Edits::EnvironmentEdit& edit) {
    EnvironmentChange change;
    change.after = *edit.parts;
    change.after->key = key;
    change.after->revision = 0;
    change.after->segments.clear();
    begin(*change.after, now_);
    if (!difference_.is_new() && before().environment(edit.copy_from) == nullptr)
      return Error(ErrorCode::validation_failed)
          .at("/copy_from", "unknown_value", "There is no such environment.");
    difference_.environments[key] = std::move(change);
    return {};
  }

  // An environment that becomes the default one takes that from the other.
  void settle_default() {
    const auto becomes = [](const EnvironmentChange& one) {
      return one.after && one.after->is_default && (one.is_new() || !one.before->is_default);
    };
    const bool moves = std::ranges::any_of(difference_.environments,
                                           [&](const auto& entry) { return becomes(entry.second); });
    if (!moves) return;
    for (auto& [key, one] : difference_.environments) {
      if (!one.after || !one.after->is_default || becomes(one)) continue;
      one.after->is_default = false;
      if (one.changes.empty()) succeed(*one.after, *one.before, now_);
      one.changes.push_back("is_default");
    }
  }

  void compare_platform(const std::string& key, const std::optional<Platform>& wanted) {
    settle_entity(difference_.platforms, before().platforms, key, wanted);
  }

  // A flag that goes leaves the packages.
  void compare_package(const std::string& key, std::optional<Package> wanted) {
    if (wanted && flags_go_)
      std::erase_if(wanted->features, [&](const Feature& one) { return !has_flag(one.flag_id); });
    settle_entity(difference_.packages, before().packages, key, wanted);
  }

  bool has_flag(std::int64_t id) const {
    const Flag* flag = before().default_environment().find(id);
    return flag != nullptr && difference_.flag(flag->key()) != nullptr;
  }

  // Of something of the whole namespace with this key: whether it comes, goes, or would be another.
  template <class Change, class Ref, class T>
  void settle_entity(ByKey<Change>& changes, const std::vector<Ref>& all, const std::string& key,
                     const std::optional<T>& wanted) const {
    Change change;
    change.before = find_by_key(all, key);
    if (!wanted && !change.before) return;
    if (wanted && change.before) change.changes = changes_between(*change.before, *wanted);
    if (wanted && change.before && change.changes.empty()) return;
    if (wanted) {
      change.after = std::make_shared<T>(*wanted);
      if (change.before)
        succeed(*change.after, *change.before, now_);
      else
        begin(*change.after, now_);
    }
    changes[key] = std::move(change);
  }

  FlagIdentityRef identity_before(std::string_view key) const {
    const Flag* flag = difference_.is_new() ? nullptr : before().default_environment().find(key);
    return flag == nullptr ? nullptr : flag->identity;
  }

  void compare_identity(const std::string& key, const Edits::IdentityEdit& edit) {
    IdentityChange change;
    change.before = identity_before(key);
    change.at = edit.at;
    if (!edit.identity && !change.before) return;
    if (edit.identity) {
      change.after = std::make_shared<FlagIdentity>(*edit.identity);
      change.after->key = key;
      if (change.before) {
        change.changes = changes_between(*change.before, *change.after);
        if (change.changes.empty()) return;
        succeed(*change.after, *change.before, now_);
        const bool moves = change.before->parent != change.after->parent ||
                           change.before->platform != change.after->platform;
        change.after->moved_at = moves ? now_ : change.before->moved_at;
      } else {
        begin(*change.after, now_);
      }
    } else {
      flags_go_ = true;
    }
    difference_.flags[key] = std::move(change);
  }

  // ---- what is in an environment ----

  const Edits::EnvironmentEdit& edit_of(const std::string& key) const {
    static const Edits::EnvironmentEdit nothing;
    const auto found = edits_.environments.find(key);
    return found == edits_.environments.end() ? nothing : found->second;
  }

  // Whence a new environment has its content; null: from nowhere.
  const Environment* model_of(const EnvironmentChange& change, const Edits::EnvironmentEdit& edit) const {
    if (!change.is_new() || difference_.is_new()) return nullptr;
    return before().environment(edit.copy_from)->get();
  }

  void compare_content(const std::string& key, EnvironmentChange& change) {
    const Edits::EnvironmentEdit& edit = edit_of(key);
    if (const Environment* model = model_of(change, edit)) copy_content(change, *model);
    for (const auto& [flag, wanted] : edit.definitions) compare_definition(change, flag, wanted);
    for (const auto& [flag, identity] : difference_.flags)
      if (!identity.before && identity.after && !change.definitions.contains(flag))
        add_disabled(change, flag);
    for (const auto& [segment, wanted] : edit.segments) compare_segment(change, segment, wanted);
  }

  void copy_content(EnvironmentChange& change, const Environment& model) const {
    for (const Flag& flag : model.flags()) {
      if (difference_.flag(flag.key()) == nullptr) continue;
      DefinitionChange& copy = change.definitions[flag.key()];
      copy.after = with_state(flag.definition, State::disabled);
      copy.dangling = Dangling::ignored;
    }
    for (const SegmentRef& segment : model.segments) {
      SegmentChange& copy = change.segments[segment->key];
      copy.after = std::make_shared<Segment>(*segment);
      begin(*copy.after, now_);
    }
  }

  void compare_definition(EnvironmentChange& change, const std::string& flag,
                          const Edits::DefinitionEdit& wanted) const {
    if (const auto identity = difference_.flags.find(flag);
        identity != difference_.flags.end() && !identity->second.after)
      return;
    DefinitionChange made;
    made.before = change.before ? change.before->find(flag) : nullptr;
    made.after = wanted.definition;
    made.at = wanted.at;
    made.dangling = wanted.dangling;
    if (made.before != nullptr) {
      made.changes = changes_between(*made.before->definition, *made.after);
      if (made.changes.empty()) return;
      made.version = made.before->version + 1;
    }
    change.definitions[flag] = std::move(made);
  }

  // A new flag has the same definition everywhere, but is on only where that was asked for.
  void add_disabled(EnvironmentChange& change, const std::string& flag) const {
    for (const auto& [key, edit] : edits_.environments) {
      const auto given = edit.definitions.find(flag);
      if (given == edit.definitions.end()) continue;
      DefinitionChange& made = change.definitions[flag];
      made.after = with_state(given->second.definition, State::disabled);
      made.at = given->second.at;
      made.dangling = given->second.elsewhere;
      return;
    }
    throw std::logic_error("a new flag without any definition");
  }

  void compare_segment(EnvironmentChange& change, const std::string& key,
                       const std::optional<Edits::SegmentEdit>& wanted) const {
    SegmentChange made;
    if (change.before)
      if (const auto there =
              std::ranges::find(change.before->segments, key, [](const auto& one) { return one->key; });
          there != change.before->segments.end())
        made.before = *there;
    if (!wanted && !made.before) return;
    if (wanted) {
      made.after = std::make_shared<Segment>();
      made.after->key = key;
      made.after->name = wanted->name;
      made.after->rule = wanted->rule;
      if (made.before) {
        note(made.changes, "name", made.before->name, wanted->name);
        note(made.changes, "rule", made.before->rule.document, wanted->rule.document);
        if (made.changes.empty()) return;
        succeed(*made.after, *made.before, now_);
      } else {
        begin(*made.after, now_);
      }
    }
    change.segments[key] = std::move(made);
  }

  const Edits& edits_;
  const UnixMs now_;
  Difference difference_;
  bool flags_go_ = false;
};

}  // namespace

Result<Difference> compare(const NamespaceRef& before, const Edits& edits, UnixMs now) {
  return Comparison(before, edits, now).run();
}

}  // namespace corohub::flags
