// One change of a namespace, whoever makes it and however large it is: rows, audit, events and what the
// shards are to see, in one unit. What is written with it is compared as a whole with what was there: the
// events, the audit rows, the versions and the revisions follow from the difference, so that nobody has to
// remember them. Used on the writer's thread, inside a unit.
#pragma once

#include "core/error.hpp"
#include "flags/directory.hpp"
#include "storage/unit_of_work.hpp"
#include "users/caller.hpp"
#include "users/service_keys.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace corohub::flags {

enum class Source : std::uint8_t { api, schedule, import, copy };
std::string_view name(Source source) noexcept;

// Who changes something, and how the trail and the events name it.
struct Author {
  users::Caller caller;  // user_id null: a key, or the command line
  std::optional<users::ServiceKeyId> service_key;
  Source source = Source::api;
  std::string comment;  // for the audit row
};

// The namespaces as the last committed unit left them, kept so that a unit need not read them again. One that
// does not have the revision of its rows (its unit was rolled back) is read again.
class Copies {
 public:
  // Null: there is none.
  NamespaceRef find(storage::UnitOfWork& work, std::string_view key);
  void keep(const NamespaceRef& now);
  void forget(std::string_view key);

 private:
  std::unordered_map<std::string, NamespaceRef> by_key_;
};

class NamespaceEdit {
 public:
  // not_found.
  static Result<NamespaceEdit> open(storage::UnitOfWork& work, Copies& copies, Directories& directories,
                                    std::string_view key);

  const Namespace& before() const noexcept;

  // ---- what is to be there afterwards; nothing is judged before finish() ----
  // The key of a new flag, or of one that is there; version and times are not read.
  void put_identity(FlagIdentity identity);
  void put_definition(std::string_view environment, std::string_view flag, DefinitionRef definition);
  void remove_flag(std::string_view flag);
  void put_segment(std::string_view environment, std::string_view key, std::string_view name,
                   SegmentRule rule);
  void remove_segment(std::string_view environment, std::string_view key);
  void put_environment(EnvironmentParts parts);  // segments are not read
  void remove_environment(std::string_view key);
  void put_namespace(Entity entity, std::string tenant_id, std::string app_id, NamespaceAccess access);

  // Judges the whole (references, types, cycles, depth, limits), writes what differs, appends audit rows,
  // events and the change of the shards, and answers with the namespace as it is now: the one from before if
  // nothing differs. Errors: validation_failed with places below `at`, limit_reached, in_use.
  Result<NamespaceRef> finish(const Author& author, std::string_view at = {});
};

}  // namespace corohub::flags
