// The audit trail: who did what to whom, allowed or denied. Append-only, written in the unit it tells of.
#pragma once

#include "core/json.hpp"
#include "storage/unit_of_work.hpp"
#include "users/caller.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace corohub::users {

// `detail` says what was there before and after; never a password or a token.
void record(storage::UnitOfWork& work, const Caller& caller, std::string_view action,
            std::optional<UserId> target, const json::object& detail = {});
void record_denied(storage::UnitOfWork& work, const Caller& caller, std::string_view action,
                   std::optional<UserId> target, const json::object& detail = {});

struct AuditQuery {
  std::int64_t since = 0;  // id, exclusive
  std::int64_t limit = 100;
  std::optional<UserId> user;  // who did it or whom it was done to
};

struct AuditPage {
  std::vector<json::object> rows;  // oldest first, as GET /admin/audit shows them
  std::int64_t next = 0;           // `since` of the next page
  bool more = false;
};

AuditPage read_audit(storage::Snapshot& snapshot, const AuditQuery& query);

}  // namespace corohub::users
