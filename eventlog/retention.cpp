#include "eventlog/retention.hpp"

#include "eventlog/event_log.hpp"

#include <string>

namespace corohub::eventlog {
namespace {

// What has to go, seen from the newest event.
struct Limits {
  UnixMs created_before = 0;
  Seq seq_up_to = 0;
  std::int64_t total_above = 0;  // of the running sum before an event: below, too much follows it
  bool bytes = false;
};

std::int64_t own_bytes(storage::UnitOfWork& work, Seq seq) {
  storage::Query query = work.query(
      "SELECT length(CAST(type AS BLOB)) + coalesce(length(CAST(topic AS BLOB)), 0) "
      "+ length(CAST(data AS BLOB)) FROM events WHERE seq = ?");
  query.bind(seq);
  return query.next() ? query.integer(0) : 0;
}

Limits limits_of(storage::UnitOfWork& work, const RetentionSettings& settings) {
  Limits limits;
  if (settings.age.count() > 0)
    limits.created_before = work.now() - std::chrono::milliseconds(settings.age).count();
  storage::Query newest = work.query("SELECT seq, bytes_total FROM events ORDER BY seq DESC LIMIT 1");
  if (!newest.next()) return limits;
  // A seq is never left out: a unit that is refused gives its own back.
  if (settings.rows > 0) limits.seq_up_to = newest.integer(0) - settings.rows;
  limits.bytes = settings.bytes > 0;
  limits.total_above = newest.integer(1) - settings.bytes;
  return limits;
}

// The last of the oldest events that have to go, as far as one step goes; the floor if there is none.
RetentionStep choose(storage::UnitOfWork& work, const RetentionSettings& settings) {
  RetentionStep step;
  step.floor = read_floor(work);
  const Limits limits = limits_of(work, settings);
  storage::Query oldest = work.query("SELECT seq, created_at, bytes_total FROM events ORDER BY seq LIMIT ?");
  oldest.bind(settings.step_rows);
  std::int64_t before = 0;  // the running sum before this event
  std::int64_t bytes = 0;
  while (oldest.next()) {
    const Seq seq = oldest.integer(0);
    const std::int64_t total = oldest.integer(2);
    if (step.deleted == 0) before = total - own_bytes(work, seq);
    const bool too_old = oldest.integer(1) < limits.created_before;
    const bool too_many = seq <= limits.seq_up_to;
    const bool too_large = limits.bytes && before < limits.total_above;
    if (!too_old && !too_many && !too_large) return step;
    bytes += total - before;
    if (step.deleted > 0 && bytes > settings.step_bytes) break;
    before = total;
    step.floor = seq;
    ++step.deleted;
  }
  step.more = step.deleted > 0;
  return step;
}

}  // namespace

RetentionStep delete_old_events(storage::UnitOfWork& work, const RetentionSettings& settings) {
  const RetentionStep step = choose(work, settings);
  if (step.deleted == 0) return step;
  work.query("DELETE FROM events WHERE seq <= ?").bind(step.floor).run();
  work.query("UPDATE meta SET value = ? WHERE key = 'log_floor'").bind(std::to_string(step.floor)).run();
  return step;
}

}  // namespace corohub::eventlog
