#include "users/user_changes.hpp"

#include "eventlog/event_log.hpp"
#include "users/audit.hpp"
#include "users/credential_repository.hpp"
#include "users/events.hpp"
#include "users/login_repository.hpp"

namespace corohub::users {
namespace {

Error email_taken() {
  return Error(ErrorCode::email_taken, "An account with this e-mail address exists already.");
}

json::object before_and_after(json::value before, json::value after) {
  json::object both;
  both["old"] = std::move(before);
  both["new"] = std::move(after);
  return both;
}

json::value age_or_null(std::optional<std::int64_t> age) {
  return age ? json::value(*age) : json::value(nullptr);
}

// Changes the row in memory and says what that changed.
Changes change_row(Account& account, const ProfileChange& change, json::object& detail) {
  Changes changes;
  if (change.name && *change.name != account.name) {
    detail["name"] = before_and_after(json::value(account.name), json::value(*change.name));
    account.name = *change.name;
    changes.push_back("name");
  }
  if (changes_email(account, change)) {
    detail["email"] = before_and_after(json::value(account.email), json::value(*change.email));
    account.email = *change.email;
    changes.push_back("email");
  }
  if (change.sets_age && change.age != account.age) {
    detail["age"] = before_and_after(age_or_null(account.age), age_or_null(change.age));
    account.age = change.age;
    changes.push_back("age");
  }
  return changes;
}

}  // namespace

Result<UserRow> create_user_row(storage::UnitOfWork& work, const NewUser& user, std::string password_hash,
                                const Caller& caller, std::string_view action) {
  if (find_user_by_email(work, email_key(user.email))) return email_taken();
  UserRow row;
  row.account.name = user.name;
  row.account.email = user.email;
  row.account.age = user.age;
  row.account.role = user.role;
  row.password_hash = std::move(password_hash);
  insert_user(work, row);

  json::object detail;
  detail["email"] = row.account.email;
  detail["role"] = name(row.account.role);
  record(work, caller, action, row.account.id, detail);
  eventlog::append(work, user_created(row.account));
  return row;
}

bool changes_email(const Account& account, const ProfileChange& change) {
  return change.email && *change.email != account.email;
}

Result<AccountRef> apply_profile_change(storage::UnitOfWork& work, UserRow& user, const ProfileChange& change,
                                        const Caller& caller, const LoginRules& rules) {
  json::object detail;
  const Changes changes = change_row(user.account, change, detail);
  if (changes.empty()) return load_account(work, user.account.id, work.now(), rules);
  const std::optional<UserRow> namesake = find_user_by_email(work, email_key(user.account.email));
  if (namesake && namesake->account.id != user.account.id) return email_taken();

  save_user(work, user);
  if (detail.contains("email"))
    delete_password_resets(work, user.account.id);  // the links went to the old address
  record(work, caller, "user.update", user.account.id, detail);
  eventlog::append(work, user_updated(user.account, changes, caller.user_id));
  if (caller.user_id == user.account.id) eventlog::append(work, profile_updated(user.account, changes));
  return publish_account(work, user.account.id, CloseReason::session_revoked, rules);
}

void apply_new_password(storage::UnitOfWork& work, UserRow& user, std::string password_hash,
                        const std::optional<SessionId>& kept, const Caller& caller, std::string_view action) {
  user.password_hash = std::move(password_hash);
  ++user.account.token_version;
  save_user(work, user);
  delete_logins(work, user.account.id, kept);
  delete_password_resets(work, user.account.id);
  delete_login_failures(work, email_key(user.account.email));
  record(work, caller, action, user.account.id);
  eventlog::append(work, password_changed(user.account.id, work.now()));
}

void apply_deletion(storage::UnitOfWork& work, const UserRow& user, const Caller& caller,
                    const LoginRules& rules, const DeletionHook& before) {
  const UserId id = user.account.id;
  if (before) before(work, id, caller);
  delete_logins(work, id, std::nullopt);
  delete_password_resets(work, id);
  delete_login_failures(work, email_key(user.account.email));
  delete_user(work, id);

  json::object detail;
  detail["email"] = user.account.email;
  detail["role"] = name(user.account.role);
  record(work, caller, "user.delete", id, detail);
  eventlog::append(work, user_deleted(user.account, caller.user_id, work.now()));
  publish_account(work, id, CloseReason::account_deleted, rules);
}

bool is_last_superadmin(storage::UnitOfWork& work, const Account& account) {
  return account.role == Role::superadmin && account.status == UserStatus::active &&
         count_active_superadmins(work, account.id) == 0;
}

Error last_superadmin() {
  return Error(ErrorCode::last_superadmin, "The last active superadmin must stay one.");
}

}  // namespace corohub::users
