// What a difference that was judged makes: rows, the new tree, events, audit rows. For change.cpp.
#pragma once

#include "flags/author.hpp"
#include "flags/edits.hpp"
#include "flags/gate_records.hpp"
#include "hub/event.hpp"
#include "storage/unit_of_work.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

// Stores everything but what save_environments() stores. Fills in the ids of what is new.
void write_rows(storage::UnitOfWork& work, Difference& difference, std::int64_t stamp);
// Stores the members of environments that differ, and the revision of those that are altered.
void save_environments(storage::UnitOfWork& work, const Difference& difference, const Namespace& after);

// Whether evaluations in the environment may have other results than before.
bool is_altered(const Difference& difference, const EnvironmentChange& environment);

// The namespace as it is afterwards; environments in which nothing differs are shared with the tree from
// before.
struct Tree {
  std::shared_ptr<const Namespace> name_space;
  std::vector<std::shared_ptr<Environment>> altered;  // whose revision is yet to be set
};
Tree build_tree(const Difference& difference);

// What is said of one flag in one environment.
struct FlagEvent {
  const Flag* flag = nullptr;  // as it is afterwards; as it was, if it is gone; null: it is not known here
  std::string_view action;     // created, updated, deleted, enabled, disabled
  MemberNames changes{};
  std::string cause{};  // empty: the flag itself was changed
  std::optional<std::int64_t> version{};
  std::string_view key{};            // of a flag that is not known here
  std::optional<bool> enabled{};     // nothing: nobody knows
  const GateRecord* gate = nullptr;  // of a flag that is gone, and was behind a package
};
hub::EventDraft flag_event(const Namespace& name_space, const EnvironmentParts& environment,
                           const FlagEvent& event, const Author& author);

// The events of the change, in their order; `after` null: the namespace goes.
std::vector<hub::EventDraft> events_of(const Difference& difference, const Namespace* after,
                                       const Author& author, const GateRecords& gates);

void record_audit(storage::UnitOfWork& work, const Difference& difference, const Author& author);

// "flags/bep" of the default environment, "flags/bep/staging" of others.
std::string topic_of(std::string_view name_space, const EnvironmentParts& environment);

}  // namespace corohub::flags
