// The tables `sessions` (logins) and `refresh_tokens`: SQL only, no rules. `Source` is a storage::UnitOfWork
// or a storage::Snapshot. Times are milliseconds UTC.
#pragma once

#include "core/account.hpp"
#include "storage/unit_of_work.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::users {

struct LoginRow {
  SessionId id{};
  UserId user_id = 0;
  UnixMs created_at = 0;
  UnixMs last_used_at = 0;
  UnixMs expires_at = 0;  // the absolute end, however often it is refreshed
  std::string ip;         // of the last use
  std::string user_agent;
};

void insert_login(storage::UnitOfWork& work, const LoginRow& session);
template <class Source>
std::optional<LoginRow> find_login(Source& source, const SessionId& id);
// Logins that have not ended by themselves, the newest first.
template <class Source>
std::vector<LoginRow> live_logins(Source& source, UserId user, UnixMs now, UnixMs used_since);
// Notes that the login was used now, from this address; an unknown address changes nothing.
void touch_login(storage::UnitOfWork& work, const SessionId& id, const std::string& ip);

// Also deletes the login's refresh tokens.
void delete_login(storage::UnitOfWork& work, const SessionId& id);
void delete_logins(storage::UnitOfWork& work, UserId user, const std::optional<SessionId>& except);
// Deletes logins whose absolute end has come, at most so many; returns how many there were.
std::int64_t delete_ended_logins(storage::UnitOfWork& work, std::int64_t limit);
// Deletes the logins of newest's user that ended by themselves, and the oldest beyond `keep`.
void trim_logins(storage::UnitOfWork& work, const LoginRow& newest, UnixMs used_since, std::int64_t keep);

struct RefreshRow {
  std::string hash;  // SHA-256 of the token
  SessionId session{};
  UnixMs issued_at = 0;
  UnixMs expires_at = 0;
  std::optional<UnixMs> used_at;
  std::optional<std::string> successor;       // hash
  std::optional<std::string> successor_seed;  // until the successor is used
};

void insert_refresh_token(storage::UnitOfWork& work, const RefreshRow& token);
template <class Source>
std::optional<RefreshRow> find_refresh_token(Source& source, std::string_view hash);
// Notes that `token` was exchanged for its successor now; the seed of the token before it is of no use any
// more.
void mark_refresh_token(storage::UnitOfWork& work, const RefreshRow& token);
void delete_refresh_tokens(storage::UnitOfWork& work, const SessionId& session);
// Keeps the newest used tokens, by which reuse is recognised.
void trim_refresh_tokens(storage::UnitOfWork& work, const SessionId& session, std::int64_t keep);

}  // namespace corohub::users
