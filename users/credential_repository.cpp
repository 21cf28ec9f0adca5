#include "users/credential_repository.hpp"

#include "core/encoding.hpp"

namespace corohub::users {

std::string failures_key(std::string_view email_key) { return sha256_text(email_key); }

template <class Source>
LoginFailures find_login_failures(Source& source, std::string_view key) {
  storage::Query query = source.query("SELECT failures, retry_at FROM login_failures WHERE account = ?");
  query.bind(storage::Blob{key});
  LoginFailures found;
  if (!query.next()) return found;
  found.count = query.integer(0);
  found.retry_at = query.integer(1);
  return found;
}
template LoginFailures find_login_failures(storage::UnitOfWork&, std::string_view);
template LoginFailures find_login_failures(storage::Snapshot&, std::string_view);

void save_login_failures(storage::UnitOfWork& work, std::string_view key, const LoginFailures& failures) {
  work.query(
          "INSERT INTO login_failures (account, failures, retry_at, updated_at) VALUES (?1, ?2, ?3, ?4) "
          "ON CONFLICT (account) DO UPDATE SET failures = ?2, retry_at = ?3, updated_at = ?4")
      .bind(storage::Blob{key}, failures.count, failures.retry_at, work.now())
      .run();
}

void delete_login_failures(storage::UnitOfWork& work, std::string_view key) {
  work.query("DELETE FROM login_failures WHERE account = ?").bind(storage::Blob{key}).run();
}

std::int64_t trim_login_failures(storage::UnitOfWork& work, UnixMs untouched_since, std::int64_t final_count,
                                 std::int64_t limit) {
  work.query(
          "DELETE FROM login_failures WHERE account IN (SELECT account FROM login_failures "
          "WHERE updated_at < ? AND failures < ? LIMIT ?)")
      .bind(untouched_since, final_count, limit)
      .run();
  return work.changes();
}

void insert_password_reset(storage::UnitOfWork& work, std::string_view hash, UserId user, UnixMs expires_at) {
  work.query("INSERT INTO password_resets (hash, user_id, created_at, expires_at) VALUES (?, ?, ?, ?)")
      .bind(storage::Blob{hash}, user, work.now(), expires_at)
      .run();
}

template <class Source>
std::optional<PasswordReset> find_password_reset(Source& source, std::string_view hash) {
  storage::Query query =
      source.query("SELECT user_id, expires_at, used_at IS NOT NULL FROM password_resets WHERE hash = ?");
  query.bind(storage::Blob{hash});
  if (!query.next()) return std::nullopt;
  PasswordReset found;
  found.user_id = query.integer(0);
  found.expires_at = query.integer(1);
  found.used = query.integer(2) != 0;
  return found;
}
template std::optional<PasswordReset> find_password_reset(storage::UnitOfWork&, std::string_view);
template std::optional<PasswordReset> find_password_reset(storage::Snapshot&, std::string_view);

void use_password_reset(storage::UnitOfWork& work, std::string_view hash) {
  work.query("UPDATE password_resets SET used_at = ? WHERE hash = ?")
      .bind(work.now(), storage::Blob{hash})
      .run();
}

void delete_password_resets(storage::UnitOfWork& work, UserId user) {
  work.query("DELETE FROM password_resets WHERE (user_id = ? AND used_at IS NULL) OR expires_at < ?")
      .bind(user, work.now())
      .run();
}

std::int64_t delete_late_password_resets(storage::UnitOfWork& work, std::int64_t limit) {
  work.query(
          "DELETE FROM password_resets WHERE hash IN (SELECT hash FROM password_resets WHERE expires_at < ? "
          "LIMIT ?)")
      .bind(work.now(), limit)
      .run();
  return work.changes();
}

}  // namespace corohub::users
