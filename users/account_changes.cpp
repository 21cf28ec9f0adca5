#include "users/account_changes.hpp"

#include "core/encoding.hpp"
#include "core/random.hpp"
#include "eventlog/event_log.hpp"
#include "users/login_repository.hpp"
#include "users/user_repository.hpp"

#include <algorithm>

namespace corohub::users {

template <class Source>
AccountRef load_account(Source& source, UserId id, UnixMs now, const LoginRules& rules) {
  std::optional<UserRow> row = find_user(source, id);
  if (!row) return nullptr;
  auto account = std::make_shared<Account>(std::move(row->account));
  for (const LoginRow& session : live_logins(source, id, now, rules.used_since(now)))
    account->sessions.push_back(session.id);
  return account;
}
template AccountRef load_account(storage::UnitOfWork&, UserId, UnixMs, const LoginRules&);
template AccountRef load_account(storage::Snapshot&, UserId, UnixMs, const LoginRules&);

AccountRef publish_account(storage::UnitOfWork& work, UserId id, CloseReason ending,
                           const LoginRules& rules) {
  AccountRef account = load_account(work, id, work.now(), rules);
  eventlog::change_account(work, {id, account, ending});
  return account;
}

BegunLogin begin_login(storage::UnitOfWork& work, UserId user, const Caller& caller,
                       const LoginRules& rules) {
  LoginRow session;
  session.id = SessionId::random();
  session.user_id = user;
  session.created_at = work.now();
  session.last_used_at = work.now();
  session.expires_at = work.now() + rules.absolute;
  session.ip = caller.ip;
  session.user_agent = caller.user_agent;
  insert_login(work, session);
  trim_logins(work, session, rules.used_since(work.now()), rules.per_user);
  return {session.id, issue_refresh_token(work, session.id, session.expires_at, rules)};
}

std::string make_refresh_token() { return "crt_" + random_token(); }

void store_refresh_token(storage::UnitOfWork& work, const std::string& text, const SessionId& session,
                         UnixMs login_ends, const LoginRules& rules) {
  RefreshRow token;
  token.hash = sha256_text(text);
  token.session = session;
  token.issued_at = work.now();
  token.expires_at = std::min(work.now() + rules.idle, login_ends);
  insert_refresh_token(work, token);
}

std::string issue_refresh_token(storage::UnitOfWork& work, const SessionId& session, UnixMs login_ends,
                                const LoginRules& rules) {
  std::string text = make_refresh_token();
  store_refresh_token(work, text, session, login_ends, rules);
  return text;
}

}  // namespace corohub::users
