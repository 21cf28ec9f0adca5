#include "flags/manager.hpp"

#include "auth/policy.hpp"
#include "core/encoding.hpp"
#include "flags/services.hpp"
#include "users/query_reader.hpp"
#include "users/request_caller.hpp"

#include <utility>

namespace corohub::flags {
namespace {

using http::Context;

// One credential, of either kind.
Result<std::string> read_credential(const http::Request& request) {
  const bool bearer = request.has("Authorization");
  if ((bearer && request.has("X-API-Key")) || request.count("X-API-Key") > 1 ||
      request.count("Authorization") > 1)
    return Error(ErrorCode::invalid_request, "Give one credential, once.");
  const std::string_view text = bearer ? request.bearer().value_or("") : request.header("X-API-Key");
  if (text.empty()) return Error(ErrorCode::unauthorized, "This needs an access token or a service's key.");
  if (!bearer && !users::looks_like_service_key(text))
    return Error(ErrorCode::invalid_token, "That is no key of a service.");
  return std::string(text);
}

Task<Result<Manager>> manager_by_key(const FlagsParts& parts, Context& context, std::string key) {
  if (const Result<> rate = context.charge_address(); !rate) co_return rate.error();
  auto read = [key = std::move(key),
               now = parts.clock.unix_ms()](storage::Snapshot& snapshot) -> Result<users::ServiceKey> {
    std::optional<users::ServiceKey> found = users::find_service_key(snapshot, key, now);
    if (!found) return Error(ErrorCode::invalid_token, "The key is unknown, revoked or expired.");
    return std::move(*found);
  };
  Result<users::ServiceKey> found = co_await parts.readers.read(std::move(read));
  if (!found) co_return found.error();
  Manager manager;
  manager.caller = users::caller_of(context);
  manager.service_key = found->id;
  manager.scopes = std::move(found->scopes);
  co_return manager;
}

Task<Result<Manager>> manager_by_token(Context& context, std::string token) {
  Result<auth::Principal> principal = co_await context.authenticator.authenticate(token);
  if (!principal) co_return principal.error();
  if (const Result<> rate = context.charge(principal->user_id()); !rate) co_return rate.error();
  if (!auth::is_admin(principal->role())) co_return Error(ErrorCode::forbidden, "This is for admins.");
  context.principal = std::move(*principal);
  Manager manager;
  manager.caller = users::caller_of(context);
  co_return manager;
}

}  // namespace

Error no_scope() { return Error(ErrorCode::forbidden, "The key has no scope for this."); }

bool Manager::may(Right right, std::string_view name_space) const noexcept {
  return !service_key || scopes_manage(scopes, right, name_space);
}

bool Manager::may_somewhere(Right right) const noexcept {
  return !service_key || scopes_manage_somewhere(scopes, right);
}

Author Manager::author(Source source, std::string comment) const {
  return {caller, service_key, source, std::move(comment)};
}

Task<Result<Manager>> read_holder(const FlagsParts& parts, Context& context) {
  Result<std::string> credential = read_credential(context.request);
  if (!credential) co_return credential.error();
  if (users::looks_like_service_key(*credential))
    co_return co_await manager_by_key(parts, context, std::move(*credential));
  co_return co_await manager_by_token(context, std::move(*credential));
}

Task<Result<Manager>> read_manager_somewhere(FlagServices& services, Context& context, Right right) {
  Result<Manager> manager = co_await read_holder(services.parts, context);
  if (manager && !manager->may_somewhere(right)) co_return no_scope();
  co_return manager;
}

Task<Result<Manager>> read_manager(FlagServices& services, Context& context, Right right) {
  Result<Manager> manager = co_await read_manager_somewhere(services, context, right);
  if (manager && !manager->may(right, context.param("namespace"))) co_return no_scope();
  co_return manager;
}

Result<std::string> read_comment(const http::Request& request) {
  users::QueryReader reader(request);
  std::string comment = reader.text("comment", comment_max * 4).value_or("");
  if (code_points(comment) > comment_max)
    reader.refuse("comment", "too_long", "Must have at most 1000 characters.");
  if (const Result<> read = reader.result(); !read) return read.error();
  return comment;
}

}  // namespace corohub::flags
