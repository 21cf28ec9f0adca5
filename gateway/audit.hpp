// The rows that this room adds to the audit trail. For use inside units.
#pragma once

#include "core/json.hpp"
#include "http/router.hpp"
#include "storage/unit_of_work.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace corohub::gateway {

// One row of the audit trail. `detail` is a JSON object.
struct AuditRow {
  UserId actor = 0;
  std::string_view action;  // a literal
  std::optional<UserId> target;
  json::object detail;
  std::string ip;
  std::string request_id;
  std::string entity;  // what it was done to, as "connections/<id>"; empty: the target, if there is one
};
AuditRow audit_row(const http::Context& context, std::string_view action, std::optional<UserId> target,
                   json::object detail);
void record(storage::UnitOfWork& work, const AuditRow& row);

}  // namespace corohub::gateway
