#include "users/account_service.hpp"

#include "auth/policy.hpp"
#include "core/encoding.hpp"
#include "users/password_rules.hpp"
#include "users/user_changes.hpp"

namespace corohub::users {
namespace {

Error no_such_link() {
  return Error(ErrorCode::invalid_grant, "The link is unknown, used or expired; ask for another one.");
}

Error not_logged_in() { return Error(ErrorCode::unauthorized, "The account is not there any more."); }

Error password_required() {
  return Error(ErrorCode::validation_failed, "The body has invalid members.")
      .at("/current_password", "required", "Is required to change the e-mail address.");
}

Error wrong_password() { return Error(ErrorCode::current_password_wrong, "The current password is wrong."); }

Result<Login> log_in(storage::UnitOfWork& work, const Proof& proof, const std::string& stronger_hash,
                     const Caller& caller, const SessionRules& rules) {
  const UserId id = proof.user.account.id;
  const std::optional<UserRow> user = find_user(work, id);
  // The password may have been changed, or the account disabled, while the old one was being compared.
  if (!user || user->password_hash != proof.user.password_hash || user->account.status != UserStatus::active)
    return Error(ErrorCode::invalid_credentials, "The e-mail address or the password is wrong.");
  if (!stronger_hash.empty()) save_password_hash(work, id, stronger_hash);
  forget_login_failures(work, proof.failures_key);
  return open_login(work, id, caller, rules);
}

Result<AccountRef> change_own_profile(storage::UnitOfWork& work, const ProfileChange& change,
                                      const std::optional<Proof>& proof, const Caller& caller,
                                      const SessionRules& rules) {
  std::optional<UserRow> user = find_user(work, caller.user_id.value_or(0));
  if (!user || user->account.status != UserStatus::active) return not_logged_in();
  if (changes_email(user->account, change)) {
    if (!proof) return password_required();
    if (proof->user.password_hash != user->password_hash) return wrong_password();
  }
  if (proof) forget_login_failures(work, proof->failures_key);
  return apply_profile_change(work, *user, change, caller, rules);
}

Result<Login> change_own_password(storage::UnitOfWork& work, const Proof& proof, const std::string& hash,
                                  const SessionId& session, const Caller& caller, const SessionRules& rules) {
  std::optional<UserRow> user = find_user(work, proof.user.account.id);
  if (!user || user->account.status != UserStatus::active) return not_logged_in();
  if (user->password_hash != proof.user.password_hash) return wrong_password();
  const std::optional<SessionRow> kept = find_session(work, session);
  if (!kept || kept->user_id != user->account.id) return Error(ErrorCode::invalid_token);

  apply_new_password(work, *user, hash, session, caller, "password.change");
  delete_refresh_tokens(work, session);
  touch_session(work, session);
  Login login;
  login.session = session;
  login.refresh_token = issue_refresh_token(work, session, kept->expires_at, rules);
  login.account = publish_account(work, user->account.id, CloseReason::credentials_changed, rules);
  return login;
}

// Whoever made the link must still be one who may: he may have lost his rank, or his target have risen.
template <class Source>
bool maker_still_may(Source& source, const PasswordReset& reset, const Account& target) {
  if (!reset.made_by) return true;  // the command line
  const std::optional<UserRow> maker = find_user(source, *reset.made_by);
  return maker && maker->account.status == UserStatus::active &&
         auth::may_act_on(maker->account.role, target.role);
}

// Whose password a link sets now; `Source` is a UnitOfWork or a Snapshot.
template <class Source>
Result<UserRow> find_by_link(Source& source, const std::string& link, UnixMs now) {
  const std::optional<PasswordReset> reset = find_password_reset(source, link);
  if (!reset || reset->used || reset->expires_at <= now) return no_such_link();
  std::optional<UserRow> user = find_user(source, reset->user_id);
  if (!user || !maker_still_may(source, *reset, user->account)) return no_such_link();
  return std::move(*user);
}

Result<storage::Nothing> reset_by_link(storage::UnitOfWork& work, const std::string& link,
                                       const std::string& hash, Caller caller, const SessionRules& rules) {
  Result<UserRow> user = find_by_link(work, link, work.now());
  if (!user) return user.error();
  use_password_reset(work, link);
  caller.user_id = user->account.id;  // whoever holds the link acts for him
  apply_new_password(work, *user, hash, std::nullopt, caller, "password.reset");
  publish_account(work, user->account.id, CloseReason::credentials_changed, rules);
  return storage::Nothing{};
}

}  // namespace

Task<Outcome<Login>> AccountService::register_user(NewUser user, Caller caller) {
  // Asked first, so that a known address costs no hash; asked again in the unit.
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

Task<Outcome<Login>> AccountService::login(Credentials credentials, Caller caller) {
  Secret again = credentials.password;
  Result<Proof> proof =
      co_await check_.by_email(email_key(credentials.email), std::move(credentials.password), caller);
  if (!proof) co_return proof.error();

  std::string stronger;
  if (parts_.hasher.needs_rehash(proof->user.password_hash)) {
    Result<std::string> hash = co_await parts_.hasher.hash(std::move(again), caller.network);
    if (hash) stronger = std::move(*hash);  // else the next login does it
  }
  auto unit = [proof = std::move(*proof), stronger = std::move(stronger), caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) {
    return log_in(work, proof, stronger, caller, rules);
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

Task<Outcome<AccountRef>> AccountService::change_profile(AccountRef account, SessionId session,
                                                         ProfileChange change, Caller caller) {
  std::optional<Proof> proof;
  if (changes_email(*account, change)) {
    if (change.current_password.empty()) co_return password_required();
    Result<Proof> proved =
        co_await check_.by_session(account->id, session, std::move(change.current_password), caller);
    if (!proved) co_return proved.error();
    proof = std::move(*proved);
  }
  caller.user_id = account->id;
  auto unit = [change = std::move(change), proof = std::move(proof), caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) {
    return change_own_profile(work, change, proof, caller, rules);
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

Task<Outcome<Login>> AccountService::change_password(SessionId session, PasswordChange change,
                                                     Caller caller) {
  Result<Proof> proof =
      co_await check_.by_session(caller.user_id.value_or(0), session, std::move(change.current), caller);
  if (!proof) co_return proof.error();
  Result<std::string> hash = co_await parts_.hasher.hash(std::move(change.next), caller.network);
  if (!hash) co_return hash.error();

  auto unit = [proof = std::move(*proof), hash = std::move(*hash), session, caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) {
    return change_own_password(work, proof, hash, session, caller, rules);
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

Task<Outcome<storage::Nothing>> AccountService::leave(Caller caller) {
  auto unit = [caller = std::move(caller),
               rules = rules_](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    const std::optional<UserRow> user = find_user(work, caller.user_id.value_or(0));
    if (!user || user->account.status != UserStatus::active) return not_logged_in();
    if (is_last_superadmin(work, user->account)) return last_superadmin();
    apply_deletion(work, *user, caller, rules);
    return storage::Nothing{};
  };
  co_return co_await parts_.writer.commit(std::move(unit));
}

Task<Outcome<storage::Nothing>> AccountService::reset_password(TokenAndPassword reset, Caller caller) {
  std::string link = sha256_text(reset.token);
  // Asked first, so that a guess costs no hash; asked again in the unit.
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
