// Routes of administrators. The router asks for the role, so plain users get no further than that.
#include "users/query_reader.hpp"
#include "users/route_support.hpp"

namespace corohub::users {
namespace {

constexpr std::size_t cursor_bytes_max = 1024;
constexpr std::size_t action_bytes_max = 64;
constexpr std::size_t entity_bytes_max = 512;
constexpr std::int64_t page_max = 1'000'000'000;  // small enough to be multiplied by per_page
constexpr std::int64_t id_max = (std::int64_t{1} << 53) - 1;

Result<UserQuery> read_user_query(const http::Request& request) {
  QueryReader reader(request);
  UserQuery query;
  query.page = reader.integer("page", 1, page_max).value_or(1);
  query.per_page = reader.integer("per_page", 1, 100).value_or(20);
  query.text = reader.text("q", 254);
  if (const auto role = reader.one_of("role", {"user", "admin", "superadmin"}))
    query.role = static_cast<Role>(*role);
  if (const auto sort = reader.one_of("sort", {"id", "name", "email", "created_at", "updated_at", "-id",
                                               "-name", "-email", "-created_at", "-updated_at"})) {
    query.sort = static_cast<UserSort>(*sort % 5);
    query.descending = *sort >= 5;
  }
  if (const auto cursor = reader.text("cursor", cursor_bytes_max)) {
    query.after = parse_cursor(*cursor, query.sort, query.descending);
    if (!query.after)
      reader.refuse("cursor", "invalid_format", "Must be the meta.next of a list in this order.");
  }
  if (const Result<> result = reader.result(); !result) return result.error();
  return query;
}

Result<AuditQuery> read_audit_query(const http::Request& request) {
  QueryReader reader(request);
  AuditQuery query;
  query.since = reader.integer("since", 0, id_max).value_or(0);
  query.before = reader.integer("before", 0, id_max);
  if (const auto order = reader.one_of("order", {"asc", "desc"})) query.newest_first = *order == 1;
  query.limit = reader.integer("limit", 1, 300).value_or(100);
  query.user = reader.integer("user", 1, id_max);
  query.action = reader.text("action", action_bytes_max);
  query.entity = reader.text("entity", entity_bytes_max);
  if (const Result<> result = reader.result(); !result) return result.error();
  return query;
}

Response account_answer(const Services& services, const storage::Committed<AccountRef>& changed, Seq before,
                        int status = 200) {
  return at_position(services, http::success(to_json(*changed.value), status),
                     changed.seq != 0 ? changed.seq : before);
}

Task<Response> get_users(Services& services, Context& context) {
  Result<UserQuery> query = read_user_query(context.request);
  if (!query) co_return fail(query.error(), context);
  json::object meta;
  meta["page"] = query->page;
  meta["per_page"] = query->per_page;

  const Seq seq =
      services.parts.writer
          .committed_seq();  // taken before the read, so that whoever goes on from it misses nothing
  const UserSort sort = query->sort;
  const bool descending = query->descending;
  const Result<UserPage> page = co_await services.admin.list(std::move(*query));
  if (!page) co_return fail(page.error(), context);
  meta["total"] = page->total;
  if (page->total_is_capped) meta["total_is_capped"] = true;
  if (page->next) meta["next"] = cursor_text(*page->next, sort, descending);
  json::array list;
  for (const Account& account : page->users) list.push_back(to_json(account));
  co_return at_position(services, http::success(list, meta), seq);
}

Task<Response> get_user(Services& services, Context& context) {
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return fail(id.error(), context);
  const Seq seq = services.parts.writer.committed_seq();
  const Result<Account> account = co_await services.admin.find(*id);
  if (!account) co_return fail(account.error(), context);
  co_return at_position(services, http::success(to_json(*account)), seq);
}

Task<Response> post_user(Services& services, Context& context) {
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return fail(body.error(), context);
  Result<NewUser> user = read_new_user(*body);
  if (!user) co_return fail(user.error(), context);
  const auto created = co_await services.admin.create(std::move(*user), caller_of(context));
  if (!created) co_return fail(created.error(), context);
  co_return account_answer(services, *created, 0, 201);
}

Task<Response> patch_user(Services& services, Context& context) {
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return fail(id.error(), context);
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return fail(body.error(), context);
  Result<ProfileChange> change = read_profile_change(*body);
  if (!change) co_return fail(change.error(), context);
  const Seq before = services.parts.writer.committed_seq();
  const auto changed = co_await services.admin.change_profile(*id, std::move(*change), caller_of(context));
  if (!changed) co_return fail(changed.error(), context);
  co_return account_answer(services, *changed, before);
}

Task<Response> delete_user_by_id(Services& services, Context& context) {
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return fail(id.error(), context);
  if (const std::optional<Error> refusal = services.limits.admin_write(context))
    co_return fail(*refusal, context);
  const auto removed = co_await services.admin.remove(*id, caller_of(context));
  if (!removed) co_return fail(removed.error(), context);
  co_return at_position(services, http::no_content(), removed->seq);
}

Task<Response> put_role(Services& services, Context& context) {
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return fail(id.error(), context);
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return fail(body.error(), context);
  const Result<Role> role = read_role(*body);
  if (!role) co_return fail(role.error(), context);
  if (const std::optional<Error> refusal = services.limits.admin_write(context))
    co_return fail(*refusal, context);
  const Seq before = services.parts.writer.committed_seq();
  const auto changed = co_await services.admin.set_role(*id, *role, caller_of(context));
  if (!changed) co_return fail(changed.error(), context);
  co_return account_answer(services, *changed, before);
}

Task<Response> put_status(Services& services, Context& context) {
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return fail(id.error(), context);
  const Result<json::object> body = context.request.json_object();
  if (!body) co_return fail(body.error(), context);
  const Result<UserStatus> status = read_status(*body);
  if (!status) co_return fail(status.error(), context);
  if (const std::optional<Error> refusal = services.limits.admin_write(context))
    co_return fail(*refusal, context);
  const Seq before = services.parts.writer.committed_seq();
  const auto changed = co_await services.admin.set_status(*id, *status, caller_of(context));
  if (!changed) co_return fail(changed.error(), context);
  co_return account_answer(services, *changed, before);
}

Task<Response> post_reset_link(Services& services, Context& context) {
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return fail(id.error(), context);
  if (const std::optional<Error> refusal = services.limits.admin_write(context))
    co_return fail(*refusal, context);
  const auto token = co_await services.admin.make_reset_link(*id, caller_of(context));
  if (!token) co_return fail(token.error(), context);
  json::object data;
  data["token"] = token->value;
  data["link"] = "/reset#token=" + token->value;  // in the fragment, which browsers send to nobody
  data["expires_in"] = services.admin.reset_ttl().count();
  co_return http::success(data, 201);
}

Task<Response> get_logins_of(Services& services, Context& context) {
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return fail(id.error(), context);
  const auto sessions = co_await services.admin.logins(*id, caller_of(context));
  if (!sessions) co_return fail(sessions.error(), context);
  co_return logins_answer(*sessions, context.principal->session);
}

Task<Response> end_logins_of(Services& services, Context& context, std::optional<SessionId> session) {
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return fail(id.error(), context);
  if (const std::optional<Error> refusal = services.limits.admin_write(context))
    co_return fail(*refusal, context);
  const auto ended = co_await services.admin.end_logins(*id, session, caller_of(context));
  if (!ended) co_return fail(ended.error(), context);
  co_return http::no_content();
}

Task<Response> delete_logins_of(Services& services, Context& context) {
  return end_logins_of(services, context, std::nullopt);
}

Task<Response> delete_login_of(Services& services, Context& context) {
  SessionId session;
  if (!SessionId::parse(context.param("session"), session))
    co_return fail(Error(ErrorCode::not_found, "There is no such session."), context);
  co_return co_await end_logins_of(services, context, session);
}

Task<Response> get_audit(Services& services, Context& context) {
  const Result<AuditQuery> query = read_audit_query(context.request);
  if (!query) co_return fail(query.error(), context);
  const Seq seq = services.parts.writer.committed_seq();
  const Result<AuditPage> page = co_await services.admin.audit(*query);
  if (!page) co_return fail(page.error(), context);
  json::array list;
  for (const json::object& row : page->rows) list.push_back(row);
  json::object meta;
  meta["next"] = page->next;
  meta["more"] = page->more;
  co_return at_position(services, http::success(list, meta), seq);
}

}  // namespace

void add_admin_routes(Routes& routes) {
  routes.add(Method::get, "/api/v1/admin/users", Access::admin, get_users);
  routes.add(Method::post, "/api/v1/admin/users", Access::admin, post_user);
  routes.add(Method::get, "/api/v1/admin/users/{id}", Access::admin, get_user);
  routes.add(Method::patch, "/api/v1/admin/users/{id}", Access::admin, patch_user);
  routes.add(Method::del, "/api/v1/admin/users/{id}", Access::admin, delete_user_by_id);
  routes.add(Method::put, "/api/v1/admin/users/{id}/role", Access::admin, put_role);
  routes.add(Method::put, "/api/v1/admin/users/{id}/status", Access::admin, put_status);
  routes.add(Method::post, "/api/v1/admin/users/{id}/password-reset", Access::admin, post_reset_link);
  routes.add(Method::get, "/api/v1/admin/users/{id}/sessions", Access::admin, get_logins_of);
  routes.add(Method::del, "/api/v1/admin/users/{id}/sessions", Access::admin, delete_logins_of);
  routes.add(Method::del, "/api/v1/admin/users/{id}/sessions/{session}", Access::admin, delete_login_of);
  routes.add(Method::get, "/api/v1/admin/audit", Access::admin, get_audit);
}

}  // namespace corohub::users
