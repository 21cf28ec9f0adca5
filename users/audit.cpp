#include "users/audit.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace corohub::users {
namespace {

std::optional<std::string_view> unless_empty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

void insert(storage::UnitOfWork& work, const Caller& caller, std::string_view action,
            std::optional<UserId> target, std::string_view outcome, const json::object& detail) {
  work.query(
          "INSERT INTO audit (created_at, actor_id, action, target_id, outcome, detail, ip, request_id) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(work.now(), caller.user_id, action, target, outcome, json::serialize(detail),
            unless_empty(caller.ip), unless_empty(caller.request_id))
      .run();
}

json::value or_null(std::optional<std::int64_t> number) {
  return number ? json::value(*number) : json::value(nullptr);
}
json::value or_null(const std::optional<std::string>& text) {
  return text ? json::value(*text) : json::value(nullptr);
}

json::object read_row(const storage::Query& query) {
  json::object row;
  row["id"] = query.integer(0);
  row["created_at"] = rfc3339(query.integer(1));
  row["actor_id"] = or_null(query.integer_or_null(2));
  row["action"] = query.text(3);
  row["target_id"] = or_null(query.integer_or_null(4));
  row["outcome"] = query.text(5);
  row["detail"] = json::parse(query.text_or_null(6).value_or("{}"));
  row["ip"] = or_null(query.text_or_null(7));
  row["request_id"] = or_null(query.text_or_null(8));
  return row;
}

}  // namespace

void record(storage::UnitOfWork& work, const Caller& caller, std::string_view action,
            std::optional<UserId> target, const json::object& detail) {
  insert(work, caller, action, target, "ok", detail);
}

void record_denied(storage::UnitOfWork& work, const Caller& caller, std::string_view action,
                   std::optional<UserId> target, const json::object& detail) {
  insert(work, caller, action, target, "denied", detail);
}

AuditPage read_audit(storage::Snapshot& snapshot, const AuditQuery& wanted) {
  storage::Query query = snapshot.query(
      "SELECT id, created_at, actor_id, action, target_id, outcome, detail, ip, request_id FROM audit "
      "WHERE id > ?1 AND (?2 IS NULL OR actor_id = ?2 OR target_id = ?2) ORDER BY id LIMIT ?3");
  query.bind(wanted.since, wanted.user, wanted.limit + 1);
  AuditPage page;
  page.next = wanted.since;
  while (query.next()) {
    if (static_cast<std::int64_t>(page.rows.size()) == wanted.limit) {
      page.more = true;
      break;
    }
    page.next = query.integer(0);
    page.rows.push_back(read_row(query));
  }
  return page;
}

}  // namespace corohub::users
