// What evaluations read: a namespace with its environments, all immutable and shared by every thread. A
// change makes a new namespace, which shares with the old one what has not changed. Pure.
#pragma once

#include "core/clock.hpp"
#include "core/position.hpp"
#include "flags/evaluation/definition.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

// What every entity has.
struct Entity {
  std::int64_t id = 0;  // positive, never reused
  std::string key;      // fixed
  std::string name;
  std::int64_t version = 1;
  UnixMs created_at = 0;
  UnixMs updated_at = 0;
};

// A flag without its definitions: the same in all environments.
struct FlagIdentity : Entity {
  std::string description;
  std::vector<std::string> tags;
  ValueType type = ValueType::boolean;  // of the variants; fixed
  std::optional<std::string> parent;    // key of the flag that this one is a sub-feature of
  std::optional<std::string> platform;  // key
  bool package_gated = false;
  std::optional<std::string> off_variant;  // served while a gate is closed
  bool client_visible = true;
  // When the flag last got another parent or platform; its last change if it was read from the
  // tables, which do not say it.
  UnixMs moved_at = 0;
};
using FlagIdentityRef = std::shared_ptr<const FlagIdentity>;

// More flags above one another than there may be. A chain that goes on, as only a damaged database has, is
// cut.
inline constexpr std::size_t ancestors_max = 8;

// A flag in one environment. `Entity` of the definition: its own version and times; key and id are the
// flag's.
struct Flag {
  static constexpr std::uint32_t none = 0xffffffff;

  FlagIdentityRef identity;
  DefinitionRef definition;
  std::int64_t version = 1;      // of the definition
  UnixMs updated_at = 0;         // of the definition
  const Flag* parent = nullptr;  // in the same environment
  bool platform_enabled = true;
  bool enabled = false;  // the effective switch: own state, all ancestors', its platform's
  std::uint32_t number_among_parents = none;  // of those that have children in the environment

  const std::string& key() const noexcept { return identity->key; }
};

struct Segment : Entity {
  SegmentRule rule;
};
using SegmentRef = std::shared_ptr<const Segment>;

struct Platform : Entity {
  bool enabled = true;
  std::string config;  // JSON text of an object
};
using PlatformRef = std::shared_ptr<const Platform>;

// A flag that a package has.
struct Feature {
  std::int64_t flag_id = 0;
  json::object limits{};  // scalars by their names

  bool operator==(const Feature&) const = default;
};

enum class BillingPeriod : std::uint8_t { monthly, yearly, once };
std::string_view name(BillingPeriod period) noexcept;
std::optional<BillingPeriod> parse_billing_period(std::string_view word) noexcept;

struct Package : Entity {
  std::string description;
  std::optional<double> price;
  std::optional<std::string> currency;
  std::optional<BillingPeriod> billing_period;
  bool available = true;          // to be chosen; those who have it keep it
  std::vector<Feature> features;  // sorted by flag_id

  const Feature* feature(std::int64_t flag_id) const noexcept;  // null: it has none
};
using PackageRef = std::shared_ptr<const Package>;

struct EnvironmentParts : Entity {
  bool is_default = false;
  json::object metadata;             // of the flag set
  Seq revision = 0;                  // of the last change that may alter an evaluation
  std::vector<SegmentRef> segments;  // sorted by key
};

// Owns its flags; their `parent` and `enabled` are those of this environment.
class Environment : public EnvironmentParts {
 public:
  // `flags`: in any order, with identity, definition, version, updated_at; the rest is found out here. A
  // parent or platform that is not there closes nothing; a flag with more than ancestors_max has no parent,
  // and its platform counts as switched off.
  Environment(EnvironmentParts parts, std::vector<Flag> flags, const std::vector<PlatformRef>& platforms);
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

  const std::vector<Flag>& flags() const noexcept { return flags_; }  // sorted by key
  const Flag* find(std::string_view key) const noexcept;              // null: none
  const Flag* find(std::int64_t flag_id) const noexcept;              // null: none
  const Segment* segment(std::string_view key) const noexcept;        // null: none
  bool reads_time() const noexcept { return reads_time_; }            // some rule reads $flagd.timestamp
  std::size_t parents() const noexcept { return parents_; }           // flags that have children
  const std::string& metadata_text() const noexcept { return metadata_text_; }  // JSON

 private:
  std::vector<Flag> flags_;
  std::vector<std::uint32_t> by_id_;
  std::string metadata_text_;
  std::uint32_t parents_ = 0;
  bool reads_time_ = false;

  void adopt(Flag& child, std::string_view parent) noexcept;
  void cut_endless_chains();
};
using EnvironmentRef = std::shared_ptr<const Environment>;

enum class NamespaceAccess : std::uint8_t { everybody, users, clients };
std::string_view name(NamespaceAccess access) noexcept;  // "public", "users", "clients"
std::optional<NamespaceAccess> parse_namespace_access(std::string_view word) noexcept;

struct Namespace : Entity {
  std::string tenant_id;
  std::string app_id;
  NamespaceAccess access = NamespaceAccess::users;
  // When flags last went or moved to another parent, or environments came or went. Of a namespace that was
  // read from the tables, which do not say it, a time behind those of all that is in it.
  UnixMs rearranged_at = 0;
  // Of its last change. Nothing in it has a later time, and the next change has one, whatever the clock says.
  UnixMs changed_at = 0;
  std::vector<EnvironmentRef> environments;  // sorted by key; exactly one is the default
  std::vector<PlatformRef> platforms;        // sorted by key
  std::vector<PackageRef> packages;          // sorted by key

  const EnvironmentRef* environment(
      std::string_view key) const noexcept;  // null: none; empty key: the default
  const Environment& default_environment() const noexcept;
  const Environment* environment_by_id(std::int64_t id) const noexcept;  // null: none
  const Platform* platform_by_id(std::int64_t id) const noexcept;        // null: none
  const Package* package_by_id(std::int64_t id) const noexcept;          // null: none
};
using NamespaceRef = std::shared_ptr<const Namespace>;

}  // namespace corohub::flags
