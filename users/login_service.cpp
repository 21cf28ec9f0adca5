#include "users/login_service.hpp"

#include "core/encoding.hpp"
#include "core/random.hpp"
#include "users/audit.hpp"
#include "users/user_repository.hpp"

namespace corohub::users {
namespace {

// How many used refresh tokens are kept per login, to recognise reuse.
constexpr std::int64_t used_tokens_kept = 100;
constexpr std::size_t seed_bytes = 32;

Error no_grant() {
  return Error(ErrorCode::invalid_grant, "The refresh token is unknown, used or expired; log in again.");
}

enum class Use : std::uint8_t { first, again, late, stolen };

// What presenting this token means. `successor` is the row it names, if there is one.
Use judge(const RefreshRow& token, const std::optional<RefreshRow>& successor, UnixMs now,
          const LoginRules& rules) {
  if (!token.used_at) return Use::first;
  if (now - *token.used_at >= rules.grace) return Use::stolen;
  return successor && !successor->used_at && token.successor_seed ? Use::again : Use::late;
}

// Made of two secrets, so that the server need not keep the token: one that only the token's holder has, and
// one that only the server has.
std::string successor_of(const std::string& text, const std::string& seed) {
  return "crt_" + base64url(hmac_sha256(text, seed));
}

// The first use of a token.
std::string exchange(storage::UnitOfWork& work, const std::string& text, RefreshRow& token,
                     const LoginRow& session, const Caller& caller, const LoginRules& rules) {
  std::string seed(seed_bytes, '\0');
  random_bytes(seed.data(), seed.size());
  std::string next = successor_of(text, seed);
  store_refresh_token(work, next, session.id, session.expires_at, rules);
  token.used_at = work.now();
  token.successor = sha256_text(next);
  token.successor_seed = std::move(seed);
  mark_refresh_token(work, token);
  touch_login(work, session.id, caller.ip);
  trim_refresh_tokens(work, session.id, used_tokens_kept);
  return next;
}

// A login whose refresh token has leaked ends, for the thief and for the owner.
Decision<Login> revoke_family(storage::UnitOfWork& work, const LoginRow& session, const Caller& caller,
                              const LoginRules& rules) {
  delete_login(work, session.id);
  json::object detail;
  detail["session_id"] = session.id.text();
  record_denied(work, caller, "refresh_reuse", session.user_id, detail);
  publish_account(work, session.user_id, CloseReason::session_revoked, rules);
  return Decision<Login>::refused(no_grant());
}

Result<Decision<Login>> rotate(storage::UnitOfWork& work, const std::string& text, const Caller& caller,
                               const LoginRules& rules) {
  std::optional<RefreshRow> token = find_refresh_token(work, sha256_text(text));
  if (!token) return no_grant();
  const std::optional<LoginRow> session = find_login(work, token->session);
  if (!session) return no_grant();
  std::optional<RefreshRow> successor;
  if (token->successor) successor = find_refresh_token(work, *token->successor);

  const Use use = judge(*token, successor, work.now(), rules);
  if (use == Use::stolen) return revoke_family(work, *session, caller, rules);
  if (use == Use::late || token->expires_at <= work.now()) return no_grant();
  AccountRef account = load_account(work, session->user_id, work.now(), rules);
  if (!account || account->status != UserStatus::active || !account->has_session(session->id))
    return no_grant();

  Login login;
  login.refresh_token = use == Use::first ? exchange(work, text, *token, *session, caller, rules)
                                          : successor_of(text, *token->successor_seed);
  login.account = std::move(account);
  login.session = session->id;
  return Decision<Login>::granted(std::move(login));
}

// Whether `session` is still a login of the caller. A login that was ended since the request was let in ends
// no others.
bool is_login_of(storage::UnitOfWork& work, const SessionId& session, const Caller& caller) {
  const std::optional<LoginRow> row = find_login(work, session);
  return row && row->user_id == caller.user_id;
}

}  // namespace

Login open_login(storage::UnitOfWork& work, UserId user, const Caller& caller, const LoginRules& rules) {
  BegunLogin opened = begin_login(work, user, caller, rules);
  Login login;
  login.account = publish_account(work, user, CloseReason::session_revoked, rules);
  login.session = opened.id;
  login.refresh_token = std::move(opened.refresh_token);
  return login;
}

void end_logins(storage::UnitOfWork& work, UserId user, const std::vector<SessionId>& sessions,
                CloseReason reason, const Caller& caller, const LoginRules& rules) {
  if (sessions.empty()) return;
  const std::string_view action = reason == CloseReason::logged_out ? "logout" : "session.end";
  for (const SessionId& session : sessions) {
    delete_login(work, session);
    record(work, caller, action, user, {}, "sessions/" + session.text());
  }
  publish_account(work, user, reason, rules);
}

Task<Outcome<Login>> LoginService::open(UserId user, Caller caller) {
  auto unit = [user, caller = std::move(caller), rules = rules_](storage::UnitOfWork& work) -> Result<Login> {
    const std::optional<UserRow> row = find_user(work, user);
    if (!row) return Error(ErrorCode::not_found, "There is no such account.");
    if (row->account.status != UserStatus::active)
      return Error(ErrorCode::forbidden, "The account is disabled.");
    record(work, caller, "session.open", user);
    return open_login(work, user, caller, rules);
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

Task<Result<SessionId>> LoginService::login_of(std::string refresh_token) {
  auto look = [hash = sha256_text(refresh_token)](storage::Snapshot& snapshot) -> Result<SessionId> {
    const std::optional<RefreshRow> token = find_refresh_token(snapshot, hash);
    if (!token) return no_grant();
    return token->session;
  };
  co_return co_await parts_.readers.read(std::move(look));
}

Task<Outcome<Login>> LoginService::refresh(std::string refresh_token, Caller caller) {
  auto unit = [text = std::move(refresh_token), caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) { return rotate(work, text, caller, rules); };
  co_return settle(co_await parts_.writer.commit(std::move(unit)));
}

Task<Outcome<storage::Nothing>> LoginService::end(SessionId session, SessionId by, CloseReason reason,
                                                  Caller caller) {
  auto unit = [session, by, reason, caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    if (session != by && !is_login_of(work, by, caller)) return Error(ErrorCode::invalid_token);
    const std::optional<LoginRow> row = find_login(work, session);
    if (!row || row->user_id != caller.user_id) return Error(ErrorCode::not_found);
    end_logins(work, row->user_id, {session}, reason, caller, rules);
    return storage::Nothing{};
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

Task<Outcome<storage::Nothing>> LoginService::end_others(SessionId session, Caller caller) {
  auto unit = [session, caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    if (!is_login_of(work, session, caller)) return Error(ErrorCode::invalid_token);
    const UserId user = caller.user_id.value_or(0);
    std::vector<SessionId> others;
    for (const LoginRow& row : live_logins(work, user, work.now(), rules.used_since(work.now())))
      if (row.id != session) others.push_back(row.id);
    end_logins(work, user, others, CloseReason::session_revoked, caller, rules);
    return storage::Nothing{};
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

Task<Outcome<storage::Nothing>> LoginService::end_by_token(std::string refresh_token, Caller caller) {
  auto unit = [hash = sha256_text(refresh_token), caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) mutable -> Result<storage::Nothing> {
    const std::optional<RefreshRow> token = find_refresh_token(work, hash);
    if (!token) return storage::Nothing{};
    const std::optional<LoginRow> row = find_login(work, token->session);
    if (!row) return storage::Nothing{};
    caller.user_id = row->user_id;  // whoever holds the token acts for its user
    end_logins(work, row->user_id, {row->id}, CloseReason::logged_out, caller, rules);
    return storage::Nothing{};
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

bool LoginService::end_later(SessionId session, UserId user, Caller caller) {
  caller.user_id = user;
  auto unit = [session, user, caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    if (is_login_of(work, session, caller))
      end_logins(work, user, {session}, CloseReason::logged_out, caller, rules);
    return storage::Nothing{};
  };
  return parts_.writer.commit_later(std::move(unit));
}

Task<Result<std::vector<LoginRow>>> LoginService::list(UserId user) {
  const UnixMs now = parts_.clock.unix_ms();
  auto look = [user, now, rules = rules_](storage::Snapshot& snapshot) -> Result<std::vector<LoginRow>> {
    return live_logins(snapshot, user, now, rules.used_since(now));
  };
  co_return co_await parts_.readers.read(std::move(look));
}

}  // namespace corohub::users
