#include "users/login_repository.hpp"

#include <algorithm>

namespace corohub::users {
namespace {

storage::Blob blob(const SessionId& id) noexcept {
  return {{reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()}};
}

SessionId login_id(const std::string& bytes) noexcept {
  SessionId id;
  std::copy_n(bytes.begin(), std::min(bytes.size(), id.bytes.size()), id.bytes.begin());
  return id;
}

LoginRow read_login(const storage::Query& query) {
  LoginRow row;
  row.id = login_id(query.blob(0));
  row.user_id = query.integer(1);
  row.created_at = query.integer(2);
  row.last_used_at = query.integer(3);
  row.expires_at = query.integer(4);
  row.ip = query.text_or_null(5).value_or(std::string());
  row.user_agent = query.text_or_null(6).value_or(std::string());
  return row;
}

}  // namespace

void insert_login(storage::UnitOfWork& work, const LoginRow& session) {
  work.query(
          "INSERT INTO sessions (id, user_id, created_at, last_used_at, expires_at, ip, user_agent) "
          "VALUES (?, ?, ?, ?, ?, ?, ?)")
      .bind(blob(session.id), session.user_id, session.created_at, session.last_used_at, session.expires_at,
            session.ip, session.user_agent)
      .run();
}

template <class Source>
std::optional<LoginRow> find_login(Source& source, const SessionId& id) {
  storage::Query query = source.query(
      "SELECT id, user_id, created_at, last_used_at, expires_at, ip, user_agent FROM sessions WHERE id = ?");
  query.bind(blob(id));
  if (!query.next()) return std::nullopt;
  return read_login(query);
}
template std::optional<LoginRow> find_login(storage::UnitOfWork&, const SessionId&);
template std::optional<LoginRow> find_login(storage::Snapshot&, const SessionId&);

template <class Source>
std::vector<LoginRow> live_logins(Source& source, UserId user, UnixMs now, UnixMs used_since) {
  storage::Query query = source.query(
      "SELECT id, user_id, created_at, last_used_at, expires_at, ip, user_agent FROM sessions "
      "WHERE user_id = ? AND expires_at > ? AND last_used_at > ? ORDER BY created_at DESC, id");
  query.bind(user, now, used_since);
  std::vector<LoginRow> rows;
  while (query.next()) rows.push_back(read_login(query));
  return rows;
}
template std::vector<LoginRow> live_logins(storage::UnitOfWork&, UserId, UnixMs, UnixMs);
template std::vector<LoginRow> live_logins(storage::Snapshot&, UserId, UnixMs, UnixMs);

void touch_login(storage::UnitOfWork& work, const SessionId& id, const std::string& ip) {
  work.query("UPDATE sessions SET last_used_at = ?, ip = coalesce(nullif(?, ''), ip) WHERE id = ?")
      .bind(work.now(), ip, blob(id))
      .run();
}

void delete_login(storage::UnitOfWork& work, const SessionId& id) {
  delete_refresh_tokens(work, id);
  work.query("DELETE FROM sessions WHERE id = ?").bind(blob(id)).run();
}

void delete_logins(storage::UnitOfWork& work, UserId user, const std::optional<SessionId>& except) {
  std::optional<storage::Blob> kept;
  if (except) kept = blob(*except);
  work.query(
          "DELETE FROM refresh_tokens WHERE session_id IN "
          "(SELECT id FROM sessions WHERE user_id = ?1 AND (?2 IS NULL OR id <> ?2))")
      .bind(user, kept)
      .run();
  work.query("DELETE FROM sessions WHERE user_id = ?1 AND (?2 IS NULL OR id <> ?2)").bind(user, kept).run();
}

std::int64_t delete_ended_logins(storage::UnitOfWork& work, std::int64_t limit) {
  std::vector<SessionId> ended;
  {
    storage::Query query =
        work.query("SELECT id FROM sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?");
    query.bind(work.now(), limit);
    while (query.next()) ended.push_back(login_id(query.blob(0)));
  }
  for (const SessionId& id : ended) delete_login(work, id);
  return static_cast<std::int64_t>(ended.size());
}

void trim_logins(storage::UnitOfWork& work, const LoginRow& newest, UnixMs used_since, std::int64_t keep) {
  std::vector<SessionId> dead;
  {
    // Logins of one commit share their time, so the newest is named.
    storage::Query query = work.query(
        "SELECT id, expires_at <= ?1 OR last_used_at <= ?2 FROM sessions WHERE user_id = ?3 "
        "ORDER BY id = ?4 DESC, created_at DESC, id");
    query.bind(work.now(), used_since, newest.user_id, blob(newest.id));
    for (std::int64_t kept = 0; query.next();)
      if (query.integer(1) != 0 || kept++ >= keep) dead.push_back(login_id(query.blob(0)));
  }
  for (const SessionId& id : dead) delete_login(work, id);
}

void insert_refresh_token(storage::UnitOfWork& work, const RefreshRow& token) {
  work.query("INSERT INTO refresh_tokens (hash, session_id, issued_at, expires_at) VALUES (?, ?, ?, ?)")
      .bind(storage::Blob{token.hash}, blob(token.session), token.issued_at, token.expires_at)
      .run();
}

template <class Source>
std::optional<RefreshRow> find_refresh_token(Source& source, std::string_view hash) {
  storage::Query query = source.query(
      "SELECT hash, session_id, issued_at, expires_at, used_at, successor, successor_seed "
      "FROM refresh_tokens WHERE hash = ?");
  query.bind(storage::Blob{hash});
  if (!query.next()) return std::nullopt;
  RefreshRow row;
  row.hash = query.blob(0);
  row.session = login_id(query.blob(1));
  row.issued_at = query.integer(2);
  row.expires_at = query.integer(3);
  row.used_at = query.integer_or_null(4);
  if (!query.is_null(5)) row.successor = query.blob(5);
  if (!query.is_null(6)) row.successor_seed = query.blob(6);
  return row;
}
template std::optional<RefreshRow> find_refresh_token(storage::UnitOfWork&, std::string_view);
template std::optional<RefreshRow> find_refresh_token(storage::Snapshot&, std::string_view);

void mark_refresh_token(storage::UnitOfWork& work, const RefreshRow& token) {
  work.query("UPDATE refresh_tokens SET successor_seed = NULL WHERE session_id = ? AND successor = ?")
      .bind(blob(token.session), storage::Blob{token.hash})
      .run();
  work.query("UPDATE refresh_tokens SET used_at = ?, successor = ?, successor_seed = ? WHERE hash = ?")
      .bind(token.used_at, storage::Blob{token.successor.value()},
            storage::Blob{token.successor_seed.value()}, storage::Blob{token.hash})
      .run();
}

void delete_refresh_tokens(storage::UnitOfWork& work, const SessionId& session) {
  work.query("DELETE FROM refresh_tokens WHERE session_id = ?").bind(blob(session)).run();
}

void trim_refresh_tokens(storage::UnitOfWork& work, const SessionId& session, std::int64_t keep) {
  work.query(
          "DELETE FROM refresh_tokens WHERE session_id = ?1 AND hash IN (SELECT hash FROM refresh_tokens "
          "WHERE session_id = ?1 AND used_at IS NOT NULL ORDER BY used_at DESC LIMIT -1 OFFSET ?2)")
      .bind(blob(session), keep)
      .run();
}

}  // namespace corohub::users
