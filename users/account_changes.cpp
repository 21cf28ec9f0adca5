#include "users/account_changes.hpp"

#include "core/encoding.hpp"
#include "core/random.hpp"
#include "eventlog/event_log.hpp"
#include "users/session_repository.hpp"
#include "users/user_repository.hpp"

#include <algorithm>

namespace corohub::users {

template <class Source>
AccountRef load_account(Source& source, UserId id, UnixMs now, const SessionRules& rules) {
  std::optional<UserRow> row = find_user(source, id);
  if (!row) return nullptr;
  auto account = std::make_shared<Account>(std::move(row->account));
  for (const SessionRow& session : live_sessions(source, id, now, rules.used_since(now)))
    account->sessions.push_back(session.id);
  return account;
}
template AccountRef load_account(storage::UnitOfWork&, UserId, UnixMs, const SessionRules&);
template AccountRef load_account(storage::Snapshot&, UserId, UnixMs, const SessionRules&);

AccountRef publish_account(storage::UnitOfWork& work, UserId id, CloseReason ending,
                           const SessionRules& rules) {
  AccountRef account = load_account(work, id, work.now(), rules);
  eventlog::change_account(work, {id, account, ending});
  return account;
}

OpenedSession open_session(storage::UnitOfWork& work, UserId user, const Caller& caller,
                           const SessionRules& rules) {
  SessionRow session;
  session.id = SessionId::random();
  session.user_id = user;
  session.created_at = work.now();
  session.last_used_at = work.now();
  session.expires_at = work.now() + rules.absolute;
  session.ip = caller.ip;
  session.user_agent = caller.user_agent;
  insert_session(work, session);
  trim_sessions(work, session, rules.used_since(work.now()), rules.per_user);
  return {session.id, issue_refresh_token(work, session.id, session.expires_at, rules)};
}

std::string make_refresh_token() { return "crt_" + random_token(); }

void store_refresh_token(storage::UnitOfWork& work, const std::string& text, const SessionId& session,
                         UnixMs session_ends, const SessionRules& rules) {
  RefreshRow token;
  token.hash = sha256_text(text);
  token.session = session;
  token.issued_at = work.now();
  token.expires_at = std::min(work.now() + rules.idle, session_ends);
  insert_refresh_token(work, token);
}

std::string issue_refresh_token(storage::UnitOfWork& work, const SessionId& session, UnixMs session_ends,
                                const SessionRules& rules) {
  std::string text = make_refresh_token();
  store_refresh_token(work, text, session, session_ends, rules);
  return text;
}

}  // namespace corohub::users
