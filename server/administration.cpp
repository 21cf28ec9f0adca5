#include "server/administration.hpp"

#include "core/log.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include <boost/asio/co_spawn.hpp>

namespace corohub::server {
namespace {

Error missing(std::string_view member) {
  return Error(ErrorCode::invalid_request, "the request needs \"" + std::string(member) + "\"");
}

Result<std::string> text_of(const json::object& request, std::string_view member) {
  const json::value* value = request.if_contains(member);
  if (value == nullptr || !value->is_string()) return missing(member);
  return std::string(value->as_string());
}

// Takes the password out of the request and overwrites what is left of it there.
Result<Secret> password_of(json::object& request) {
  json::value* value = request.if_contains("password");
  if (value == nullptr || !value->is_string()) return missing("password");
  json::string& text = value->as_string();
  Secret password{std::string(text)};
  std::fill(text.begin(), text.end(), '\0');
  request.erase("password");
  return password;
}

Result<Role> role_of(const json::object& request) {
  Result<std::string> word = text_of(request, "role");
  if (word.has_error()) return word.error();
  const std::optional<Role> role = parse_role(*word);
  if (!role) return Error(ErrorCode::validation_failed, "the role must be user, admin or superadmin");
  return *role;
}

// Says what was wrong in one line: "password: Must have at least 8 characters."
std::string detail_of(const Error& error) {
  if (error.fields.empty()) return error.detail.empty() ? std::string(name(error.code)) : error.detail;
  std::string detail;
  for (const FieldError& field : error.fields)
    detail += (detail.empty() ? "" : " ") + field.field.substr(1) + ": " + field.message;
  return detail;
}

json::object refused(const Error& error) {
  json::object answer;
  answer.emplace("ok", false);
  answer.emplace("code", name(error.code));
  answer.emplace("detail", detail_of(error));
  return answer;
}

Result<json::value> user_or_error(const Result<Account>& account) {
  if (account.has_error()) return account.error();
  return json::value(to_json(*account));
}

using BlockingTask = asio::awaitable<Result<>, asio::thread_pool::executor_type>;

BlockingTask copy_database(std::filesystem::path database, std::filesystem::path file,
                           const std::atomic<bool>& stop) {
  try {
    storage::backup_database(database, file, &stop);
  } catch (const storage::StartError& error) {
    co_return Error(error.exit_code == exit_busy ? ErrorCode::draining : ErrorCode::storage_unavailable,
                    error.what());
  } catch (const std::exception& error) {
    co_return Error(ErrorCode::storage_unavailable, error.what());
  }
  co_return Result<>();
}

}  // namespace

Administration::Administration(Services& services, const Settings& settings)
    : services_(services),
      key_retirement_(settings.tokens.access_ttl + settings.tokens.leeway),
      reset_ttl_(settings.users.reset_ttl) {}

void Administration::stop() { blocking_.join(); }

Task<json::object> Administration::run(json::object request) {
  Result<json::value> result = Error();
  try {
    result = co_await dispatch(request);
  } catch (const std::exception& error) {
    log::error("command.exception", {{"what", error.what()}});
  }
  if (result.has_error()) co_return refused(result.error());
  json::object answer;
  answer.emplace("ok", true);
  answer.emplace("data", std::move(*result));
  co_return answer;
}

Task<Result<json::value>> Administration::dispatch(json::object& request) {
  Result<std::string> command = text_of(request, "command");
  if (command.has_error()) co_return command.error();
  log::info("command", {{"name", *command}});
  if (*command == "user.create") co_return co_await create_user(request);
  if (*command == "user.list") co_return co_await list_users(request);
  if (*command == "user.set_role") co_return co_await set_role(request);
  if (*command == "user.set_password") co_return co_await set_password(request);
  if (*command == "user.set_status") co_return co_await set_status(request);
  if (*command == "user.delete") co_return co_await remove_user(request);
  if (*command == "user.reset_link") co_return co_await make_reset_link(request);
  if (*command == "user.sessions") co_return co_await list_logins(request);
  if (*command == "keys.rotate") co_return co_await rotate_keys();
  if (*command == "backup") co_return co_await backup(request);
  if (*command == "status") co_return json::value(json::object{{"epoch", services_.head.epoch}});
  co_return Error(ErrorCode::invalid_request, "this server does not know the command");
}

Task<Result<json::value>> Administration::create_user(json::object& request) {
  Result<std::string> user_name = text_of(request, "name");
  if (user_name.has_error()) co_return user_name.error();
  Result<std::string> email = text_of(request, "email");
  if (email.has_error()) co_return email.error();
  Result<Role> role = role_of(request);
  if (role.has_error()) co_return role.error();
  Result<Secret> password = password_of(request);
  if (password.has_error()) co_return password.error();

  users::NewUser user;
  user.name = std::move(*user_name);
  user.email = std::move(*email);
  user.password = std::move(*password);
  user.role = *role;
  if (const json::value* age = request.if_contains("age"); age != nullptr && age->is_int64())
    user.age = age->as_int64();
  Result<Account> created = co_await services_.users.create_user(std::move(user));
  co_return user_or_error(created);
}

Task<Result<json::value>> Administration::list_users(const json::object& request) {
  const json::value* after = request.if_contains("after");
  const UserId last = after != nullptr && after->is_int64() ? after->get_int64() : 0;
  Result<std::vector<Account>> accounts = co_await services_.users.list_users(last);
  if (accounts.has_error()) co_return accounts.error();
  json::array list;
  for (const Account& account : *accounts) list.push_back(to_json(account));
  co_return json::value(std::move(list));
}

Task<Result<json::value>> Administration::set_role(json::object& request) {
  Result<std::string> email = text_of(request, "email");
  if (email.has_error()) co_return email.error();
  Result<Role> role = role_of(request);
  if (role.has_error()) co_return role.error();
  Result<Account> changed = co_await services_.users.set_role(std::move(*email), *role);
  co_return user_or_error(changed);
}

Task<Result<json::value>> Administration::set_password(json::object& request) {
  Result<std::string> email = text_of(request, "email");
  if (email.has_error()) co_return email.error();
  Result<Secret> password = password_of(request);
  if (password.has_error()) co_return password.error();
  Result<Account> changed = co_await services_.users.set_password(std::move(*email), std::move(*password));
  co_return user_or_error(changed);
}

Task<Result<json::value>> Administration::set_status(json::object& request) {
  Result<std::string> email = text_of(request, "email");
  if (email.has_error()) co_return email.error();
  Result<std::string> word = text_of(request, "status");
  if (word.has_error()) co_return word.error();
  const std::optional<UserStatus> status = parse_status(*word);
  if (!status) co_return Error(ErrorCode::validation_failed, "the status must be active or disabled");
  Result<Account> changed = co_await services_.users.set_status(std::move(*email), *status);
  co_return user_or_error(changed);
}

Task<Result<json::value>> Administration::remove_user(json::object& request) {
  Result<std::string> email = text_of(request, "email");
  if (email.has_error()) co_return email.error();
  json::object data;
  data.emplace("email", *email);
  const Result<> removed = co_await services_.users.remove(std::move(*email));
  if (removed.has_error()) co_return removed.error();
  co_return json::value(std::move(data));
}

Task<Result<json::value>> Administration::make_reset_link(json::object& request) {
  Result<std::string> email = text_of(request, "email");
  if (email.has_error()) co_return email.error();
  const Result<std::string> token = co_await services_.users.make_reset_link(std::move(*email));
  if (token.has_error()) co_return token.error();
  json::object data;
  data.emplace("link", "/reset#token=" + *token);
  data.emplace("expires_in", reset_ttl_.count());
  co_return json::value(std::move(data));
}

Task<Result<json::value>> Administration::list_logins(json::object& request) {
  Result<std::string> email = text_of(request, "email");
  if (email.has_error()) co_return email.error();
  const json::value* end = request.if_contains("end");
  const bool ends = end != nullptr && *end == true;
  Result<json::array> list = co_await services_.users.logins(std::move(*email), ends);
  if (list.has_error()) co_return list.error();
  json::object data;
  data.emplace("sessions", std::move(*list));
  data.emplace("ended", ends);
  co_return json::value(std::move(data));
}

// A deed stays done, also when there is no room for its row.
Task<> Administration::record_deed(std::string action, json::object detail, std::string entity) {
  const std::string name_of_deed = action;
  const Result<> recorded =
      co_await services_.users.record_deed(std::move(action), std::move(detail), std::move(entity));
  if (!recorded) log::warn("audit_not_written", {{"action", name_of_deed}});
}

Task<Result<json::value>> Administration::rotate_keys() {
  Result<std::string> kid = services_.keys.rotate(key_retirement_);
  if (kid.has_error()) co_return kid.error();
  json::object data;
  data.emplace("kid", *kid);
  data.emplace("old_keys_verify_for_s", key_retirement_.count());
  co_await record_deed("keys.rotate", data, "keys/" + *kid);
  co_return json::value(std::move(data));
}

Task<Result<json::value>> Administration::backup(json::object& request) {
  Result<std::string> file = text_of(request, "file");
  if (file.has_error()) co_return file.error();
  if (!std::filesystem::path(*file).is_absolute())
    co_return Error(ErrorCode::invalid_request, "the file must be an absolute path");
  if (backing_up_) co_return Error(ErrorCode::overloaded, "another backup is under way");

  backing_up_ = true;
  BlockingTask copying = copy_database(services_.directory.database(), *file, interrupted_);
  Result<> copied = co_await asio::co_spawn(blocking_, std::move(copying), use_task);
  backing_up_ = false;
  if (copied.has_error()) co_return copied.error();
  json::object data;
  data.emplace("file", *file);
  co_await record_deed("backup", data, std::string());
  co_return json::value(std::move(data));
}

}  // namespace corohub::server
