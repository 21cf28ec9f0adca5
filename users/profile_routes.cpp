// Routes of one's own account.
#include "users/password_rules.hpp"
#include "users/route_support.hpp"
#include "users/user_changes.hpp"

namespace corohub::users {
namespace {

Error account_gone() { return Error(ErrorCode::unauthorized, "The account is not there any more."); }

// Answers from this shard's memory, with the position up to which the memory was kept: a newer position would
// claim changes that the memory does not show yet.
std::optional<Response> remembered(Services& services, Context& context) {
  if (!services.parts.applied_seq) return std::nullopt;
  const AccountRef account = context.authenticator.accounts().find(context.principal->user_id());
  if (!account) return std::nullopt;
  Response response;
  response.body = "{\"success\":true,\"data\":";
  append_json(response.body, *account);
  response.body += '}';
  return at_position(services, std::move(response), services.parts.applied_seq(context.shard));
}

Task<Response> get_me(Services& services, Context& context) {
  if (std::optional<Response> answer = remembered(services, context)) co_return std::move(*answer);
  const Seq seq = services.parts.writer.committed_seq();
  const Result<Account> account = co_await services.admin.find(context.principal->user_id());
  if (!account && account.error().code == ErrorCode::not_found) co_return fail(account_gone(), context);
  if (!account) co_return fail(account.error(), context);
  co_return at_position(services, http::success(to_json(*account)), seq);
}

Task<Response> patch_me(Services& services, Context& context) {
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return fail(body.error(), context);
  Result<ProfileChange> change = read_own_profile_change(*body);
  if (!change) co_return fail(change.error(), context);
  if (const std::optional<Error> refusal = services.limits.account_change(context))
    co_return fail(*refusal, context);
  const bool proves =
      changes_email(*context.principal->account, *change) && !change->current_password.empty();
  if (proves)
    if (const std::optional<Error> refusal = services.limits.password_attempt(context))
      co_return fail(*refusal, context);

  const Seq before = services.parts.writer.committed_seq();
  const auto changed = co_await services.accounts.change_profile(
      context.principal->account, context.principal->session, std::move(*change), caller_of(context));
  if (proves && (changed || !is_failed_proof(changed.error())))
    services.limits.give_back_password_attempt(context);
  if (!changed) co_return fail(changed.error(), context);
  co_return at_position(services, http::success(to_json(*changed->value)),
                        changed->seq != 0 ? changed->seq : before);
}

// The password, if the client gave one.
Result<Secret> read_leave(const http::Request& request) {
  if (request.body.empty()) return Secret();
  const Result<json::object> body = request.json_object();
  if (!body) return body.error();
  return read_current_password(*body);
}

Task<Response> delete_me(Services& services, Context& context) {
  Result<Secret> password = read_leave(context.request);
  if (!password) co_return fail(password.error(), context);
  const bool proves = !password->empty();
  if (proves)
    if (const std::optional<Error> refusal = services.limits.password_attempt(context))
      co_return fail(*refusal, context);
  const auto left = co_await services.accounts.leave(context.principal->account, context.principal->session,
                                                     std::move(*password), caller_of(context));
  if (proves && (left || !is_failed_proof(left.error()))) services.limits.give_back_password_attempt(context);
  if (!left) co_return fail(left.error(), context);
  co_return at_position(services, http::no_content(), left->seq);
}

Task<Response> put_password(Services& services, Context& context) {
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return fail(body.error(), context);
  Result<PasswordChange> change = read_password_change(*body);
  if (!change) co_return fail(change.error(), context);
  const Result<> good = check_not_own_word(change->next, *context.principal->account, "/new_password");
  if (!good) co_return fail(good.error(), context);
  if (const std::optional<Error> refusal = services.limits.password_change(context))
    co_return fail(*refusal, context);
  if (const std::optional<Error> refusal = services.limits.password_attempt(context))
    co_return fail(*refusal, context);

  const Outcome<Login> login = co_await services.accounts.change_password(
      context.principal->account, context.principal->session, std::move(*change), caller_of(context));
  if (login || !is_failed_proof(login.error())) services.limits.give_back_password_attempt(context);
  if (!login) co_return fail(login.error(), context);
  co_return login_answer(services, *login, 200);
}

}  // namespace

void add_profile_routes(Routes& routes) {
  routes.add(Method::get, "/api/v1/users/me", Access::user, get_me, remembered);
  routes.add(Method::patch, "/api/v1/users/me", Access::user, patch_me);
  routes.add(Method::del, "/api/v1/users/me", Access::user, delete_me);
  routes.add(Method::put, "/api/v1/users/me/password", Access::user, put_password);
}

}  // namespace corohub::users
