// What a namespace may be like: whatever is asked of a change as a whole.
#include "flags/change.hpp"
#include "flags/definition_patch.hpp"
#include "flags/difference.hpp"
#include "flags/repository.hpp"

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::flags {
namespace {

constexpr std::size_t warnings_max = 1'000;  // of one change

Error limit(std::size_t most, std::string_view what) {
  return Error(ErrorCode::limit_reached,
               "There may be " + std::to_string(most) + " " + std::string(what) + " at most.");
}

constexpr std::size_t clients_named_max = 100;  // of those in whose use something is

// The keys of those that use it stand in the answer.
Error in_use(std::string why, const std::set<std::string>& flags = {},
             const std::vector<std::string>& clients = {}) {
  Error error(ErrorCode::in_use, std::move(why));
  json::object members;
  const auto add = [&](std::string_view name, const auto& users) {
    if (users.empty()) return;
    json::array& keys = members[name].emplace_array();
    for (const std::string& key : users) keys.emplace_back(key);
  };
  add("flags", flags);
  add("clients", clients);
  if (members.empty()) return error;
  return std::move(error).with(json::serialize(members));
}

class Judgement {
 public:
  Judgement(storage::UnitOfWork& work, const Difference& difference, std::vector<FieldError>& warnings)
      : work_(work), difference_(difference), warnings_(warnings) {}

  Result<> run() {
    if (std::optional<Error> refusal = refused_namespace()) return std::move(*refusal);
    if (!difference_.after) return {};
    if (std::optional<Error> refusal = refused_environments()) return std::move(*refusal);
    if (std::optional<Error> refusal = refused_removals()) return std::move(*refusal);
    for (const auto& [key, change] : difference_.flags)
      if (change.after) judge_identity(key, change);
    judge_old_descendants();
    for (const auto& [key, environment] : difference_.environments)
      for (const auto& [flag, change] : environment.definitions) judge_definition(environment, flag, change);
    if (complaints_.empty()) return {};
    Error refusal(ErrorCode::validation_failed);
    refusal.fields = std::move(complaints_);
    return refusal;
  }

 private:
  void complain(const std::string& at, std::string_view member, std::string_view code, std::string message) {
    complaints_.push_back({at + std::string(member), std::string(code), std::move(message)});
  }

  // ---- conflicts with what is there ----

  std::optional<Error> refused_namespace() {
    const Namespace& before = *difference_.before;
    if (!difference_.after) {
      if (before.key == "default") return in_use("The namespace `default` stays.");
      if (!before.default_environment().flags().empty() || !before.platforms.empty() ||
          !before.packages.empty() || has_clients(work_, before.id))
        return in_use("The namespace is not empty.");
      return std::nullopt;
    }
    const Namespace& after = *difference_.after;
    if (difference_.is_new()) {
      if (read_stamp(work_, after.key)) return Error(ErrorCode::key_taken, "There is such a namespace.");
      if (count_namespaces(work_) >= namespaces_max) return limit(namespaces_max, "namespaces");
    }
    if (difference_.is_new() || after.tenant_id != before.tenant_id || after.app_id != before.app_id) {
      const std::optional<std::string> other = namespace_of_app(work_, after.tenant_id, after.app_id);
      if (other && *other != after.key)
        return Error(ErrorCode::key_taken, "Another namespace has this tenant_id and app_id.");
    }
    return std::nullopt;
  }

  std::optional<Error> refused_environments() {
    std::size_t count = 0;
    std::size_t defaults = 0;
    for (const auto& [key, one] : difference_.environments) {
      if (one.goes() && one.before->is_default) return in_use("The default environment stays.");
      if (one.goes()) {
        const auto clients = clients_of(NamedByClient::environment, one.before->id);
        if (!clients.empty()) return in_use("Clients are in the environment.", {}, clients);
        continue;
      }
      ++count;
      defaults += one.after->is_default ? 1U : 0U;
      if (std::optional<Error> refusal = refused_segments(one)) return refusal;
    }
    if (defaults != 1) return in_use("Make another environment the default one instead.");
    if (count > environments_max && count > difference_.before->environments.size())
      return limit(environments_max, "environments");
    return std::nullopt;
  }

  std::optional<Error> refused_segments(const EnvironmentChange& environment) const {
    const std::vector<SegmentRef> none;
    if (grows_beyond(segments_max, environment.before ? environment.before->segments : none,
                     environment.segments))
      return limit(segments_max, "segments");
    return std::nullopt;
  }

  // What goes must not be named by what stays as it was; what changes is judged by itself.
  std::optional<Error> refused_removals() {
    if (difference_.flag_count() > flags_max &&
        std::ranges::any_of(difference_.flags, [](const auto& one) { return !one.second.before; }))
      return limit(flags_max, "flags");
    if (std::set<std::string> children = orphans(); !children.empty())
      return in_use("Other flags have it as their parent.", children);
    for (const auto& [key, environment] : difference_.environments)
      if (std::set<std::string> users = users_of_removed(environment); !users.empty())
        return in_use("Rules of flags name the segment.", users);
    if (std::optional<Error> refusal = refused_platforms()) return refusal;
    return refused_packages();
  }

  std::vector<std::string> clients_of(NamedByClient what, std::int64_t id) const {
    return clients_that_name(work_, what, id, clients_named_max);
  }

  // Whether there are more than there may be, some of which are new.
  template <class Ref, class Change>
  static bool grows_beyond(std::size_t most, const std::vector<Ref>& before, const ByKey<Change>& changes) {
    std::size_t count = before.size();
    bool grows = false;
    for (const auto& [key, change] : changes) {
      count += !change.before ? 1U : 0U;
      count -= !change.after ? 1U : 0U;
      grows = grows || !change.before;
    }
    return grows && count > most;
  }

  std::optional<Error> refused_platforms() const {
    const Namespace& before = *difference_.before;
    if (grows_beyond(platforms_max, before.platforms, difference_.platforms))
      return limit(platforms_max, "platforms");
    for (const auto& [key, change] : difference_.platforms) {
      if (change.after) continue;
      std::set<std::string> flags;
      for (const Flag& flag : before.default_environment().flags())
        if (flag.identity->platform == key && !difference_.flags.contains(flag.key()))
          flags.insert(flag.key());
      const std::vector<std::string> clients = clients_of(NamedByClient::platform, change.before->id);
      if (!flags.empty() || !clients.empty())
        return in_use("Flags or clients name the platform.", flags, clients);
    }
    return std::nullopt;
  }

  std::optional<Error> refused_packages() const {
    if (grows_beyond(packages_max, difference_.before->packages, difference_.packages))
      return limit(packages_max, "packages");
    for (const auto& [key, change] : difference_.packages) {
      if (change.after) continue;
      const std::vector<std::string> clients = clients_of(NamedByClient::package, change.before->id);
      if (!clients.empty()) return in_use("Clients have the package.", {}, clients);
    }
    return std::nullopt;
  }

  std::set<std::string> orphans() const {
    std::set<std::string> children;
    const bool some_go =
        std::ranges::any_of(difference_.flags, [](const auto& one) { return !one.second.after; });
    if (!some_go) return children;
    for (const Flag& flag : difference_.before->default_environment().flags())
      if (flag.identity->parent && !difference_.flags.contains(flag.key()) &&
          difference_.flag(*flag.identity->parent) == nullptr)
        children.insert(flag.key());
    return children;
  }

  std::set<std::string> users_of_removed(const EnvironmentChange& environment) const {
    std::set<std::string> users;
    if (!environment.before || environment.goes()) return users;
    for (const auto& [segment, change] : environment.segments) {
      if (change.after) continue;
      for (const Flag& flag : environment.before->flags()) {
        if (environment.definitions.contains(flag.key()) || difference_.flag(flag.key()) == nullptr) continue;
        if (std::ranges::binary_search(flag.definition->segments(), segment)) users.insert(flag.key());
      }
    }
    return users;
  }

  // ---- flags ----

  void judge_identity(const std::string& key, const IdentityChange& change) {
    const FlagIdentity& after = *change.after;
    if (change.before && change.before->type != after.type)
      complain(change.at, "/type", "type_fixed", "The type of a flag is fixed.");
    if (after.platform && !has_platform(*after.platform))
      complain(change.at, "/platform", "unknown_flag", "There is no such platform.");
    judge_off_variant(key, change);
    if (!after.parent) return;
    if (difference_.flag(*after.parent) == nullptr)
      complain(change.at, "/parent", "unknown_flag", "There is no such flag.");
    else
      judge_chain(key, change);
  }

  bool has_platform(const std::string& key) const {
    if (const auto changed = difference_.platforms.find(key); changed != difference_.platforms.end())
      return changed->second.after != nullptr;
    return std::ranges::any_of(difference_.before->platforms,
                               [&](const PlatformRef& one) { return one->key == key; });
  }

  void judge_off_variant(const std::string& key, const IdentityChange& change) {
    const std::optional<std::string>& wanted = change.after->off_variant;
    if (!wanted || (change.before && change.before->off_variant == wanted)) return;
    for (const auto& [name, environment] : difference_.environments) {
      if (environment.goes()) continue;
      const Definition* definition = definition_of(environment, key);
      if (definition == nullptr || definition->variant(*wanted) != nullptr) continue;
      complain(change.at, "/off_variant", "unknown_variant",
               "The environment " + name + " has no such variant.");
      return;
    }
  }

  static const Definition* definition_of(const EnvironmentChange& environment, const std::string& flag) {
    if (const auto changed = environment.definitions.find(flag); changed != environment.definitions.end())
      return changed->second.after.get();
    const Flag* there = environment.before ? environment.before->find(flag) : nullptr;
    return there == nullptr ? nullptr : there->definition.get();
  }

  // A flag and all above it; nothing: they are in a circle.
  std::optional<std::size_t> levels_of(const FlagIdentity& flag) const {
    std::size_t levels = 0;
    for (const FlagIdentity* one = &flag; one != nullptr;
         one = one->parent ? difference_.flag(*one->parent) : nullptr)
      if (++levels > flags_max) return std::nullopt;
    return levels;
  }

  void judge_chain(const std::string& key, const IdentityChange& change) {
    const std::optional<std::size_t> levels = levels_of(*change.after);
    if (!levels)
      complain(change.at, "/parent", "cycle", "The flag would be above itself.");
    else if (*levels > flag_levels_max)
      complain(change.at, "/parent", "too_complex", "Flags may be nested three levels deep.");
    else if (change.before && change.before->parent != change.after->parent)
      moved_.insert(key);
  }

  // Flags that stay as they are, below some that have been moved.
  void judge_old_descendants() {
    if (moved_.empty()) return;
    for (const Flag& flag : difference_.before->default_environment().flags()) {
      if (!flag.identity->parent || difference_.flags.contains(flag.key())) continue;
      if (levels_of(*flag.identity).value_or(0) <= flag_levels_max) continue;
      const std::string& above = *flag.identity->parent;
      const std::string& place = moved_.contains(above) ? above : *moved_.begin();
      complain(difference_.flags.find(place)->second.at, "/parent", "too_complex",
               "Flags may be nested three levels deep: " + flag.key() + " would be lower.");
      return;
    }
  }

  void judge_definition(const EnvironmentChange& environment, const std::string& flag,
                        const DefinitionChange& change) {
    const FlagIdentity* identity = difference_.flag(flag);
    if (identity == nullptr) return complain(change.at, "", "unknown_flag", "There is no such flag.");
    if (identity->type != change.after->type)
      return complain(change.at, "/variants", "type_fixed",
                      "The flag's variants are of type " + std::string(name(identity->type)) + ".");
    if (loses_off_variant(environment, *identity, change))
      complain(change.at, "/variants", "unknown_variant",
               "The flag's off_variant, " + *identity->off_variant + ", must be one of them.");
    for (const std::string& segment : change.after->segments()) {
      if (has_segment(environment, segment)) continue;
      const std::string message =
          "There is no segment " + segment + " in the environment " + environment.after->key + ".";
      const std::string place = place_of_segment(*change.after, segment);
      if (change.dangling == Dangling::refused)
        complain(change.at, place, "unknown_segment", message);
      else if (change.dangling == Dangling::warned && warnings_.size() < warnings_max)
        warnings_.push_back({change.at + place, "unknown_segment", message});
    }
  }

  // Whether the variants that are changed lack the off_variant, which judge_off_variant() looks at if that is
  // changed itself.
  bool loses_off_variant(const EnvironmentChange& environment, const FlagIdentity& identity,
                         const DefinitionChange& change) const {
    if (!identity.off_variant || environment.is_new() ||
        change.after->variant(*identity.off_variant) != nullptr)
      return false;
    if (change.before != nullptr && std::ranges::find(change.changes, "variants") == change.changes.end())
      return false;
    const auto changed = difference_.flags.find(identity.key);
    return changed == difference_.flags.end() ||
           (changed->second.before && changed->second.before->off_variant == identity.off_variant);
  }

  static bool has_segment(const EnvironmentChange& environment, const std::string& key) {
    if (const auto changed = environment.segments.find(key); changed != environment.segments.end())
      return changed->second.after != nullptr;
    return environment.before && environment.before->segment(key) != nullptr;
  }

  storage::UnitOfWork& work_;
  const Difference& difference_;
  std::vector<FieldError>& warnings_;
  std::vector<FieldError> complaints_;
  std::set<std::string, std::less<>> moved_;  // flags that had another parent before
};

}  // namespace

Result<> judge(storage::UnitOfWork& work, const Difference& difference, std::vector<FieldError>& warnings) {
  return Judgement(work, difference, warnings).run();
}

}  // namespace corohub::flags
