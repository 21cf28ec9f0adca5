#include "users/admin_service.hpp"

#include "auth/policy.hpp"
#include "core/encoding.hpp"
#include "core/random.hpp"
#include "eventlog/event_log.hpp"
#include "users/credential_repository.hpp"
#include "users/events.hpp"
#include "users/login_service.hpp"
#include "users/user_changes.hpp"

#include <algorithm>

namespace corohub::users {
namespace {

Error forbidden(std::string why) { return Error(ErrorCode::forbidden, std::move(why)); }

Error not_found() { return Error(ErrorCode::not_found, "There is no such user."); }

// The rank of the actor, as it is now.
template <class Source>
Result<Role> acting_rank(Source& work, const Caller& caller) {
  if (caller.command_line) return Role::superadmin;
  const std::optional<UserRow> row = find_user(work, caller.user_id.value_or(0));
  if (!row || row->account.status != UserStatus::active)
    return Error(ErrorCode::unauthorized, "The account is not there any more.");
  return row->account.role;
}

// Actor and target, both as they are in this unit.
struct Deed {
  Role rank = Role::user;
  UserRow target;
};

// The deed, or why there is none. An actor who is no administrator does not learn which accounts exist.
template <class Source>
Result<Deed> begin_deed(Source& work, const Caller& caller, UserId target) {
  const Result<Role> rank = acting_rank(work, caller);
  if (!rank) return rank.error();
  std::optional<UserRow> row = find_user(work, target);
  if (!row && auth::is_admin(*rank)) return not_found();
  Deed deed;
  deed.rank = *rank;
  if (row) deed.target = std::move(*row);
  return deed;
}

std::optional<Error> refused_by_rank(const Deed& deed) {
  if (!auth::is_admin(deed.rank)) return forbidden("This needs the role admin.");
  if (!auth::may_act_on(deed.rank, deed.target.account.role))
    return forbidden("Only users of a lower rank may be changed.");
  return std::nullopt;
}

template <class T>
Decision<T> deny(storage::UnitOfWork& work, const Caller& caller, std::string_view action, UserId target,
                 Error refusal, json::object detail = {}) {
  detail["code"] = name(refusal.code);
  record_denied(work, caller, action, target, detail);
  return Decision<T>::refused(std::move(refusal));
}

// Rules for another role, in the order in which they are explained: who acts, on whom, and who would be left.
std::optional<Error> refused_role(storage::UnitOfWork& work, const Deed& deed, Role role,
                                  const Caller& caller) {
  const Account& target = deed.target.account;
  const bool own = caller.user_id == target.id;
  if (!auth::is_admin(deed.rank)) return forbidden("This needs the role admin.");
  if (own && deed.rank != Role::superadmin)
    return Error(ErrorCode::self_role_change, "Nobody changes his own role.");
  if (std::optional<Error> refusal = refused_by_rank(deed)) return refusal;
  if (!auth::may_grant(deed.rank, role)) return forbidden("Only roles up to one's own may be granted.");
  if (role != Role::superadmin && is_last_superadmin(work, target)) return last_superadmin();
  return std::nullopt;
}

json::object old_and_new(std::string_view before, std::string_view after) {
  json::object detail;
  detail["old"] = before;
  detail["new"] = after;
  return detail;
}

Result<Decision<AccountRef>> apply_role(storage::UnitOfWork& work, UserId target, Role role,
                                        const Caller& caller, const LoginRules& rules) {
  Result<Deed> deed = begin_deed(work, caller, target);
  if (!deed) return deed.error();
  Account& account = deed->target.account;
  const Role before = account.role;
  const bool same_on_oneself = caller.user_id == account.id && before == role && auth::is_admin(deed->rank);
  if (!same_on_oneself) {
    if (std::optional<Error> refusal = refused_role(work, *deed, role, caller))
      return deny<AccountRef>(work, caller, "user.role", target, std::move(*refusal),
                              old_and_new(name(before), name(role)));
  }
  if (before == role) return Decision<AccountRef>::granted(load_account(work, target, work.now(), rules));

  account.role = role;
  if (role < before)
    ++account.token_version;  // tokens with the higher role are dead; a refresh brings the lower one
  save_user(work, deed->target);
  delete_password_resets(work, target);  // the links were made for an account of another rank
  record(work, caller, "user.role", target, old_and_new(name(before), name(role)));
  eventlog::append(work, user_role_changed(account, before, caller.user_id, work.now()));
  return Decision<AccountRef>::granted(publish_account(work, target, CloseReason::session_revoked, rules));
}

Result<Decision<AccountRef>> apply_status(storage::UnitOfWork& work, UserId target, UserStatus status,
                                          const Caller& caller, const LoginRules& rules) {
  Result<Deed> deed = begin_deed(work, caller, target);
  if (!deed) return deed.error();
  Account& account = deed->target.account;
  const json::object detail = old_and_new(name(account.status), name(status));
  std::optional<Error> refusal = refused_by_rank(*deed);
  if (!refusal && status == UserStatus::disabled && is_last_superadmin(work, account))
    refusal = last_superadmin();
  if (refusal) return deny<AccountRef>(work, caller, "user.status", target, std::move(*refusal), detail);
  if (account.status == status)
    return Decision<AccountRef>::granted(load_account(work, target, work.now(), rules));

  account.status = status;
  if (status == UserStatus::disabled) {
    ++account.token_version;
    delete_logins(work, target, std::nullopt);
  }
  save_user(work, deed->target);
  delete_password_resets(work, target);
  record(work, caller, "user.status", target, detail);
  eventlog::append(work, user_updated(account, {"status"}, caller.user_id));
  if (caller.user_id == target) eventlog::append(work, profile_updated(account, {"status"}));
  return Decision<AccountRef>::granted(publish_account(work, target, CloseReason::account_disabled, rules));
}

Result<Decision<storage::Nothing>> apply_removal(storage::UnitOfWork& work, UserId target,
                                                 const Caller& caller, const LoginRules& rules,
                                                 const DeletionHook& before) {
  const Result<Deed> deed = begin_deed(work, caller, target);
  if (!deed) return deed.error();
  std::optional<Error> refusal = refused_by_rank(*deed);
  if (!refusal && is_last_superadmin(work, deed->target.account)) refusal = last_superadmin();
  if (refusal) return deny<storage::Nothing>(work, caller, "user.delete", target, std::move(*refusal));
  apply_deletion(work, deed->target, caller, rules, before);
  return Decision<storage::Nothing>{};
}

Result<Decision<AccountRef>> apply_change(storage::UnitOfWork& work, UserId target,
                                          const ProfileChange& change, const Caller& caller,
                                          const LoginRules& rules) {
  Result<Deed> deed = begin_deed(work, caller, target);
  if (!deed) return deed.error();
  if (std::optional<Error> refusal = refused_by_rank(*deed))
    return deny<AccountRef>(work, caller, "user.update", target, std::move(*refusal));
  Result<AccountRef> account = apply_profile_change(work, deed->target, change, caller, rules);
  if (!account) return account.error();
  return Decision<AccountRef>::granted(std::move(*account));
}

Result<Decision<AccountRef>> apply_creation(storage::UnitOfWork& work, const NewUser& user,
                                            const std::string& hash, const Caller& caller,
                                            const LoginRules& rules) {
  const Result<Role> rank = acting_rank(work, caller);
  if (!rank) return rank.error();
  if (!auth::may_grant(*rank, user.role)) {
    json::object detail;
    detail["code"] = name(ErrorCode::forbidden);
    detail["email"] = user.email;
    detail["role"] = name(user.role);
    record_denied(work, caller, "user.create", std::nullopt, detail);
    return Decision<AccountRef>::refused(forbidden("Only roles up to one's own may be granted."));
  }
  const Result<UserRow> row = create_user_row(work, user, hash, caller, "user.create");
  if (!row) return row.error();
  return Decision<AccountRef>::granted(
      publish_account(work, row->account.id, CloseReason::session_revoked, rules));
}

Result<Decision<std::string>> apply_reset_link(storage::UnitOfWork& work, UserId target,
                                               std::int64_t lifetime, const Caller& caller) {
  const Result<Deed> deed = begin_deed(work, caller, target);
  if (!deed) return deed.error();
  if (std::optional<Error> refusal = refused_by_rank(*deed))
    return deny<std::string>(work, caller, "password.reset_link", target, std::move(*refusal));
  delete_password_resets(work, target);
  std::string token = random_token();
  const PasswordReset reset{
      .user_id = target, .made_by = caller.user_id, .expires_at = work.now() + lifetime};
  insert_password_reset(work, sha256_text(token), reset);
  record(work, caller, "password.reset_link", target);
  return Decision<std::string>::granted(std::move(token));
}

std::optional<Error> refused_logins(const Deed& deed, const Caller& caller) {
  if (caller.user_id == deed.target.account.id && auth::is_admin(deed.rank)) return std::nullopt;
  return refused_by_rank(deed);
}

Result<Decision<storage::Nothing>> apply_end_of_logins(storage::UnitOfWork& work, UserId target,
                                                       const std::optional<SessionId>& session,
                                                       const Caller& caller, const LoginRules& rules) {
  const Result<Deed> deed = begin_deed(work, caller, target);
  if (!deed) return deed.error();
  if (std::optional<Error> refusal = refused_logins(*deed, caller))
    return deny<storage::Nothing>(work, caller, "session.end", target, std::move(*refusal));
  std::vector<SessionId> ended;
  for (const LoginRow& row : live_logins(work, target, work.now(), rules.used_since(work.now())))
    if (!session || row.id == *session) ended.push_back(row.id);
  if (session && ended.empty()) return Error(ErrorCode::not_found, "There is no such session.");
  end_logins(work, target, ended, CloseReason::session_revoked, caller, rules);
  return Decision<storage::Nothing>{};
}

}  // namespace

Task<Result<UserPage>> AdminService::list(UserQuery query) {
  auto look = [query = std::move(query)](storage::Snapshot& snapshot) -> Result<UserPage> {
    return list_users(snapshot, query);
  };
  co_return co_await parts_.list_readers.read(std::move(look));
}

Task<Result<Account>> AdminService::find(UserId id) {
  auto look = [id](storage::Snapshot& snapshot) -> Result<Account> {
    std::optional<UserRow> row = find_user(snapshot, id);
    if (!row) return not_found();
    return std::move(row->account);
  };
  co_return co_await parts_.readers.read(std::move(look));
}

Task<Result<Account>> AdminService::find_by_email(std::string email) {
  auto look = [key = email_key(email)](storage::Snapshot& snapshot) -> Result<Account> {
    std::optional<UserRow> row = find_user_by_email(snapshot, key);
    if (!row) return not_found();
    return std::move(row->account);
  };
  co_return co_await parts_.readers.read(std::move(look));
}

Task<Result<AuditPage>> AdminService::audit(AuditQuery query) {
  auto look = [query](storage::Snapshot& snapshot) -> Result<AuditPage> {
    return read_audit(snapshot, query);
  };
  co_return co_await parts_.list_readers.read(std::move(look));
}

Task<Outcome<AccountRef>> AdminService::create(NewUser user, Caller caller) {
  Result<std::string> hash = co_await parts_.hasher.hash(std::move(user.password), caller.network);
  if (!hash) co_return hash.error();
  auto unit = [user = std::move(user), hash = std::move(*hash), caller = std::move(caller), rules = rules_](
                  storage::UnitOfWork& work) { return apply_creation(work, user, hash, caller, rules); };
  co_return settle(co_await parts_.writer.commit(std::move(unit)));
}

Task<Outcome<AccountRef>> AdminService::change_profile(UserId target, ProfileChange change, Caller caller) {
  auto unit = [target, change = std::move(change), caller = std::move(caller), rules = rules_](
                  storage::UnitOfWork& work) { return apply_change(work, target, change, caller, rules); };
  co_return settle(co_await parts_.writer.commit(std::move(unit)));
}

Task<Outcome<AccountRef>> AdminService::set_role(UserId target, Role role, Caller caller) {
  auto unit = [target, role, caller = std::move(caller), rules = rules_](storage::UnitOfWork& work) {
    return apply_role(work, target, role, caller, rules);
  };
  co_return settle(co_await parts_.writer.commit(std::move(unit)));
}

Task<Outcome<AccountRef>> AdminService::set_status(UserId target, UserStatus status, Caller caller) {
  auto unit = [target, status, caller = std::move(caller), rules = rules_](storage::UnitOfWork& work) {
    return apply_status(work, target, status, caller, rules);
  };
  co_return settle(co_await parts_.writer.commit(std::move(unit)));
}

Task<Outcome<storage::Nothing>> AdminService::remove(UserId target, Caller caller) {
  auto unit = [target, caller = std::move(caller), rules = rules_, before = parts_.before_deletion](
                  storage::UnitOfWork& work) { return apply_removal(work, target, caller, rules, before); };
  co_return settle(co_await parts_.writer.commit(std::move(unit)));
}

Task<Outcome<std::string>> AdminService::make_reset_link(UserId target, Caller caller) {
  const std::int64_t lifetime = std::chrono::milliseconds(reset_ttl_).count();
  auto unit = [target, lifetime, caller = std::move(caller)](storage::UnitOfWork& work) {
    return apply_reset_link(work, target, lifetime, caller);
  };
  co_return settle(co_await parts_.writer.commit(std::move(unit)));
}

Task<Result<std::vector<LoginRow>>> AdminService::logins(UserId target, Caller caller) {
  const UnixMs now = parts_.clock.unix_ms();
  auto look = [target, now, caller = std::move(caller),
               rules = rules_](storage::Snapshot& snapshot) -> Result<std::vector<LoginRow>> {
    const Result<Deed> deed = begin_deed(snapshot, caller, target);
    if (!deed) return deed.error();
    if (std::optional<Error> refusal = refused_logins(*deed, caller)) return std::move(*refusal);
    return live_logins(snapshot, target, now, rules.used_since(now));
  };
  co_return co_await parts_.list_readers.read(std::move(look));
}

Task<Outcome<storage::Nothing>> AdminService::end_logins(UserId target, std::optional<SessionId> session,
                                                         Caller caller) {
  auto unit = [target, session, caller = std::move(caller), rules = rules_](storage::UnitOfWork& work) {
    return apply_end_of_logins(work, target, session, caller, rules);
  };
  co_return settle(co_await parts_.writer.commit(std::move(unit)));
}

Task<Outcome<AccountRef>> AdminService::set_password(UserId target, Secret password, Caller caller) {
  Result<std::string> hash = co_await parts_.hasher.hash(std::move(password), caller.network);
  if (!hash) co_return hash.error();
  auto unit = [target, hash = std::move(*hash), caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) -> Result<AccountRef> {
    std::optional<UserRow> user = find_user(work, target);
    if (!user) return not_found();
    apply_new_password(work, *user, hash, std::nullopt, caller, "password.set");
    return publish_account(work, target, CloseReason::credentials_changed, rules);
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

}  // namespace corohub::users
