#include "users/credential_repository.hpp"

#include "core/encoding.hpp"

namespace corohub::users {

FailuresKey failures_key(std::string_view email_key, std::string_view place) {
  FailuresKey key{sha256_text(email_key), {}};
  if (!place.empty()) key.place = sha256_text(key.account + std::string(place));
  return key;
}

template <class Source>
LoginFailures find_login_failures(Source& source, const FailuresKey& key) {
  storage::Query query =
      source.query("SELECT failures, retry_at FROM login_failures WHERE account = ? AND place = ?");
  query.bind(storage::Blob{key.account}, storage::Blob{key.place});
  LoginFailures found;
  if (!query.next()) return found;
  found.count = query.integer(0);
  found.retry_at = query.integer(1);
  return found;
}
template LoginFailures find_login_failures(storage::UnitOfWork&, const FailuresKey&);
template LoginFailures find_login_failures(storage::Snapshot&, const FailuresKey&);

void save_login_failures(storage::UnitOfWork& work, const FailuresKey& key, const LoginFailures& failures,
                         std::int64_t places_kept) {
  work.query(
          "INSERT INTO login_failures (account, place, failures, retry_at, updated_at) "
          "VALUES (?1, ?2, ?3, ?4, ?5) "
          "ON CONFLICT (account, place) DO UPDATE SET failures = ?3, retry_at = ?4, updated_at = ?5")
      .bind(storage::Blob{key.account}, storage::Blob{key.place}, failures.count, failures.retry_at,
            work.now())
      .run();
  work.query(
          "DELETE FROM login_failures WHERE account = ?1 AND place IN (SELECT place FROM login_failures "
          "WHERE account = ?1 AND place <> x'' ORDER BY updated_at DESC LIMIT -1 OFFSET ?2)")
      .bind(storage::Blob{key.account}, places_kept)
      .run();
}

void forget_login_failures(storage::UnitOfWork& work, const FailuresKey& key) {
  work.query("DELETE FROM login_failures WHERE account = ? AND place IN (?, x'')")
      .bind(storage::Blob{key.account}, storage::Blob{key.place})
      .run();
}

void delete_login_failures(storage::UnitOfWork& work, std::string_view email_key) {
  work.query("DELETE FROM login_failures WHERE account = ?")
      .bind(storage::Blob{failures_key(email_key, {}).account})
      .run();
}

std::int64_t trim_login_failures(storage::UnitOfWork& work, UnixMs untouched_since, std::int64_t limit) {
  work.query(
          "DELETE FROM login_failures WHERE (account, place) IN (SELECT account, place FROM login_failures "
          "WHERE updated_at < ? LIMIT ?)")
      .bind(untouched_since, limit)
      .run();
  return work.changes();
}

void insert_password_reset(storage::UnitOfWork& work, std::string_view hash, const PasswordReset& reset) {
  work.query(
          "INSERT INTO password_resets (hash, user_id, made_by, created_at, expires_at) "
          "VALUES (?, ?, ?, ?, ?)")
      .bind(storage::Blob{hash}, reset.user_id, reset.made_by, work.now(), reset.expires_at)
      .run();
}

template <class Source>
std::optional<PasswordReset> find_password_reset(Source& source, std::string_view hash) {
  storage::Query query = source.query(
      "SELECT user_id, expires_at, used_at IS NOT NULL, made_by FROM password_resets WHERE hash = ?");
  query.bind(storage::Blob{hash});
  if (!query.next()) return std::nullopt;
  PasswordReset found;
  found.user_id = query.integer(0);
  found.expires_at = query.integer(1);
  found.used = query.integer(2) != 0;
  found.made_by = query.integer_or_null(3);
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
