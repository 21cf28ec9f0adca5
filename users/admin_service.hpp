// What administrators and the command line do with other users' accounts. Every right is judged inside the
// unit by the live row of the actor, never by a token; a refusal for rank leaves an audit row. Rules only;
// safe from any shard's thread.
#pragma once

#include "users/account_changes.hpp"
#include "users/audit.hpp"
#include "users/decision.hpp"
#include "users/login_repository.hpp"
#include "users/user_list.hpp"
#include "users/user_repository.hpp"
#include "users/validation.hpp"

#include <string>

namespace corohub::users {

class AdminService {
 public:
  AdminService(const UsersParts& parts, LoginRules rules, std::chrono::seconds reset_ttl)
      : parts_(parts), rules_(rules), reset_ttl_(reset_ttl) {}

  // Reading needs no more than the check of the route. Lists have a reader of their own.
  Task<Result<UserPage>> list(UserQuery query);  // validation_failed
  Task<Result<Account>> find(UserId id);
  Task<Result<Account>> find_by_email(std::string email);  // the command line names users by e-mail address
  Task<Result<AuditPage>> audit(AuditQuery query);

  // forbidden for a role above one's own; email_taken.
  Task<Outcome<AccountRef>> create(NewUser user, Caller caller);

  // These all answer not_found; forbidden unless the target's rank is lower (superadmins also act on
  // superadmins); last_superadmin. A change that changes nothing answers the account as it is.
  Task<Outcome<AccountRef>> change_profile(UserId target, ProfileChange change, Caller caller);
  Task<Outcome<AccountRef>> set_role(UserId target, Role role, Caller caller);  // also self_role_change
  Task<Outcome<AccountRef>> set_status(UserId target, UserStatus status, Caller caller);
  Task<Outcome<storage::Nothing>> remove(UserId target, Caller caller);

  // Makes a one-time token by which its holder sets the target's password. The token dies with the next link,
  // with any change of the target's role, status, e-mail address or password, and once its maker may not make
  // it any more.
  Task<Outcome<std::string>> make_reset_link(UserId target, Caller caller);

  // The logins of a user of lower rank, or one's own; not_found, forbidden.
  Task<Result<std::vector<LoginRow>>> logins(UserId target, Caller caller);
  // Ends one login of the target (not_found if the target has no such login), or all, and closes their
  // connections.
  Task<Outcome<storage::Nothing>> end_logins(UserId target, std::optional<SessionId> session, Caller caller);

  // For the command line alone: also ends every login.
  Task<Outcome<AccountRef>> set_password(UserId target, Secret password, Caller caller);

  std::chrono::seconds reset_ttl() const noexcept { return reset_ttl_; }

 private:
  const UsersParts& parts_;
  const LoginRules rules_;
  const std::chrono::seconds reset_ttl_;
};

}  // namespace corohub::users
