#include "gateway/audit.hpp"

#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway {

AuditRow audit_row(const http::Context& context, std::string_view action, std::optional<UserId> target,
                   json::object detail) {
  return {context.principal->user_id(), action, target, std::move(detail), context.request.peer.to_string(),
          context.request.id,           {}};
}

void record(storage::UnitOfWork& work, const AuditRow& row) {
  std::optional<std::string> entity;
  if (!row.entity.empty())
    entity = row.entity;
  else if (row.target)
    entity = "users/" + std::to_string(*row.target);
  work.query(
          "INSERT INTO audit (created_at, actor_id, action, target_id, outcome, detail, ip, request_id, "
          "entity) "
          "VALUES (?, ?, ?, ?, 'ok', ?, ?, ?, ?)")
      .bind(work.now(), row.actor, row.action, row.target, json::serialize(row.detail), row.ip,
            row.request_id, entity)
      .run();
}

}  // namespace corohub::gateway
