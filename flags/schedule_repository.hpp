// Changes of definitions that are to be made later, as rows.
#pragma once

#include "core/account.hpp"
#include "core/clock.hpp"
#include "core/json.hpp"
#include "flags/author.hpp"
#include "flags/evaluation/definition.hpp"
#include "storage/unit_of_work.hpp"
#include "users/service_keys.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::flags {

inline constexpr std::size_t pending_changes_max = 1000;    // of an environment
inline constexpr std::size_t finished_changes_kept = 1000;  // of an environment; older ones are deleted
inline constexpr std::size_t scheduled_bytes_max = definition_bytes_max;  // of a change, as text

using ScheduleId = std::int64_t;  // positive, never reused

enum class ScheduleState : std::uint8_t { pending, done, failed, cancelled };
std::string_view name(ScheduleState state) noexcept;
std::optional<ScheduleState> parse_schedule_state(std::string_view word) noexcept;

struct ScheduledChange {
  ScheduleId id = 0;
  std::int64_t environment_id = 0;
  std::string flag;          // key
  std::int64_t flag_id = 0;  // another flag with this key is not meant
  UnixMs at = 0;
  std::string change;                      // a merge patch of the definition, as JSON text
  bool strict = true;                      // how what the change names is read
  std::optional<std::int64_t> if_version;  // of the definition
  std::optional<UserId> author_user;
  std::optional<users::ServiceKeyId> author_key;
  std::string comment;  // for the audit row of the change
  ScheduleState state = ScheduleState::pending;
  std::optional<std::string> error;  // of a failed one: why, as one word
  UnixMs created_at = 0;
  UnixMs updated_at = 0;
};

// One, and where its flag is.
struct DueChange {
  ScheduledChange change;
  std::string name_space;
  std::string environment;
};

// Stores a new one, whose id and times it sets. limit_reached.
Result<ScheduledChange> add_scheduled(storage::UnitOfWork& work, ScheduledChange change);
// Null: there is none in this environment.
std::optional<ScheduledChange> find_scheduled(storage::UnitOfWork& work, std::int64_t environment_id,
                                              ScheduleId id);
// `state`: only these.
std::size_t count_scheduled(storage::Snapshot& snapshot, std::int64_t environment_id,
                            std::optional<ScheduleState> state);
// Some of them, in the order of their making.
std::vector<ScheduledChange> list_scheduled(storage::Snapshot& snapshot, std::int64_t environment_id,
                                            std::optional<ScheduleState> state, std::size_t skip,
                                            std::size_t count_max);
// The pending ones whose time has come, in the order in which they are to be made.
std::vector<DueChange> due_changes(storage::UnitOfWork& work, std::size_t count_max);
// Ends a pending one, which it answers as it is then, and forgets the oldest of those that have ended before.
ScheduledChange end_scheduled(storage::UnitOfWork& work, ScheduledChange change, ScheduleState state,
                              std::optional<std::string_view> error = {});
// The audit row of one that was made (`before` is null), cancelled, or has failed. One that is done has the
// row of its flag.
void record_scheduled(storage::UnitOfWork& work, const Author& author, const DueChange& now,
                      const ScheduledChange* before);
// When the first of the pending ones is due. `Source`: a UnitOfWork or a Snapshot.
template <class Source>
std::optional<UnixMs> next_due(Source& source);

json::object to_json(const ScheduledChange& change);

}  // namespace corohub::flags
