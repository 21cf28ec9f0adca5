// Idempotency keys in the database: what was answered to a publish, for five minutes and across restarts.
// Used inside a unit.
#pragma once

#include "gateway/session/publishing.hpp"
#include "storage/unit_of_work.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace corohub::gateway {

// `who` and `target` without line breaks.
IdempotencyKey make_idempotency_key(std::string_view who, std::string_view target,
                                    const Publication& publication);

// What the same request was answered; nothing if it is new. idempotency_mismatch: the key was used for
// something else.
Result<std::optional<Published>> find_answer(storage::UnitOfWork& work, const IdempotencyKey& key);
// Keeps the answer, and forgets a few that are too old.
void store_answer(storage::UnitOfWork& work, const IdempotencyKey& key, const Published& answer);
// Those that are too old, at most so many; how many there were.
std::int64_t forget_answers(storage::UnitOfWork& work, std::int64_t limit);

}  // namespace corohub::gateway
