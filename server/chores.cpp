#include "server/chores.hpp"

#include "core/metrics.hpp"
#include "eventlog/retention.hpp"
#include "gateway/session/idempotency.hpp"
#include "users/expiry.hpp"

#include <cstdint>

namespace corohub::server {
namespace {

Cleaned clean_events(storage::UnitOfWork& work, const eventlog::RetentionSettings& retention) {
  static metrics::Gauge& floor =
      metrics::gauge("corohub_log_floor", "Events up to this seq are gone from the log.");
  const eventlog::RetentionStep step = eventlog::delete_old_events(work, retention);
  floor.Set(static_cast<double>(step.floor));
  return {step.deleted, step.more};
}

Cleaned clean_answers(storage::UnitOfWork& work, std::int64_t rows) {
  const std::int64_t deleted = gateway::forget_answers(work, rows);
  return {deleted, deleted >= rows};
}

Cleaned clean_accounts(storage::UnitOfWork& work, const users::ExpirySettings& expiry) {
  const users::ExpiryStep step = users::delete_expired(work, expiry);
  return {step.deleted, step.more};
}

}  // namespace

std::vector<Chore> chores(const Settings& settings) {
  const eventlog::RetentionSettings& retention = settings.retention;
  const std::int64_t rows = retention.step_rows;
  const users::ExpirySettings expiry{settings.users.audit_retention, rows};
  return {
      {"events", [retention](storage::UnitOfWork& work) { return clean_events(work, retention); }},
      {"idempotency_keys", [rows](storage::UnitOfWork& work) { return clean_answers(work, rows); }},
      {"accounts", [expiry](storage::UnitOfWork& work) { return clean_accounts(work, expiry); }},
  };
}

}  // namespace corohub::server
