// POST /api/v1/publish: admins and other services publish to a user, a role, a topic, or everyone.
#include "auth/policy.hpp"
#include "gateway/publish_request.hpp"
#include "gateway/state.hpp"

#include <utility>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

// One credential: a service's key, or a user's access token.
Result<std::string> read_credential(const http::Request& request) {
  const std::string_view bearer = request.bearer().value_or("");
  const bool both = request.has("X-Api-Key") && !bearer.empty();
  if (both || request.count("X-Api-Key") > 1 || request.count("Authorization") > 1)
    return Error(ErrorCode::invalid_request, "Give one credential, once.");
  if (request.has("X-Api-Key")) {
    const std::string_view key = request.header("X-Api-Key");
    if (!users::looks_like_service_key(key)) return Error(ErrorCode::invalid_token, "That is no key.");
    return std::string(key);
  }
  if (bearer.empty()) return Error(ErrorCode::unauthorized, "This needs a service's key or an access token.");
  return std::string(bearer);
}

Task<Result<Author>> author_by_key(users::ServiceKeyCache& keys, std::string key) {
  const Result<users::ServiceKeyRef> found = co_await keys.get(std::move(key));
  if (!found) co_return found.error();
  co_return Author{.service_key = (*found)->id, .scopes = (*found)->scopes};
}

Task<Result<Author>> author_by_token(Context& context, std::string token) {
  const Result<auth::Principal> principal = co_await context.authenticator.authenticate(token);
  if (!principal) co_return principal.error();
  if (!auth::is_admin(principal->role())) {
    if (const Result<> rate = context.charge(principal->user_id()); !rate) co_return rate.error();
    co_return Error(ErrorCode::forbidden, "This is for admins.");
  }
  co_return Author{principal->user_id(), principal->role()};
}

// Nobody limits a guest here but his failures: a busy service comes from one address. A user who may not
// publish is no failure of it, and pays for himself.
Task<Result<Author>> read_author(GatewayState& state, Context& context) {
  const Result<std::string> credential = read_credential(context.request);
  if (!credential) co_return credential.error();
  const std::string address = auth::rate_key(context.request.peer);
  if (std::optional<Error> error = take(state.publish_failures, context, address)) co_return *error;
  Result<Author> author = Error(ErrorCode::internal_error);
  if (users::looks_like_service_key(*credential))
    author = co_await author_by_key(state.desk(context.shard).service_keys, *credential);
  else
    author = co_await author_by_token(context, *credential);
  if ((author || context.charged) && !context.exempt) state.publish_failures.give_back(address);
  co_return author;
}

std::optional<Error> over_rate(GatewayState& state, const Context& context, const Author& author) {
  if (author.service_key != 0)
    return take(state.service_publishes, context, std::to_string(author.service_key));
  return take(state.publishes, context, std::to_string(author.user_id));
}

Task<Response> publish(GatewayState& state, Context& context) {
  const Result<Author> author = co_await read_author(state, context);
  if (!author) co_return http::fail(author.error(), context);
  if (const std::optional<Error> error = over_rate(state, context, *author))
    co_return http::fail(*error, context);
  Result<Publication> publication = read_addressed_publication(context.request);
  if (!publication) co_return http::fail(publication.error(), context);
  const std::string topic = publication->topic;
  Result<PublishOrder> order = state.publishing.accept(*author, std::move(*publication));
  if (!order) co_return http::fail(order.error(), context);
  const Result<Published> published = co_await state.publishing.publish(std::move(*order));
  if (!published) co_return http::fail(published.error(), context);

  json::object data;
  if (published->seq > 0) data["seq"] = published->seq;
  if (!topic.empty()) data["topic"] = topic;
  data["timestamp"] = rfc3339(published->time);
  data["recipients"] = published->reached;
  Response response = http::success(data);
  if (published->seq == 0) co_return response;
  co_return std::move(response).at({state.parts.epoch, published->seq});
}

}  // namespace

void add_publish_route(Routes& routes) {
  // Credentials and rates are for the handler.
  routes.add(http::Method::post, "/api/v1/publish", http::Access::probe, publish);
}

}  // namespace corohub::gateway
