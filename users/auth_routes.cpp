// Routes of logging in and staying logged in, and the first superadmin's.
#include "users/route_support.hpp"

namespace corohub::users {
namespace {

Task<Response> post_register(Services& services, Context& context) {
  if (!services.settings.registration_open)
    co_return fail(Error(ErrorCode::registration_closed, "Accounts are made by administrators here."),
                   context);
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return fail(body.error(), context);
  Result<NewUser> user = read_registration(*body);
  if (!user) co_return fail(user.error(), context);
  if (const std::optional<Error> refusal = services.limits.registration(context))
    co_return fail(*refusal, context);

  const Outcome<Login> login = co_await services.accounts.register_user(std::move(*user), caller_of(context));
  if (!login) co_return fail(login.error(), context);
  co_return login_answer(services, *login, 201);
}

Task<Response> post_login(Services& services, Context& context) {
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return fail(body.error(), context);
  Result<Credentials> credentials = read_credentials(*body);
  if (!credentials) co_return fail(credentials.error(), context);
  if (const std::optional<Error> refusal = services.limits.password_attempt(context))
    co_return fail(*refusal, context);

  const Outcome<Login> login = co_await services.accounts.login(std::move(*credentials), caller_of(context));
  if (!login && is_failed_proof(login.error())) co_return fail(login.error(), context);
  services.limits.give_back_password_attempt(context);
  if (!login) co_return fail(login.error(), context);
  (void)context.charge(login->value.account->id);
  co_return login_answer(services, *login, 200);
}

Task<Response> post_refresh(Services& services, Context& context) {
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return fail(body.error(), context);
  const Result<std::string> token = read_refresh_token(*body);
  if (!token) co_return fail(token.error(), context);
  const Result<SessionId> session = co_await services.logins.login_of(*token);
  if (!session) co_return fail(session.error(), context);
  if (const std::optional<Error> refusal = services.limits.refresh(context, *session))
    co_return fail(*refusal, context);

  const Outcome<Login> login = co_await services.logins.refresh(*token, caller_of(context));
  if (!login) co_return fail(login.error(), context);
  (void)context.charge(login->value.account->id);
  co_return login_answer(services, *login, 200);
}

// By the access token, or by the refresh token when that is all the client has left.
Task<Response> post_logout(Services& services, Context& context) {
  if (context.request.count("authorization") > 1)
    co_return fail(Error(ErrorCode::invalid_request, "Authorization stands there twice."), context);
  const std::optional<std::string_view> bearer = context.request.bearer();
  Result<auth::Principal> principal = Error(ErrorCode::unauthorized, "Logging out needs a token.");
  if (bearer && !bearer->empty()) principal = co_await context.authenticator.authenticate(*bearer);
  if (!principal && context.request.body.empty()) co_return fail(principal.error(), context);

  if (principal) {
    Caller caller = caller_of(context);
    caller.user_id = principal->user_id();
    const auto ended = co_await services.logins.end(principal->session, principal->session,
                                                    CloseReason::logged_out, std::move(caller));
    if (!ended && ended.error().code != ErrorCode::not_found) co_return fail(ended.error(), context);
    co_return http::no_content();
  }
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return fail(body.error(), context);
  if (!body->contains("refresh_token")) co_return fail(principal.error(), context);
  const Result<std::string> token = read_refresh_token(*body);
  if (!token) co_return fail(token.error(), context);
  const auto ended = co_await services.logins.end_by_token(*token, caller_of(context));
  if (!ended) co_return fail(ended.error(), context);
  co_return http::no_content();
}

Task<Response> get_logins(Services& services, Context& context) {
  const auth::Principal& principal = *context.principal;
  const auto sessions = co_await services.logins.list(principal.user_id());
  if (!sessions) co_return fail(sessions.error(), context);
  co_return logins_answer(*sessions, principal.session);
}

Task<Response> delete_other_logins(Services& services, Context& context) {
  const auto ended = co_await services.logins.end_others(context.principal->session, caller_of(context));
  if (!ended) co_return fail(ended.error(), context);
  co_return http::no_content();
}

Task<Response> delete_login_by_id(Services& services, Context& context) {
  const auth::Principal& principal = *context.principal;
  SessionId session;
  if (!SessionId::parse(context.param("id"), session))
    co_return fail(Error(ErrorCode::not_found, "There is no such session."), context);
  const bool own = session == principal.session;
  const auto ended = co_await services.logins.end(
      session, principal.session, own ? CloseReason::logged_out : CloseReason::session_revoked,
      caller_of(context));
  if (!ended) co_return fail(ended.error(), context);
  co_return http::no_content();
}

Task<Response> post_ws_ticket(Services& services, Context& context) {
  if (const std::optional<Error> refusal = services.limits.ticket(context)) co_return fail(*refusal, context);
  const auth::Principal& principal = *context.principal;
  auth::Ticket ticket;
  ticket.user_id = principal.user_id();
  ticket.session = principal.session;
  ticket.token_expires_at = principal.token_expires_at;
  ticket.key_id = principal.key_id;
  ticket.origin = std::string(context.request.header("origin"));
  json::object data;
  data["ticket"] = services.parts.tickets.issue(std::move(ticket));
  data["expires_in"] = auth::TicketStore::lifetime.count();
  co_return http::success(data);
}

Task<Response> post_password_reset(Services& services, Context& context) {
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return fail(body.error(), context);
  Result<TokenAndPassword> reset = read_password_reset(*body);
  if (!reset) co_return fail(reset.error(), context);
  if (const std::optional<Error> refusal = services.limits.password_attempt(context))
    co_return fail(*refusal, context);

  const auto done = co_await services.accounts.reset_password(std::move(*reset), caller_of(context));
  if (!done && is_failed_proof(done.error())) co_return fail(done.error(), context);
  services.limits.give_back_password_attempt(context);
  if (!done) co_return fail(done.error(), context);
  co_return at_position(services, http::no_content(), done->seq);
}

Task<Response> post_setup(Services& services, Context& context) {
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return fail(body.error(), context);
  const Result<std::string> token = read_setup_token(*body);
  if (!token) co_return fail(token.error(), context);
  if (const std::optional<Error> refusal = services.limits.registration(context))
    co_return fail(*refusal, context);
  const Result<> good = services.setup.check(*token);
  if (!good) co_return fail(good.error(), context);
  Result<NewUser> user = read_registration(*body);
  if (!user) co_return fail(user.error(), context);

  const Outcome<Login> login =
      co_await services.setup.create_superadmin(*token, std::move(*user), caller_of(context));
  if (!login) co_return fail(login.error(), context);
  co_return login_answer(services, *login, 201);
}

}  // namespace

void add_auth_routes(Routes& routes) {
  routes.add(Method::post, "/api/v1/auth/register", Access::guest, post_register);
  routes.add(Method::post, "/api/v1/auth/login", Access::guest, post_login);
  routes.add(Method::post, "/api/v1/auth/refresh", Access::guest, post_refresh);
  routes.add(Method::post, "/api/v1/auth/logout", Access::guest, post_logout);
  routes.add(Method::get, "/api/v1/auth/sessions", Access::user, get_logins);
  routes.add(Method::del, "/api/v1/auth/sessions", Access::user, delete_other_logins);
  routes.add(Method::del, "/api/v1/auth/sessions/{id}", Access::user, delete_login_by_id);
  routes.add(Method::post, "/api/v1/auth/ws-ticket", Access::user, post_ws_ticket);
  routes.add(Method::post, "/api/v1/auth/password/reset", Access::guest, post_password_reset);
  routes.add(Method::post, "/api/v1/setup", Access::guest, post_setup);
}

}  // namespace corohub::users
