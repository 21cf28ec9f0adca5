#include "users/expiry.hpp"

#include "users/audit.hpp"
#include "users/credential_repository.hpp"
#include "users/login_repository.hpp"
#include "users/password_check.hpp"

#include <array>

namespace corohub::users {
namespace {

// Rows of the trail are in the order of their times, so old rows stand first.
std::int64_t delete_old_audit(storage::UnitOfWork& work, std::chrono::seconds age, std::int64_t limit) {
  if (age.count() == 0) return 0;
  work.query(
          "DELETE FROM audit WHERE id IN (SELECT id FROM (SELECT id, created_at FROM audit ORDER BY id LIMIT "
          "?) "
          "WHERE created_at < ?)")
      .bind(limit, work.now() - std::chrono::milliseconds(age).count())
      .run();
  return work.changes();
}

}  // namespace

ExpiryStep delete_expired(storage::UnitOfWork& work, const ExpirySettings& settings) {
  const std::int64_t limit = settings.step_rows;
  const std::array deleted{
      delete_ended_logins(work, limit),
      delete_late_password_resets(work, limit),
      trim_login_failures(work, work.now() - forgotten_after_ms, limit),
      delete_old_failed_logins(work, limit),
      delete_old_audit(work, settings.audit, limit),
  };
  ExpiryStep step;
  for (const std::int64_t rows : deleted) {
    step.deleted += rows;
    step.more = step.more || rows >= limit;
  }
  return step;
}

}  // namespace corohub::users
