#include "eventlog/retention.hpp"

#include "eventlog/event_log.hpp"
#include "eventlog/floors.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace corohub::eventlog {
namespace {

// The two kinds of events, and how the oldest and the newest of each are found.
struct Kind {
  std::string_view newest;
  std::string_view oldest;
  std::string_view remove;
};

constexpr Kind of_accounts{
    "SELECT rows_total, bytes_total FROM events INDEXED BY events_of_accounts WHERE topic IS NULL "
    "ORDER BY seq DESC LIMIT 1",
    "SELECT seq, created_at, rows_total, bytes_total FROM events INDEXED BY events_of_accounts "
    "WHERE topic IS NULL ORDER BY seq LIMIT ?",
    "DELETE FROM events INDEXED BY events_of_accounts WHERE topic IS NULL AND seq <= ?"};
constexpr Kind of_topics{
    "SELECT rows_total, bytes_total FROM events INDEXED BY events_of_topics WHERE topic IS NOT NULL "
    "ORDER BY seq DESC LIMIT 1",
    "SELECT seq, created_at, rows_total, bytes_total FROM events INDEXED BY events_of_topics "
    "WHERE topic IS NOT NULL ORDER BY seq LIMIT ?",
    "DELETE FROM events INDEXED BY events_of_topics WHERE topic IS NOT NULL AND seq <= ?"};

// What has to go, seen from the newest event of the kind.
struct Limits {
  UnixMs created_before = 0;
  std::int64_t rows_up_to = 0;   // by the running count
  std::int64_t total_above = 0;  // an event with a running sum below this has too much behind it
  bool bytes = false;
};

std::int64_t own_bytes(storage::UnitOfWork& work, Seq seq) {
  storage::Query query = work.query(
      "SELECT length(CAST(type AS BLOB)) + coalesce(length(CAST(topic AS BLOB)), 0) "
      "+ length(CAST(data AS BLOB)) + coalesce(length(CAST(attributes AS BLOB)), 0) "
      "+ coalesce(length(also), 0) FROM events WHERE seq = "
      "?");
  query.bind(seq);
  return query.next() ? query.integer(0) : 0;
}

Limits limits_of(storage::UnitOfWork& work, const RetentionSettings& settings, const Kind& kind) {
  Limits limits;
  if (settings.age.count() > 0)
    limits.created_before = work.now() - std::chrono::milliseconds(settings.age).count();
  storage::Query newest = work.query(kind.newest);
  if (!newest.next()) return limits;
  if (settings.rows > 0) limits.rows_up_to = newest.integer(0) - settings.rows;
  limits.bytes = settings.bytes > 0;
  limits.total_above = newest.integer(1) - settings.bytes;
  return limits;
}

// The last of the oldest events of a kind that have to go, as far as one step goes; `seq` 0 if there is none.
struct Choice {
  Seq seq = 0;
  std::int64_t rows = 0;
  bool more = false;  // the step has ended at its size, not at an event that stays
};

// `at_least`: events up to this seq go in any case.
Choice choose(storage::UnitOfWork& work, const RetentionSettings& settings, const Kind& kind,
              Seq at_least = 0) {
  Choice choice;
  const Limits limits = limits_of(work, settings, kind);
  storage::Query oldest = work.query(kind.oldest);
  oldest.bind(settings.step_rows);
  std::int64_t before = 0;  // the running sum before this event
  std::int64_t bytes = 0;
  while (oldest.next()) {
    const Seq seq = oldest.integer(0);
    const std::int64_t total = oldest.integer(3);
    if (choice.rows == 0) before = total - own_bytes(work, seq);
    const bool too_old = oldest.integer(1) < limits.created_before;
    const bool too_many = oldest.integer(2) <= limits.rows_up_to;
    const bool too_large = limits.bytes && before < limits.total_above;
    if (!too_old && !too_many && !too_large && seq > at_least) return choice;
    bytes += total - before;
    if (choice.rows > 0 && bytes > settings.step_bytes) break;
    before = total;
    choice.seq = seq;
    ++choice.rows;
  }
  choice.more = choice.rows > 0;
  return choice;
}

void set_floor(storage::UnitOfWork& work, std::string_view key, Seq floor) {
  work.query("UPDATE meta SET value = ? WHERE key = ?").bind(std::to_string(floor), key).run();
}

}  // namespace

RetentionStep delete_old_events(storage::UnitOfWork& work, const RetentionSettings& settings) {
  RetentionStep step;
  step.floor = read_floor(work);
  const Choice accounts = choose(work, settings, of_accounts);
  // Events of topics go first: below the floor that deleting the others moves there are none left.
  const Choice topics = choose(work, settings, of_topics, accounts.seq);
  const Choice& chosen = topics.rows > 0 ? topics : accounts;
  if (chosen.rows == 0) return step;
  work.query(topics.rows > 0 ? of_topics.remove : of_accounts.remove).bind(chosen.seq).run();
  step.deleted = chosen.rows;
  step.more = chosen.more || (topics.rows > 0 && accounts.rows > 0);
  set_floor(work, "topics_floor", std::max(read_topics_floor(work), chosen.seq));
  if (topics.rows > 0) return step;
  set_floor(work, "log_floor", chosen.seq);
  step.floor = chosen.seq;
  shorten(work, step.floor);
  return step;
}

}  // namespace corohub::eventlog
