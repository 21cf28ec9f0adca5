#include "gateway/audit.hpp"

#include "users/audit.hpp"

#include <utility>

namespace corohub::gateway {

AuditRow audit_row(const http::Context& context, std::string_view action, std::optional<UserId> target,
                   json::object detail) {
  return {context.principal->user_id(), action, target, std::move(detail), context.request.peer.to_string(),
          context.request.id,           {}};
}

void record(storage::UnitOfWork& work, const AuditRow& row) {
  users::Caller caller;
  caller.user_id = row.actor;
  caller.ip = row.ip;
  caller.request_id = row.request_id;
  users::record(work, caller, row.action, row.target, row.detail, row.entity);
}

}  // namespace corohub::gateway
