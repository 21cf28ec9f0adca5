// One change of a namespace, whoever makes it and however large it is: rows, audit, events and what the
// shards are to see, in one unit. What is written with it is compared as a whole with what was there: the
// events, the audit rows, the versions and the revisions follow from the difference, so that nobody has to
// remember them. Used on the writer's thread, inside a unit.
#pragma once

#include "core/error.hpp"
#include "flags/author.hpp"
#include "flags/copies.hpp"
#include "flags/directory.hpp"
#include "flags/edits.hpp"
#include "storage/unit_of_work.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

inline constexpr std::size_t namespaces_max = 1'000;
inline constexpr std::size_t environments_max = 20;  // of a namespace
inline constexpr std::size_t flags_max = 2'000;      // of a namespace
inline constexpr std::size_t segments_max = 500;     // of an environment
inline constexpr std::size_t platforms_max = 200;    // of a namespace
inline constexpr std::size_t packages_max = 500;     // of a namespace
inline constexpr std::size_t flag_levels_max = 3;    // a flag, its parent, and the parent's parent

// Of the definitions of a flag that goes, as its row of the audit trail shows them; those that do not fit are
// told by their versions.
inline constexpr std::size_t bytes_of_gone_flag_max = 64 << 10;
// The same of all flags that go in one unit.
inline constexpr std::size_t bytes_of_gone_flags_max = 8 << 20;

class NamespaceEdit {
 public:
  // not_found.
  static Result<NamespaceEdit> open(storage::UnitOfWork& work, Copies& copies, Directories& directories,
                                    std::string_view key);
  // A namespace that is to be made, with an environment `default`. finish() says if its key is taken.
  static NamespaceEdit make(storage::UnitOfWork& work, Copies& copies, Directories& directories,
                            NamespaceProperties properties);

  // As it was when the edit began; one without id for a namespace that is to be made.
  const Namespace& before() const noexcept { return *before_; }
  const NamespaceRef& before_ref() const noexcept { return before_; }

  // ---- what is to be there afterwards; nothing is judged before finish() ----
  // `at` is the JSON pointer of the document that each comes from: complaints stand below it.

  void put_namespace(NamespaceProperties properties);
  void remove_namespace();
  // The key of a new environment, or of one that is there; id, version, times, revision and segments are not
  // read. A new one gets the segments and the definitions, DISABLED, of `copy_from`; empty: of the default
  // one.
  void put_environment(EnvironmentParts parts, std::string_view copy_from = {});
  void remove_environment(std::string_view key);
  // The key of a new flag, or of one that is there; id, version and times are not read. A new flag needs one
  // definition at least; in the environments without one it gets the same, DISABLED.
  void put_identity(FlagIdentity identity, std::string at = {});
  void put_definition(std::string_view environment, std::string_view flag, DefinitionRef definition,
                      std::string at = {}, Dangling dangling = Dangling::refused,
                      Dangling elsewhere = Dangling::warned);
  void remove_flag(std::string_view flag);
  void put_segment(std::string_view environment, std::string_view key, std::string_view name,
                   SegmentRule rule);
  void remove_segment(std::string_view environment, std::string_view key);
  // The key of a new one, or of one that is there; id, version and times are not read. What is to go and is
  // not there is no difference. Of a package's features those count whose flags are there afterwards.
  void put_platform(Platform platform);
  void remove_platform(std::string_view key);
  void put_package(Package package);
  void remove_package(std::string_view key);

  // Judges the whole (references, types, cycles, depth, limits), writes what differs, appends audit rows,
  // events and the change of the shards, and answers with the namespace as it is now: the one from before if
  // nothing differs, null if it is gone. Errors: validation_failed, key_taken, limit_reached, in_use (with
  // `flags` and `clients`, which name what is to go), not_found for an environment that is not there. After
  // an error the unit must fail, too.
  Result<NamespaceRef> finish(const Author& author);
  // What finish() would do, written nowhere: after judge() the edit may go on to finish() or be forgotten.
  Result<> judge();
  // How the namespace would differ; after judge() or finish().
  const Difference& difference() const noexcept { return difference_; }
  // After judge() or finish(): segments that are named but not there.
  const std::vector<FieldError>& warnings() const noexcept { return warnings_; }

 private:
  NamespaceEdit(storage::UnitOfWork& work, Copies& copies, Directories& directories, NamespaceRef before);

  storage::UnitOfWork* work_;
  Copies* copies_;
  Directories* directories_;
  NamespaceRef before_;
  Edits edits_;
  Difference difference_;
  std::vector<FieldError> warnings_;
};

}  // namespace corohub::flags
