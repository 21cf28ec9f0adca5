// Rows that have ended by themselves and are kept nowhere else: logins past their end with their refresh
// tokens, password links past theirs, failures of long ago, and the audit trail as far as its settings say.
#pragma once

#include "storage/unit_of_work.hpp"

#include <chrono>
#include <cstdint>

namespace corohub::users {

struct ExpirySettings {
  std::chrono::seconds audit{0};  // 0: the trail is kept
  std::int64_t step_rows = 500;   // of each kind
};

struct ExpiryStep {
  std::int64_t deleted = 0;
  bool more = false;  // there may be more to delete at once
};

// Deletes a few rows of each kind, in the unit's transaction. No answer to any request changes with that.
ExpiryStep delete_expired(storage::UnitOfWork& work, const ExpirySettings& settings);

}  // namespace corohub::users
