// Accounts: the rules, their storage and their routes, as one thing to compose.
#pragma once

#include "auth/account_cache.hpp"
#include "auth/password.hpp"
#include "auth/password_login.hpp"
#include "auth/rate_limit.hpp"
#include "auth/tickets.hpp"
#include "auth/token.hpp"
#include "core/json.hpp"
#include "http/router.hpp"
#include "storage/reader_pool.hpp"
#include "storage/writer.hpp"
#include "users/caller.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace corohub::users {

struct UsersSettings {
  bool registration_open = true;
  std::chrono::seconds refresh_idle{14 * 24 * 3600};
  std::chrono::seconds refresh_absolute{30 * 24 * 3600};
  std::chrono::seconds refresh_grace{10};
  std::size_t logins_per_user = 20;
  std::chrono::seconds reset_ttl{3600};
  std::chrono::seconds setup_ttl{1800};
  std::chrono::seconds audit_retention{0};                              // 0: for ever
  auth::Rate login_failures_minute{10, std::chrono::minutes(1), 10};    // per address
  auth::Rate login_failures_hour{100, std::chrono::hours(1), 100};      // per address
  auth::Rate registrations_burst{20, std::chrono::seconds(5), 20};      // per address
  auth::Rate registrations_hour{60, std::chrono::hours(1), 60};         // per address
  auth::Rate logins{600, std::chrono::hours(1), 120};                   // per account
  auth::Rate refreshes{30, std::chrono::minutes(1), 30};                // per login
  auth::Rate tickets{10, std::chrono::minutes(1), 10};                  // per user
  auth::Rate password_changes{5, std::chrono::minutes(15), 5};          // per user
  auth::Rate durable_bytes{32 << 20, std::chrono::hours(1), 32 << 20};  // per user: events of its own account
  auth::Rate admin_writes{60, std::chrono::minutes(1), 60};             // per admin
};

using DeletionHook = std::function<void(storage::UnitOfWork&, UserId, const Caller&)>;

// All of it outlives Users.
struct UsersParts {
  storage::Writer& writer;
  storage::ReaderPool& readers;
  storage::ReaderPool&
      list_readers;  // for what administrators list and search, so that nobody else waits for a list
  auth::PasswordHasher& hasher;
  const auth::Tokens& tokens;
  auth::TicketStore& tickets;
  const Clock& clock;
  std::string epoch;
  // The last durable seq that a shard has applied, asked on its thread: lets GET /users/me answer from that
  // shard's memory. Without this function storage is asked.
  std::function<Seq(std::size_t shard)> applied_seq{};
  // Called in each unit that deletes an account, before it does, for what others keep of the account.
  DeletionHook before_deletion{};
};

// What the command line may do; the actor in events and audit is null.
struct NewUser {
  std::string name;
  std::string email;
  Secret password;
  std::optional<std::int64_t> age;
  Role role = Role::user;
};

// A login that was opened without a proof.
struct LocalLogin {
  Account account;
  std::string access_token;
  std::string refresh_token;
};

struct Services;  // users/services.hpp

// Safe from any shard's thread.
class Users {
 public:
  Users(UsersParts parts, UsersSettings settings);
  ~Users();
  Users(const Users&) = delete;
  Users& operator=(const Users&) = delete;

  // Every /api/v1/auth, /api/v1/users and /api/v1/admin/{users,audit} route, and POST /api/v1/setup.
  void add_routes(http::Router& router);

  // How the account caches read an account with its live logins.
  auth::AccountLoader loader() const;
  // For protocols in which a connection brings an e-mail address and a password.
  auth::PasswordLogin& password_login() noexcept;

  // ---- the command line and the control socket ----
  Task<Result<Account>> create_user(NewUser user);
  // Accounts by id, the first 1,000 behind `after`; fewer: there are no more.
  static constexpr std::int64_t listed_users_max = 1000;
  Task<Result<std::vector<Account>>> list_users(UserId after);
  Task<Result<Account>> set_role(std::string email, Role role);
  Task<Result<Account>> set_password(std::string email, Secret password);
  Task<Result<Account>> set_status(std::string email, UserStatus status);
  Task<Result<>> remove(std::string email);
  // A one-time token by which its holder sets the password.
  Task<Result<std::string>> make_reset_link(std::string email);
  // The live logins of an account, as GET /admin/users/{id}/sessions shows them; with `end` they then end.
  Task<Result<json::array>> logins(std::string email, bool end);

  // Adds a row to the audit trail for what was done to the server itself ("backup", "keys.rotate",
  // "restore").
  Task<Result<>> record_deed(std::string action, json::object detail, std::string entity);

  // ---- whoever runs this process, for demonstrations and test suites ----
  // A fresh login of the account with this address; not_found.
  Task<Result<LocalLogin>> open_login(std::string email);

  // ---- first start ----
  // A fresh one-time setup token while there is no superadmin (the old one is dead); nothing once there is
  // one.
  Task<Result<std::optional<std::string>>> issue_setup_token();

 private:
  std::shared_ptr<Services> services_;
};

}  // namespace corohub::users
