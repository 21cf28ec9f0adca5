#include "flags/effects.hpp"

#include "flags/package_repository.hpp"
#include "flags/repository.hpp"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <string_view>
#include <utility>

namespace corohub::flags {
namespace {

// Parents before their children: as many rounds as there are levels.
void insert_flags(storage::UnitOfWork& work, Difference& difference) {
  std::vector<FlagIdentity*> waiting;
  for (auto& [key, change] : difference.flags)
    if (!change.before) waiting.push_back(change.after.get());
  const auto is_ready = [&](const FlagIdentity* flag) {
    if (!flag->parent) return true;
    const FlagIdentity* parent = difference.flag(*flag->parent);
    return parent == nullptr || parent->id != 0;
  };
  while (!waiting.empty()) {
    std::vector<FlagIdentity*> later;
    for (FlagIdentity* flag : waiting) {
      if (is_ready(flag))
        insert_flag(work, difference.after->id, *flag);
      else
        later.push_back(flag);
    }
    waiting = std::move(later);
  }
}

// Children before their parents.
void delete_flags(storage::UnitOfWork& work, const Difference& difference) {
  std::vector<const FlagIdentity*> going;
  for (const auto& [key, change] : difference.flags)
    if (!change.after) going.push_back(change.before.get());
  while (!going.empty()) {
    std::set<std::string_view> parents;
    for (const FlagIdentity* one : going)
      if (one->parent) parents.insert(*one->parent);
    std::vector<const FlagIdentity*> later;
    for (const FlagIdentity* one : going) {
      if (parents.contains(one->key))
        later.push_back(one);
      else
        delete_flag(work, one->id);
    }
    going = std::move(later);
  }
}

void write_content(storage::UnitOfWork& work, const Difference& difference,
                   const EnvironmentChange& environment) {
  const std::int64_t id = environment.after->id;
  for (const auto& [key, change] : environment.definitions)
    save_definition(work, id, difference.flag(key)->id, *change.after, change.version, difference.now);
  for (const auto& [key, change] : environment.segments) {
    if (!change.after)
      delete_segment(work, change.before->id);
    else if (change.before)
      save_segment(work, *change.after);
    else
      insert_segment(work, id, *change.after);
  }
}

// Those that go are deleted when nothing names them any more.
void write_platforms(storage::UnitOfWork& work, Difference& difference) {
  for (auto& [key, change] : difference.platforms) {
    if (!change.after) continue;
    if (change.before)
      save_platform(work, *change.after);
    else
      insert_platform(work, difference.after->id, *change.after);
  }
}

void write_packages(storage::UnitOfWork& work, Difference& difference) {
  for (auto& [key, change] : difference.packages) {
    if (!change.after)
      delete_package(work, change.before->id);
    else if (change.before)
      save_package(work, *change.before, *change.after);
    else
      insert_package(work, difference.after->id, *change.after);
  }
}

bool alters(const MemberNames& changes, std::initializer_list<std::string_view> members) {
  return std::ranges::any_of(
      changes, [&](std::string_view one) { return std::ranges::find(members, one) != members.end(); });
}

// Not by names, descriptions and tags, which no evaluation asks for.
bool alters_identities(const Difference& difference) {
  return std::ranges::any_of(difference.flags, [](const auto& entry) {
    const IdentityChange& one = entry.second;
    return !one.before || !one.after ||
           alters(one.changes, {"parent", "platform", "package_gated", "off_variant", "client_visible"});
  });
}

bool alters_segments(const EnvironmentChange& environment) {
  return std::ranges::any_of(environment.segments, [](const auto& entry) {
    const SegmentChange& one = entry.second;
    return !one.before || !one.after || alters(one.changes, {"rule"});
  });
}

bool switches_platforms(const Difference& difference) {
  return std::ranges::any_of(difference.platforms, [](const auto& entry) {
    const PlatformChange& one = entry.second;
    return one.before && one.after && one.before->enabled != one.after->enabled;
  });
}

// Those that are not changed, and what others become; sorted by key, as they were.
template <class Ref, class Change>
std::vector<Ref> all_after(const std::vector<Ref>& before, const ByKey<Change>& changes) {
  if (changes.empty()) return before;
  std::vector<Ref> all;
  for (const Ref& one : before)
    if (!changes.contains(one->key)) all.push_back(one);
  for (const auto& [key, change] : changes)
    if (change.after) all.push_back(change.after);
  std::ranges::sort(all, {}, [](const Ref& one) -> const std::string& { return one->key; });
  return all;
}

class FlagsAfter {
 public:
  FlagsAfter(const Difference& difference, const EnvironmentChange& environment) : difference_(difference) {
    if (environment.before) flags_ = environment.before->flags();
    if (!difference.flags.empty())
      std::erase_if(flags_, [&](const Flag& flag) { return difference.flag(flag.key()) == nullptr; });
    from_before_ = flags_.size();
    for (const auto& [key, change] : difference.flags)
      if (change.before && change.after && environment.before) find(key).identity = change.after;
    for (const auto& [key, change] : environment.definitions) apply(key, change);
  }

  std::vector<Flag> list() && { return std::move(flags_); }

 private:
  void apply(const std::string& key, const DefinitionChange& change) {
    if (change.before == nullptr) flags_.emplace_back().identity = identity_of(key);
    Flag& flag = change.before == nullptr ? flags_.back() : find(key);
    flag.definition = change.after;
    flag.version = change.version;
    flag.updated_at = difference_.now;
  }

  FlagIdentityRef identity_of(const std::string& key) const {
    if (const auto changed = difference_.flags.find(key); changed != difference_.flags.end())
      return changed->second.after;
    return difference_.before->default_environment().find(key)->identity;
  }

  // Those from before stand in front, sorted; it is one of them.
  Flag& find(const std::string& key) {
    const auto end = flags_.begin() + static_cast<std::ptrdiff_t>(from_before_);
    return *std::ranges::lower_bound(flags_.begin(), end, key, {},
                                     [](const Flag& flag) -> const std::string& { return flag.key(); });
  }

  const Difference& difference_;
  std::vector<Flag> flags_;
  std::size_t from_before_ = 0;
};

}  // namespace

void write_rows(storage::UnitOfWork& work, Difference& difference, std::int64_t stamp) {
  if (!difference.after) return delete_namespace(work, difference.before->id);
  if (difference.is_new())
    insert_namespace(work, *difference.after, stamp);
  else
    save_namespace(work, *difference.after, stamp);
  for (auto& [key, environment] : difference.environments) {
    if (environment.goes()) delete_environment(work, environment.before->id);
    if (!environment.is_new() || environment.goes()) continue;
    EnvironmentParts parts = *environment.after;
    parts.is_default = false;  // until the other one is not the default any more
    insert_environment(work, difference.after->id, parts);
    environment.after->id = parts.id;
  }
  write_platforms(work, difference);
  write_packages(work, difference);
  insert_flags(work, difference);
  for (const auto& [key, change] : difference.flags)
    if (change.before && change.after) save_flag(work, *change.after);
  for (const auto& [key, environment] : difference.environments)
    if (environment.after) write_content(work, difference, environment);
  delete_flags(work, difference);
  for (const auto& [key, change] : difference.platforms)
    if (!change.after) delete_platform(work, change.before->id);
}

void save_environments(storage::UnitOfWork& work, const Difference& difference, const Namespace& after) {
  for (const bool is_default : {false, true})
    for (const EnvironmentRef& environment : after.environments) {
      const EnvironmentChange& change = difference.environments.find(environment->key)->second;
      const bool differs = change.is_new() || !change.changes.empty() || is_altered(difference, change);
      if (differs && environment->is_default == is_default) save_environment(work, *environment);
    }
}

bool is_altered(const Difference& difference, const EnvironmentChange& environment) {
  if (environment.goes()) return false;
  return environment.is_new() || alters_identities(difference) || !environment.definitions.empty() ||
         alters_segments(environment) || switches_platforms(difference) ||
         alters(environment.changes, {"metadata"});
}

namespace {

bool rearranges(const Difference& difference) {
  const bool flags = std::ranges::any_of(difference.flags, [](const auto& entry) {
    const IdentityChange& one = entry.second;
    return !one.after || (one.before && one.before->parent != one.after->parent);
  });
  return flags || std::ranges::any_of(difference.environments, [](const auto& entry) {
           return entry.second.is_new() || entry.second.goes();
         });
}

}  // namespace

Tree build_tree(const Difference& difference) {
  Tree tree;
  auto after = std::make_shared<Namespace>(*difference.after);
  after->platforms = all_after(difference.before->platforms, difference.platforms);
  after->packages = all_after(difference.before->packages, difference.packages);
  after->environments.clear();
  after->changed_at = difference.now;
  if (rearranges(difference)) after->rearranged_at = difference.now;
  for (const auto& [key, environment] : difference.environments) {
    if (environment.goes()) continue;
    const bool altered = is_altered(difference, environment);
    const bool same = environment.changes.empty() && difference.flags.empty() && environment.segments.empty();
    if (same && !altered) {
      after->environments.push_back(environment.before);
      continue;
    }
    EnvironmentParts parts = *environment.after;
    const std::vector<SegmentRef> none;
    parts.segments =
        all_after(environment.before ? environment.before->segments : none, environment.segments);
    auto made = std::make_shared<Environment>(std::move(parts), FlagsAfter(difference, environment).list(),
                                              after->platforms);
    if (altered) tree.altered.push_back(made);
    after->environments.push_back(std::move(made));
  }
  tree.name_space = std::move(after);
  return tree;
}

}  // namespace corohub::flags
