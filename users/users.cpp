#include "users/users.hpp"

#include "users/route_support.hpp"
#include "users/services.hpp"

namespace corohub::users {
namespace {

LoginRules rules_of(const UsersSettings& settings) {
  using std::chrono::milliseconds;
  LoginRules rules;
  rules.idle = milliseconds(settings.refresh_idle).count();
  rules.absolute = milliseconds(settings.refresh_absolute).count();
  rules.grace = milliseconds(settings.refresh_grace).count();
  rules.per_user = static_cast<std::int64_t>(settings.logins_per_user);
  return rules;
}

Result<Account> account_of(const Outcome<AccountRef>& outcome) {
  if (!outcome) return outcome.error();
  return *outcome->value;
}

}  // namespace

Services::Services(UsersParts its_parts, UsersSettings its_settings)
    : parts(std::move(its_parts)),
      settings(std::move(its_settings)),
      rules(rules_of(settings)),
      limits(settings, parts.clock),
      accounts(parts, rules, settings.logins),
      logins(parts, rules),
      admin(parts, rules, settings.reset_ttl),
      setup(parts, rules, settings.setup_ttl),
      connection_logins(*this) {}

Users::Users(UsersParts parts, UsersSettings settings)
    : services_(std::make_shared<Services>(std::move(parts), std::move(settings))) {}

Users::~Users() = default;

void Users::add_routes(http::Router& router) {
  Routes routes(router, services_);
  add_auth_routes(routes);
  add_profile_routes(routes);
  add_admin_routes(routes);
}

auth::AccountLoader Users::loader() const {
  return [services = services_](UserId id) -> Task<Result<AccountRef>> {
    auto look = [id, now = services->parts.clock.unix_ms(),
                 rules = services->rules](storage::Snapshot& snapshot) -> Result<AccountRef> {
      return load_account(snapshot, id, now, rules);
    };
    return services->parts.readers.read(std::move(look));
  };
}

auth::PasswordLogin& Users::password_login() noexcept { return services_->connection_logins; }

Task<Result<Account>> Users::create_user(NewUser user) {
  Result<NewUser> good = checked(user);
  if (!good) co_return good.error();
  const auto created = co_await services_->admin.create(std::move(*good), Caller::operator_of_this_machine());
  co_return account_of(created);
}

Task<Result<std::vector<Account>>> Users::list_users(UserId after) {
  UserQuery query;
  query.after = UserCursor{.key = {}, .id = after};
  query.per_page = listed_users_max;
  Result<UserPage> page = co_await services_->admin.list(std::move(query));
  if (!page) co_return page.error();
  co_return std::move(page->users);
}

Task<Result<Account>> Users::set_role(std::string email, Role role) {
  const Result<Account> user = co_await services_->admin.find_by_email(std::move(email));
  if (!user) co_return user.error();
  const auto changed = co_await services_->admin.set_role(user->id, role, Caller::operator_of_this_machine());
  co_return account_of(changed);
}

Task<Result<Account>> Users::set_password(std::string email, Secret password) {
  const Result<Account> user = co_await services_->admin.find_by_email(std::move(email));
  if (!user) co_return user.error();
  const Result<> good = check_new_password(password, *user);
  if (!good) co_return good.error();
  const auto changed = co_await services_->admin.set_password(user->id, std::move(password),
                                                              Caller::operator_of_this_machine());
  co_return account_of(changed);
}

Task<Result<Account>> Users::set_status(std::string email, UserStatus status) {
  const Result<Account> user = co_await services_->admin.find_by_email(std::move(email));
  if (!user) co_return user.error();
  const auto changed =
      co_await services_->admin.set_status(user->id, status, Caller::operator_of_this_machine());
  co_return account_of(changed);
}

Task<Result<>> Users::remove(std::string email) {
  const Result<Account> user = co_await services_->admin.find_by_email(std::move(email));
  if (!user) co_return user.error();
  const auto removed = co_await services_->admin.remove(user->id, Caller::operator_of_this_machine());
  if (!removed) co_return removed.error();
  co_return Result<>();
}

Task<Result<std::string>> Users::make_reset_link(std::string email) {
  const Result<Account> user = co_await services_->admin.find_by_email(std::move(email));
  if (!user) co_return user.error();
  const auto token = co_await services_->admin.make_reset_link(user->id, Caller::operator_of_this_machine());
  if (!token) co_return token.error();
  co_return token->value;
}

Task<Result<json::array>> Users::logins(std::string email, bool end) {
  const Result<Account> user = co_await services_->admin.find_by_email(std::move(email));
  if (!user) co_return user.error();
  const auto rows = co_await services_->admin.logins(user->id, Caller::operator_of_this_machine());
  if (!rows) co_return rows.error();
  if (end) {
    const auto ended =
        co_await services_->admin.end_logins(user->id, std::nullopt, Caller::operator_of_this_machine());
    if (!ended) co_return ended.error();
  }
  json::array list;
  for (const LoginRow& row : *rows) list.push_back(to_json(row));
  co_return list;
}

Task<Result<>> Users::record_deed(std::string action, json::object detail, std::string entity) {
  auto unit = [action = std::move(action), detail = std::move(detail),
               entity = std::move(entity)](storage::UnitOfWork& work) -> Result<storage::Nothing> {
    record(work, Caller::operator_of_this_machine(), action, std::nullopt, detail, entity);
    return storage::Nothing{};
  };
  const auto recorded = co_await services_->parts.writer.commit(std::move(unit));
  if (!recorded) co_return recorded.error();
  co_return Result<>();
}

Task<Result<LocalLogin>> Users::open_login(std::string email) {
  const Result<Account> user = co_await services_->admin.find_by_email(std::move(email));
  if (!user) co_return user.error();
  const Outcome<Login> login = co_await services_->logins.open(user->id, Caller::operator_of_this_machine());
  if (!login) co_return login.error();
  LocalLogin result;
  result.account = *login->value.account;
  result.access_token = services_->parts.tokens.issue(result.account, login->value.session);
  result.refresh_token = login->value.refresh_token;
  co_return result;
}

Task<Result<std::optional<std::string>>> Users::issue_setup_token() {
  co_return co_await services_->setup.issue();
}

}  // namespace corohub::users
