#include "users/account_service.hpp"

#include "auth/policy.hpp"
#include "core/encoding.hpp"
#include "core/log.hpp"
#include "users/audit.hpp"
#include "users/password_rules.hpp"
#include "users/user_changes.hpp"

namespace corohub::users {
namespace {

Error no_such_link() {
  return Error(ErrorCode::invalid_grant, "The link is unknown, used or expired; ask for another one.");
}

Error not_logged_in() { return Error(ErrorCode::unauthorized, "The account is not there any more."); }

Error password_required(std::string why) {
  return Error(ErrorCode::validation_failed, "The body has invalid members.")
      .at("/current_password", "required", std::move(why));
}

Error password_for_address() { return password_required("Is required to change the e-mail address."); }

Error wrong_password() { return Error(ErrorCode::current_password_wrong, "The current password is wrong."); }

Result<Login> log_in(storage::UnitOfWork& work, const Proof& proof, const std::string& stronger_hash,
                     const Caller& caller, const LoginRules& rules) {
  const UserId id = proof.user.account.id;
  const std::optional<UserRow> user = find_user(work, id);
  // The password may have been changed, or the account disabled, while the old password was being compared.
  if (!user || user->password_hash != proof.user.password_hash || user->account.status != UserStatus::active)
    return Error(ErrorCode::invalid_credentials, "The e-mail address or the password is wrong.");
  if (!stronger_hash.empty()) save_password_hash(work, id, stronger_hash);
  forget_login_failures(work, proof.failures_key);
  Login login = open_login(work, id, caller, rules);
  Caller who = caller;
  who.user_id = id;  // whoever knows the password acts for its user
  record(work, who, "login", id, {}, "sessions/" + login.session.text());
  return login;
}

Result<AccountRef> change_own_profile(storage::UnitOfWork& work, const ProfileChange& change,
                                      const std::optional<Proof>& proof, const Caller& caller,
                                      const LoginRules& rules) {
  std::optional<UserRow> user = find_user(work, caller.user_id.value_or(0));
  if (!user || user->account.status != UserStatus::active) return not_logged_in();
  if (changes_email(user->account, change)) {
    if (!proof) return password_for_address();
    if (proof->user.password_hash != user->password_hash) return wrong_password();
  }
  if (proof) forget_login_failures(work, proof->failures_key);
  return apply_profile_change(work, *user, change, caller, rules);
}

Result<Login> change_own_password(storage::UnitOfWork& work, const Proof& proof, const std::string& hash,
                                  const SessionId& session, const Caller& caller, const LoginRules& rules) {
  std::optional<UserRow> user = find_user(work, proof.user.account.id);
  if (!user || user->account.status != UserStatus::active) return not_logged_in();
  if (user->password_hash != proof.user.password_hash) return wrong_password();
  const std::optional<LoginRow> kept = find_login(work, session);
  if (!kept || kept->user_id != user->account.id) return Error(ErrorCode::invalid_token);

  apply_new_password(work, *user, hash, session, caller, "password.change");
  delete_refresh_tokens(work, session);
  touch_login(work, session, caller.ip);
  Login login;
  login.session = session;
  login.refresh_token = issue_refresh_token(work, session, kept->expires_at, rules);
  login.account = publish_account(work, user->account.id, CloseReason::credentials_changed, rules);
  return login;
}

// Whoever made the link must still be allowed to: the maker may have lost rank, or the target may have risen.
template <class Source>
bool maker_still_may(Source& source, const PasswordReset& reset, const Account& target) {
  if (!reset.made_by) return true;  // the command line
  const std::optional<UserRow> maker = find_user(source, *reset.made_by);
  return maker && maker->account.status == UserStatus::active &&
         auth::may_act_on(maker->account.role, target.role);
}

// The user whose password this link sets now; `Source` is a UnitOfWork or a Snapshot.
template <class Source>
Result<UserRow> find_by_link(Source& source, const std::string& link, UnixMs now) {
  const std::optional<PasswordReset> reset = find_password_reset(source, link);
  if (!reset || reset->used || reset->expires_at <= now) return no_such_link();
  std::optional<UserRow> user = find_user(source, reset->user_id);
  if (!user || !maker_still_may(source, *reset, user->account)) return no_such_link();
  return std::move(*user);
}

Result<storage::Nothing> reset_by_link(storage::UnitOfWork& work, const std::string& link,
                                       const std::string& hash, Caller caller, const LoginRules& rules) {
  Result<UserRow> user = find_by_link(work, link, work.now());
  if (!user) return user.error();
  use_password_reset(work, link);
  caller.user_id = user->account.id;  // whoever holds the link acts for its user
  apply_new_password(work, *user, hash, std::nullopt, caller, "password.reset");
  publish_account(work, user->account.id, CloseReason::credentials_changed, rules);
  return storage::Nothing{};
}

}  // namespace

Task<Outcome<Login>> AccountService::register_user(NewUser user, Caller caller) {
  // Asked before hashing, so that a known address costs no hash; asked again in the unit.
  auto look = [key = email_key(user.email)](storage::Snapshot& snapshot) -> Result<storage::Nothing> {
    if (find_user_by_email(snapshot, key))
      return Error(ErrorCode::email_taken, "An account with this e-mail address exists already.");
    return storage::Nothing{};
  };
  const auto free = co_await parts_.readers.read(std::move(look));
  if (!free) co_return free.error();
  Result<std::string> hash = co_await parts_.hasher.hash(std::move(user.password), caller.network);
  if (!hash) co_return hash.error();

  user.role = Role::user;
  auto unit = [user = std::move(user), hash = std::move(*hash), caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) -> Result<Login> {
    const Result<UserRow> row = create_user_row(work, user, hash, caller, "user.register");
    if (!row) return row.error();
    return open_login(work, row->account.id, caller, rules);
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

Task<Outcome<Login>> AccountService::login(Credentials credentials, Caller caller,
                                           std::optional<std::chrono::milliseconds> life) {
  Secret again = credentials.password;
  const std::string key = email_key(credentials.email);
  Result<Proof> proof = co_await check_.by_email(key, std::move(credentials.password), caller);
  if (!proof) {
    co_await note_failure(proof.error(), key, std::move(caller));
    co_return proof.error();
  }

  if (const std::optional<Error> refusal = over_logins(proof->user.account.id, caller)) co_return *refusal;
  std::string stronger;
  if (parts_.hasher.needs_rehash(proof->user.password_hash)) {
    Result<std::string> hash = co_await parts_.hasher.hash(std::move(again), caller.network);
    if (hash) stronger = std::move(*hash);  // without memory for the hash, the next login makes it stronger
  }
  LoginRules rules = rules_;
  if (life) rules.absolute = std::min<std::int64_t>(rules.absolute, life->count());
  auto unit = [proof = std::move(*proof), stronger = std::move(stronger), caller = std::move(caller),
               rules](storage::UnitOfWork& work) { return log_in(work, proof, stronger, caller, rules); };
  co_return co_await parts_.writer.commit(std::move(unit));
}

Task<Outcome<AccountRef>> AccountService::change_profile(AccountRef account, SessionId session,
                                                         ProfileChange change, Caller caller) {
  std::optional<Proof> proof;
  if (changes_email(*account, change)) {
    if (change.current_password.empty()) co_return password_for_address();
    Result<Proof> proved =
        co_await check_.by_login(account->id, session, std::move(change.current_password), caller);
    if (!proved) {
      co_await note_failure(proved.error(), email_key(account->email), std::move(caller));
      co_return proved.error();
    }
    proof = std::move(*proved);
  }
  caller.user_id = account->id;
  auto unit = [change = std::move(change), proof = std::move(proof), caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) {
    return change_own_profile(work, change, proof, caller, rules);
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

Task<Outcome<Login>> AccountService::change_password(AccountRef account, SessionId session,
                                                     PasswordChange change, Caller caller) {
  Result<Proof> proof = co_await check_.by_login(account->id, session, std::move(change.current), caller);
  if (!proof) {
    co_await note_failure(proof.error(), email_key(account->email), std::move(caller));
    co_return proof.error();
  }
  Result<std::string> hash = co_await parts_.hasher.hash(std::move(change.next), caller.network);
  if (!hash) co_return hash.error();

  auto unit = [proof = std::move(*proof), hash = std::move(*hash), session, caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) {
    return change_own_password(work, proof, hash, session, caller, rules);
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

Task<Outcome<storage::Nothing>> AccountService::leave(AccountRef account, SessionId session, Secret password,
                                                      Caller caller) {
  std::optional<Proof> proof;
  if (!password.empty()) {
    Result<Proof> proved = co_await check_.by_login(account->id, session, std::move(password), caller);
    if (!proved) {
      co_await note_failure(proved.error(), email_key(account->email), std::move(caller));
      co_return proved.error();
    }
    proof = std::move(*proved);
  }
  auto unit = [session, proof = std::move(proof), caller = std::move(caller), rules = rules_,
               before = parts_.before_deletion](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    const std::optional<UserRow> user = find_user(work, caller.user_id.value_or(0));
    if (!user || user->account.status != UserStatus::active) return not_logged_in();
    if (proof && proof->user.password_hash != user->password_hash) return wrong_password();
    const std::optional<LoginRow> login = find_login(work, session);
    if (!login) return Error(ErrorCode::invalid_token);
    if (!proof && work.now() - login->created_at > fresh_login_ms)
      return password_required("Is required for what a login older than ten minutes cannot take back.");
    if (is_last_superadmin(work, user->account)) return last_superadmin();
    apply_deletion(work, *user, caller, rules, before);
    return storage::Nothing{};
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

std::optional<Error> AccountService::over_logins(UserId user, const Caller& caller) {
  if (caller.exempt) return std::nullopt;
  return logins_.take(std::to_string(user)).refusal("Too many logins of this account; use the ones it has.");
}

Task<> AccountService::note_failure(const Error& error, std::string key, Caller caller) {
  if (error.code != ErrorCode::invalid_credentials && error.code != ErrorCode::current_password_wrong)
    co_return;
  auto unit = [key = std::move(key),
               caller = std::move(caller)](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    const std::optional<UserRow> user = find_user_by_email(work, key);
    std::optional<UserId> id;
    if (user) id = user->account.id;
    record_failed_login(work, caller, id);
    return storage::Nothing{};
  };
  // The caller gets the refusal, whether there was room for a row or not.
  const auto noted = co_await parts_.writer.commit(std::move(unit));
  if (!noted) log::warn("audit_not_written", {{"action", "login.failed"}});
}

Task<Outcome<storage::Nothing>> AccountService::reset_password(TokenAndPassword reset, Caller caller) {
  std::string link = sha256_text(reset.token);
  // Asked before hashing, so that a guess costs no hash; asked again in the unit.
  const UnixMs now = parts_.clock.unix_ms();
  auto look = [link, now](storage::Snapshot& snapshot) { return find_by_link(snapshot, link, now); };
  const auto user = co_await parts_.readers.read(std::move(look));
  if (!user) co_return user.error();
  const Result<> good = check_not_own_word(reset.password, user->account, "/password");
  if (!good) co_return good.error();
  Result<std::string> hash = co_await parts_.hasher.hash(std::move(reset.password), caller.network);
  if (!hash) co_return hash.error();

  auto unit = [link = std::move(link), hash = std::move(*hash), caller = std::move(caller), rules = rules_](
                  storage::UnitOfWork& work) { return reset_by_link(work, link, hash, caller, rules); };
  co_return co_await parts_.writer.commit(std::move(unit));
}

}  // namespace corohub::users
