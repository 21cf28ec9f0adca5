#include "users/audit.hpp"

#include "auth/rate_limit.hpp"
#include "core/json.hpp"
#include "eventlog/activity.hpp"
#include "eventlog/event_log.hpp"

#include <array>
#include <cstdlib>
#include <limits>
#include <stdexcept>
#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::users {
namespace {

constexpr std::string_view failed_login = "login.failed";
constexpr std::int64_t minute_ms = 60'000;

// A row whose detail is larger is told of without it: it can be read in the trail.
constexpr std::size_t activity_detail_bytes_max = 32 << 10;

std::optional<std::string> unless_empty(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

json::value or_null(std::optional<std::int64_t> number) {
  return number ? json::value(*number) : json::value(nullptr);
}
json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

struct Row {
  std::string_view action;
  std::optional<UserId> target;
  std::string_view outcome;
  std::string_view entity;
};

// What stands in a row beside its detail.
struct Head {
  std::int64_t id = 0;
  UnixMs created_at = 0;
  std::optional<UserId> actor{};
  std::string action{};
  std::optional<UserId> target{};
  std::optional<std::string> entity{};
  std::string outcome{};
  std::optional<std::string> ip{};
  std::optional<std::string> request_id{};
};

json::object row_of(const Head& head, json::value detail) {
  json::object row;
  row["id"] = head.id;
  row["created_at"] = rfc3339(head.created_at);
  row["actor_id"] = or_null(head.actor);
  row["action"] = head.action;
  row["target_id"] = or_null(head.target);
  row["entity"] = or_null(head.entity);
  row["outcome"] = head.outcome;
  row["detail"] = std::move(detail);
  row["ip"] = or_null(head.ip);
  row["request_id"] = or_null(head.request_id);
  return row;
}

// What of a detail may be in an event: what somebody else may not see, such as rules, values and attributes,
// stands in the documents of before and after.
json::value shown_of(const json::object& detail) {
  json::object shown;
  for (const auto& [member, value] : detail)
    if (member != "before" && member != "after") shown[member] = value;
  if (json::serialize(shown).size() > activity_detail_bytes_max) return {};
  return shown;
}

// The trail as it grows. The row is what lasts, so the event need not.
void tell(storage::UnitOfWork& work, const Head& head, const json::object& detail) {
  eventlog::deliver(work, {.type = std::string(eventlog::activity_type),
                           .data = json::serialize(row_of(head, shown_of(detail))),
                           .audience = hub::Audience::admins(),
                           .topic = "activity"});
}

void insert(storage::UnitOfWork& work, const Caller& caller, const Row& row, const json::object& detail) {
  std::optional<std::string> entity;
  if (!row.entity.empty())
    entity = std::string(row.entity);
  else if (row.target)
    entity = "users/" + std::to_string(*row.target);
  const std::string text = json::serialize(detail);
  Head head{.created_at = work.now(),
            .actor = caller.user_id,
            .action = std::string(row.action),
            .target = row.target,
            .entity = std::move(entity),
            .outcome = std::string(row.outcome),
            .ip = unless_empty(caller.ip),
            .request_id = unless_empty(caller.request_id)};
  work.query(
          "INSERT INTO audit (created_at, actor_id, action, target_id, outcome, detail, ip, request_id, "
          "entity) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(head.created_at, head.actor, head.action, head.target, head.outcome, text, head.ip,
            head.request_id, head.entity)
      .run();
  head.id = work.last_insert_id();
  tell(work, head, detail);
}

// What a request brought stands deeper there than it did in the request.
json::value parse_detail(const std::string& text) {
  Result<json::value> detail = parse_json(text, {.depth = 256, .members = text.size()});
  if (!detail)
    throw std::runtime_error("the detail of an audit row cannot be read: " + detail.error().detail);
  return std::move(*detail);
}

json::object read_row(const storage::Query& query) {
  const Head head{.id = query.integer(0),
                  .created_at = query.integer(1),
                  .actor = query.integer_or_null(2),
                  .action = query.text(3),
                  .target = query.integer_or_null(4),
                  .entity = query.text_or_null(9),
                  .outcome = query.text(5),
                  .ip = query.text_or_null(7),
                  .request_id = query.text_or_null(8)};
  return row_of(head, parse_detail(query.text_or_null(6).value_or("{}")));
}

// Failures from one such place share a row: IPv6 addresses count by their network.
std::string place_of(const std::string& ip) {
  boost::system::error_code failed;
  const auto address = boost::asio::ip::make_address(ip, failed);
  return failed ? ip : auth::rate_key(address);
}

// ---- reading ----

// The filter that an index answers; the other filters are judged row by row.
enum class By : std::uint8_t { all, user, action, entity };

// ?1 and ?2: between which ids; ?3: the value of the filter.
#define COROHUB_AUDIT                                                                                 \
  "SELECT id, created_at, actor_id, action, target_id, outcome, detail, ip, request_id, entity FROM " \
  "audit WHERE id > ?1 AND id < ?2"
#define COROHUB_AUDIT_OF_USER \
  COROHUB_AUDIT " AND actor_id = ?3 UNION ALL " COROHUB_AUDIT " AND target_id = ?3 AND actor_id IS NOT ?3"

constexpr std::array<std::string_view, 8> statements{
    COROHUB_AUDIT " ORDER BY id",
    COROHUB_AUDIT_OF_USER " ORDER BY id",
    COROHUB_AUDIT " AND action = ?3 ORDER BY id",
    COROHUB_AUDIT " AND entity = ?3 ORDER BY id",
    COROHUB_AUDIT " ORDER BY id DESC",
    COROHUB_AUDIT_OF_USER " ORDER BY id DESC",
    COROHUB_AUDIT " AND action = ?3 ORDER BY id DESC",
    COROHUB_AUDIT " AND entity = ?3 ORDER BY id DESC",
};

#undef COROHUB_AUDIT
#undef COROHUB_AUDIT_OF_USER

By index_for(const AuditQuery& wanted) noexcept {
  if (wanted.entity) return By::entity;
  if (wanted.user) return By::user;
  return wanted.action ? By::action : By::all;
}

bool is_wanted(const storage::Query& row, const AuditQuery& wanted) {
  if (wanted.action && row.text(3) != *wanted.action) return false;
  if (wanted.entity && row.text_or_null(9) != wanted.entity) return false;
  return !wanted.user || row.integer_or_null(2) == wanted.user || row.integer_or_null(4) == wanted.user;
}

storage::Query rows_of(storage::Snapshot& snapshot, const AuditQuery& wanted) {
  const By by = index_for(wanted);
  const std::size_t order = wanted.newest_first ? 4 : 0;
  storage::Query query = snapshot.query(statements[order + static_cast<std::size_t>(by)]);
  query.bind(wanted.since, wanted.before.value_or(std::numeric_limits<std::int64_t>::max()));
  if (by == By::entity) query.bind(wanted.entity);
  if (by == By::user) query.bind(wanted.user);
  if (by == By::action) query.bind(wanted.action);
  return query;
}

}  // namespace

void record(storage::UnitOfWork& work, const Caller& caller, std::string_view action,
            std::optional<UserId> target, const json::object& detail, std::string_view entity) {
  insert(work, caller, {action, target, "ok", entity}, detail);
}

void record_denied(storage::UnitOfWork& work, const Caller& caller, std::string_view action,
                   std::optional<UserId> target, const json::object& detail) {
  insert(work, caller, {action, target, "denied", {}}, detail);
}

void record_failed_login(storage::UnitOfWork& work, const Caller& caller, std::optional<UserId> user) {
  std::optional<std::int64_t> same;
  std::optional<std::int64_t> newest;
  std::int64_t rows = 0;
  {
    storage::Query query = work.query(
        "SELECT id, created_at, target_id, ip FROM audit INDEXED BY audit_by_action WHERE action = ? "
        "ORDER BY id DESC LIMIT ?");
    query.bind(failed_login, failed_login_rows_per_minute);
    for (; !same && query.next(); ++rows) {
      if (std::abs(work.now() - query.integer(1)) >= minute_ms) break;
      if (!newest) newest = query.integer(0);
      if (query.integer_or_null(2) == user &&
          place_of(query.text_or_null(3).value_or("")) == place_of(caller.ip))
        same = query.integer(0);
    }
  }
  if (same)
    return work
        .query(
            "UPDATE audit SET detail = json_set(detail, '$.count', json_extract(detail, '$.count') + 1) "
            "WHERE id = ?")
        .bind(*same)
        .run();
  if (rows >= failed_login_rows_per_minute)
    return work
        .query(
            "UPDATE audit SET detail = json_set(detail, '$.others', "
            "COALESCE(json_extract(detail, '$.others'), 0) + 1) WHERE id = ?")
        .bind(newest)
        .run();
  json::object detail;
  detail["count"] = 1;
  record_denied(work, caller, failed_login, user, detail);
}

std::int64_t delete_old_failed_logins(storage::UnitOfWork& work, std::int64_t limit) {
  work.query(
          "DELETE FROM audit WHERE id IN (SELECT id FROM (SELECT id, created_at FROM audit INDEXED BY "
          "audit_by_action WHERE action = ? ORDER BY id LIMIT ?) WHERE created_at < ?)")
      .bind(failed_login, limit, work.now() - failed_logins_kept_ms)
      .run();
  return work.changes();
}

AuditPage read_audit(storage::Snapshot& snapshot, const AuditQuery& wanted) {
  storage::Query query = rows_of(snapshot, wanted);
  AuditPage page;
  page.next = wanted.newest_first ? wanted.before.value_or(0) : wanted.since;
  std::size_t bytes = 0;
  for (std::int64_t looked_at = 0; query.next(); ++looked_at) {
    const bool shown = is_wanted(query, wanted);
    page.more = looked_at == audit_rows_looked_at_max || bytes >= audit_page_bytes ||
                (shown && static_cast<std::int64_t>(page.rows.size()) == wanted.limit);
    if (page.more) break;
    page.next = query.integer(0);
    if (!shown) continue;
    page.rows.push_back(read_row(query));
    bytes += query.text_or_null(6).value_or("").size();
  }
  return page;
}

std::span<const std::string_view> audit_statements() { return statements; }

}  // namespace corohub::users
