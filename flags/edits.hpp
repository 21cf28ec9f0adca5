// What an edit of a namespace asks for, and how the namespace would differ by it. Plain values.
#pragma once

#include "flags/evaluation/environment.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

struct NamespaceProperties {
  std::string key;
  std::string name;
  std::string tenant_id;
  std::string app_id;
  NamespaceAccess access = NamespaceAccess::users;
};

// What a rule that names a segment which is not there makes: a complaint, a warning, or nothing.
enum class Dangling : std::uint8_t { refused, warned, ignored };

template <class T>
using ByKey = std::map<std::string, T, std::less<>>;

// Nothing in an optional: the thing is to go.
struct Edits {
  struct IdentityEdit {
    std::optional<FlagIdentity> identity;
    std::string at;
  };
  struct DefinitionEdit {
    DefinitionRef definition;
    std::string at;
    Dangling dangling = Dangling::refused;
    Dangling elsewhere = Dangling::warned;  // in the other environments of a new flag, where it is off
  };
  struct SegmentEdit {
    std::string name;
    SegmentRule rule;
  };
  struct EnvironmentEdit {
    std::optional<EnvironmentParts> parts;
    bool removed = false;
    std::string copy_from;
    ByKey<DefinitionEdit> definitions;
    ByKey<std::optional<SegmentEdit>> segments;
  };

  std::optional<NamespaceProperties> properties;
  bool removed = false;  // the namespace
  ByKey<EnvironmentEdit> environments;
  ByKey<IdentityEdit> flags;
  ByKey<std::optional<Platform>> platforms;
  ByKey<std::optional<Package>> packages;
};

using MemberNames = std::vector<std::string_view>;  // literals

// Of each: `before` null: it is new; `after` null: it goes; otherwise `changes` names the members that
// differ.
struct IdentityChange {
  FlagIdentityRef before;
  std::shared_ptr<FlagIdentity> after;
  MemberNames changes;
  std::string at;
};

struct DefinitionChange {
  const Flag* before = nullptr;  // in the tree from before
  DefinitionRef after;
  MemberNames changes;
  std::int64_t version = 1;  // afterwards
  std::string at;
  Dangling dangling = Dangling::refused;
};

struct SegmentChange {
  SegmentRef before;
  std::shared_ptr<Segment> after;
  MemberNames changes;
};

struct PlatformChange {
  PlatformRef before;
  std::shared_ptr<Platform> after;
  MemberNames changes;
};

struct PackageChange {
  PackageRef before;
  std::shared_ptr<Package> after;
  MemberNames changes;
};

// An environment that is there before or afterwards, whether it changes or not.
struct EnvironmentChange {
  EnvironmentRef before;
  std::optional<EnvironmentParts> after;  // its segments and its revision are of before
  MemberNames changes;
  ByKey<DefinitionChange> definitions;  // what differs; not those of flags that go
  ByKey<SegmentChange> segments;

  bool is_new() const noexcept { return !before; }
  bool goes() const noexcept { return !after; }
};

struct Difference {
  NamespaceRef before;               // one without id: the namespace is new
  std::shared_ptr<Namespace> after;  // what is in it is of before; null: it goes
  MemberNames changes;               // of the namespace's own members
  ByKey<EnvironmentChange> environments;
  ByKey<IdentityChange> flags;  // what differs
  ByKey<PlatformChange> platforms;
  ByKey<PackageChange> packages;
  UnixMs now = 0;  // the time of all that changes

  bool is_new() const noexcept { return before->id == 0; }
  bool empty() const noexcept;
  // The flag as it will be; null: there will be none.
  const FlagIdentity* flag(std::string_view key) const noexcept;
  std::size_t flag_count() const noexcept;  // afterwards
};

}  // namespace corohub::flags
