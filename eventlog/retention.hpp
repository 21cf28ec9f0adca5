// What leaves the log: the oldest events, once they are too old, too many or too large together. They leave
// in small steps, each a unit on the writer, so that no other change waits for long. A client whose position
// is behind the rest of the log is told so by stream.gap or 410.
#pragma once

#include "core/position.hpp"
#include "storage/unit_of_work.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace corohub::eventlog {

struct RetentionSettings {
  // These hold for events of accounts and for events of topics, each by itself. 0: no limit.
  std::chrono::seconds age{7 * 24 * 3600};
  std::int64_t rows = 1'000'000;
  std::int64_t bytes = std::int64_t{1} << 30;  // of type, topic, data and attributes

  // The most that one step deletes; a single event goes, however large it is.
  std::int64_t step_rows = 500;
  std::int64_t step_bytes = 1 << 20;
};

struct RetentionStep {
  std::int64_t deleted = 0;
  Seq floor = 0;      // events up to here are gone
  bool more = false;  // there may be more to delete at once
};

// Deletes some of the oldest events and moves the floor, in the unit's transaction. The newest seq is
// remembered even when no event is left.
RetentionStep delete_old_events(storage::UnitOfWork& work, const RetentionSettings& settings);

}  // namespace corohub::eventlog
