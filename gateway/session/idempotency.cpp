#include "gateway/session/idempotency.hpp"

#include "core/encoding.hpp"

namespace corohub::gateway {
namespace {

constexpr std::int64_t forgotten_at_once = 16;  // more than one unit adds, so the table shrinks again

UnixMs oldest_valid(UnixMs now) noexcept {
  return now - std::chrono::milliseconds(Publishing::idempotency_window).count();
}

}  // namespace

IdempotencyKey make_idempotency_key(std::string_view who, std::string_view target,
                                    const Publication& publication) {
  std::string scope(who);
  scope.append("\n").append(target).append("\n").append(publication.idempotency_key);
  return {sha256_text(scope), sha256_text(publication.type + "\n" + publication.data)};
}

Result<std::optional<Published>> find_answer(storage::UnitOfWork& work, const IdempotencyKey& key) {
  storage::Query query =
      work.query("SELECT payload, seq, created_at FROM idempotency_keys WHERE scope = ? AND created_at > ?");
  query.bind(storage::Blob{key.scope}, oldest_valid(work.now()));
  if (!query.next()) return std::optional<Published>();
  if (query.blob(0) != key.payload)
    return Error(ErrorCode::idempotency_mismatch, "This idempotency key was used for something else.");
  return std::optional(Published{.seq = query.integer(1), .time = query.integer(2)});
}

void store_answer(storage::UnitOfWork& work, const IdempotencyKey& key, const Published& answer) {
  work.query("INSERT OR REPLACE INTO idempotency_keys (scope, payload, seq, created_at) VALUES (?, ?, ?, ?)")
      .bind(storage::Blob{key.scope}, storage::Blob{key.payload}, answer.seq, answer.time)
      .run();
  forget_answers(work, forgotten_at_once);
}

std::int64_t forget_answers(storage::UnitOfWork& work, std::int64_t limit) {
  work.query(
          "DELETE FROM idempotency_keys WHERE scope IN "
          "(SELECT scope FROM idempotency_keys WHERE created_at <= ? ORDER BY created_at LIMIT ?)")
      .bind(oldest_valid(work.now()), limit)
      .run();
  return work.changes();
}

}  // namespace corohub::gateway
