// The audit trail: who did what to whom, allowed or denied. A row is written in the unit that it tells of and
// never changed afterwards, except for the count of failed logins.
#pragma once

#include "core/json.hpp"
#include "storage/unit_of_work.hpp"
#include "users/caller.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::users {

// Administrators who follow the topic `activity` are told of each row once it is committed. `detail` says
// what was there before and after; never a password or a token. `entity`: the thing that was changed, as
// "sessions/<id>"; without one it is the target, "users/<id>".
void record(storage::UnitOfWork& work, const Caller& caller, std::string_view action,
            std::optional<UserId> target, const json::object& detail = {}, std::string_view entity = {});
void record_denied(storage::UnitOfWork& work, const Caller& caller, std::string_view action,
                   std::optional<UserId> target, const json::object& detail = {});

// A stranger may cause any number of failed logins, so failures on one account from one network share a row
// for a minute (`detail.count`); beyond so many rows a minute the newest row counts the rest
// (`detail.others`); and these rows are kept for so long, whatever is kept of the others.
inline constexpr std::int64_t failed_login_rows_per_minute = 10;
inline constexpr std::int64_t failed_logins_kept_ms = 30LL * 24 * 3600 * 1000;
// `user`: null for an address that no account has, which is not written down.
void record_failed_login(storage::UnitOfWork& work, const Caller& caller, std::optional<UserId> user);
// Deletes at most so many rows that are too old; returns how many there were.
std::int64_t delete_old_failed_logins(storage::UnitOfWork& work, std::int64_t limit);

// A page looks at so many rows at most; with filters it may show fewer than asked for and still say `more`.
inline constexpr std::int64_t audit_rows_looked_at_max = 10'000;
// A page ends with the row whose detail reaches so many bytes together.
inline constexpr std::size_t audit_page_bytes = 1 << 20;

struct AuditQuery {
  std::int64_t since = 0;              // id, exclusive
  std::optional<std::int64_t> before;  // id, exclusive
  bool newest_first = false;
  std::int64_t limit = 100;
  std::optional<UserId> user;  // as the actor or the target
  std::optional<std::string> action;
  std::optional<std::string> entity;
};

struct AuditPage {
  std::vector<json::object> rows;  // as GET /admin/audit shows them
  std::int64_t next = 0;           // `since` of the next page; `before`, with the newest first
  bool more = false;
};

AuditPage read_audit(storage::Snapshot& snapshot, const AuditQuery& query);

// Every statement read_audit() may run, for a test that asks how each is done.
std::span<const std::string_view> audit_statements();

}  // namespace corohub::users
