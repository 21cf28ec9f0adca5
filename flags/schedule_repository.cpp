#include "flags/schedule_repository.hpp"

#include "flags/change_unit.hpp"
#include "users/audit.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace corohub::flags {
namespace {

constexpr std::array<std::string_view, 4> state_words = {"pending", "done", "failed", "cancelled"};

// The columns in the order in which change_of() reads them.
#define COROHUB_SCHEDULE_COLUMNS                                                                \
  "s.id, s.environment_id, s.flag, s.at, s.change, s.if_version, s.author_user, s.author_key, " \
  "s.comment, s.state, s.error, s.created_at, s.updated_at, s.flag_id, s.strict"

ScheduledChange change_of(const storage::Query& row) {
  ScheduledChange change;
  change.id = row.integer(0);
  change.environment_id = row.integer(1);
  change.flag = row.text(2);
  change.at = row.integer(3);
  change.change = row.text(4);
  change.if_version = row.integer_or_null(5);
  change.author_user = row.integer_or_null(6);
  change.author_key = row.integer_or_null(7);
  change.comment = row.text(8);
  change.state = parse_schedule_state(row.text(9)).value();
  change.error = row.text_or_null(10);
  change.created_at = row.integer(11);
  change.updated_at = row.integer(12);
  change.flag_id = row.integer(13);
  change.strict = row.integer(14) != 0;
  return change;
}

json::value number_or_null(const std::optional<std::int64_t>& number) {
  return number ? json::value(*number) : json::value();
}

}  // namespace

std::string_view name(ScheduleState state) noexcept { return state_words[static_cast<std::size_t>(state)]; }

std::optional<ScheduleState> parse_schedule_state(std::string_view word) noexcept {
  const auto* const found = std::ranges::find(state_words, word);
  if (found == state_words.end()) return std::nullopt;
  return static_cast<ScheduleState>(found - state_words.begin());
}

Result<ScheduledChange> add_scheduled(storage::UnitOfWork& work, ScheduledChange change) {
  storage::Query count =
      work.query("SELECT count(*) FROM flag_schedule WHERE environment_id = ? AND state = 'pending'");
  count.bind(change.environment_id);
  if (count.next() && count.integer(0) >= static_cast<std::int64_t>(pending_changes_max))
    return Error(ErrorCode::limit_reached, "1,000 changes of this environment are pending already.");
  work.query(
          "INSERT INTO flag_schedule (environment_id, flag, flag_id, at, change, strict, if_version, "
          "author_user, author_key, comment, created_at, updated_at) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(change.environment_id, change.flag, change.flag_id, change.at, change.change,
            std::int64_t{change.strict}, change.if_version, change.author_user, change.author_key,
            change.comment, work.now(), work.now())
      .run();
  change.id = work.last_insert_id();
  change.created_at = change.updated_at = work.now();
  return change;
}

std::optional<ScheduledChange> find_scheduled(storage::UnitOfWork& work, std::int64_t environment_id,
                                              ScheduleId id) {
  storage::Query query = work.query("SELECT " COROHUB_SCHEDULE_COLUMNS
                                    " FROM flag_schedule s WHERE s.id = ? AND s.environment_id = ?");
  query.bind(id, environment_id);
  if (!query.next()) return std::nullopt;
  return change_of(query);
}

std::size_t count_scheduled(storage::Snapshot& snapshot, std::int64_t environment_id,
                            std::optional<ScheduleState> state) {
  storage::Query query = snapshot.query(
      "SELECT count(*) FROM flag_schedule WHERE environment_id = ?1 AND (?2 IS NULL OR state = ?2)");
  query.bind(environment_id, state ? std::optional<std::string_view>(name(*state)) : std::nullopt);
  return query.next() ? static_cast<std::size_t>(query.integer(0)) : 0;
}

std::vector<ScheduledChange> list_scheduled(storage::Snapshot& snapshot, std::int64_t environment_id,
                                            std::optional<ScheduleState> state, std::size_t skip,
                                            std::size_t count_max) {
  storage::Query query =
      snapshot.query("SELECT " COROHUB_SCHEDULE_COLUMNS
                     " FROM flag_schedule s WHERE s.environment_id = ?1 AND (?2 IS NULL OR s.state = ?2) "
                     "ORDER BY s.id LIMIT ?3 OFFSET ?4");
  query.bind(environment_id, state ? std::optional<std::string_view>(name(*state)) : std::nullopt,
             static_cast<std::int64_t>(count_max), static_cast<std::int64_t>(skip));
  std::vector<ScheduledChange> changes;
  while (query.next()) changes.push_back(change_of(query));
  return changes;
}

std::vector<DueChange> due_changes(storage::UnitOfWork& work, std::size_t count_max) {
  storage::Query query = work.query(
      "SELECT " COROHUB_SCHEDULE_COLUMNS
      ", n.key, e.key FROM flag_schedule s JOIN environments e ON e.id = s.environment_id JOIN namespaces n "
      "ON n.id = e.namespace_id WHERE s.state = 'pending' AND s.at <= ? ORDER BY s.at, s.id LIMIT ?");
  query.bind(work.now(), static_cast<std::int64_t>(count_max));
  std::vector<DueChange> changes;
  while (query.next()) changes.push_back({change_of(query), query.text(15), query.text(16)});
  return changes;
}

ScheduledChange end_scheduled(storage::UnitOfWork& work, ScheduledChange change, ScheduleState state,
                              std::optional<std::string_view> error) {
  work.query("UPDATE flag_schedule SET state = ?, error = ?, updated_at = ? WHERE id = ?")
      .bind(name(state), error, work.now(), change.id)
      .run();
  work.query(
          "DELETE FROM flag_schedule WHERE environment_id = ?1 AND state <> 'pending' AND id <= (SELECT id "
          "FROM flag_schedule WHERE environment_id = ?1 AND state <> 'pending' ORDER BY id DESC LIMIT 1 "
          "OFFSET ?2)")
      .bind(change.environment_id, static_cast<std::int64_t>(finished_changes_kept))
      .run();
  change.state = state;
  change.error = error;
  change.updated_at = work.now();
  return change;
}

void record_scheduled(storage::UnitOfWork& work, const Author& author, const DueChange& now,
                      const ScheduledChange* before) {
  std::string_view action = "schedule.create";
  if (now.change.state == ScheduleState::cancelled) action = "schedule.cancel";
  if (now.change.state == ScheduleState::failed) action = "schedule.fail";
  json::object detail;
  detail["namespace"] = now.name_space;
  detail["environment"] = now.environment;
  detail["key"] = now.change.flag;
  detail["before"] = before == nullptr ? json::value() : to_json(*before);
  detail["after"] = to_json(now.change);
  detail["comment"] = author.comment.empty() ? json::value() : json::value(author.comment);
  detail["source"] = name(author.source);
  if (author.service_key) detail["service_key"] = *author.service_key;
  const std::string entity =
      now.name_space + "/environments/" + now.environment + "/schedule/" + std::to_string(now.change.id);
  users::record(work, author.caller, action, std::nullopt, detail, entity);
}

template <class Source>
std::optional<UnixMs> next_due(Source& source) {
  storage::Query query =
      source.query("SELECT at FROM flag_schedule WHERE state = 'pending' ORDER BY at, id LIMIT 1");
  if (!query.next()) return std::nullopt;
  return query.integer(0);
}

template std::optional<UnixMs> next_due(storage::UnitOfWork&);
template std::optional<UnixMs> next_due(storage::Snapshot&);

json::object to_json(const ScheduledChange& change) {
  json::object object;
  object["id"] = change.id;
  object["flag"] = change.flag;
  object["at"] = rfc3339(change.at);
  object["change"] = parse_document(change.change).value();
  object["if_version"] = number_or_null(change.if_version);
  object["state"] = name(change.state);
  object["error"] = change.error ? json::value(*change.error) : json::value();
  object["created_by"] = number_or_null(change.author_user);
  object["created_at"] = rfc3339(change.created_at);
  object["updated_at"] = rfc3339(change.updated_at);
  return object;
}

}  // namespace corohub::flags
