// /api/v1/topics/{topic}/events and /history: a topic over REST.
#include "gateway/entrance.hpp"
#include "gateway/publish_request.hpp"
#include "gateway/session/event_query.hpp"
#include "gateway/session/topic_history.hpp"

#include <utility>

#include <boost/json/serialize.hpp>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

Result<std::string> read_topic(const Context& context) {
  const std::string_view topic = context.param("topic");
  if (!hub::is_topic(topic)) return Error(ErrorCode::invalid_topic, "That is no name of a topic.");
  return std::string(topic);
}

// ---- publish ----

Task<Response> publish(GatewayState& state, Context& context) {
  const UserId user = context.principal->user_id();
  if (const std::optional<Error> error = take(state.publishes, context, std::to_string(user)))
    co_return http::fail(*error, context);
  Result<std::string> topic = read_topic(context);
  if (!topic) co_return http::fail(topic.error(), context);
  Result<Publication> publication = read_publication(context.request);
  if (!publication) co_return http::fail(publication.error(), context);
  publication->topic = *topic;
  const Author author{.user_id = user, .role = context.principal->role(), .exempt = context.exempt};
  Result<PublishOrder> order = state.publishing.accept(author, std::move(*publication));
  if (!order) co_return http::fail(order.error(), context);
  const Result<Published> published = co_await state.publishing.publish(std::move(*order));
  if (!published) co_return http::fail(published.error(), context);

  Response response;
  response.body = R"({"success":true,"data":)" + answer_text(*published, *topic) + "}";
  if (published->seq == 0) co_return response;
  co_return std::move(response).at({state.parts.epoch, published->seq});
}

// ---- history ----

Result<HistoryRequest> read_history_request(const GatewayState& state, const Context& context,
                                            const hub::Identity& who) {
  Result<std::string> topic = read_topic(context);
  if (!topic) return topic.error();
  const Result<std::size_t> limit = read_limit(context.request);
  if (!limit) return limit.error();
  Result<std::optional<Position>> since = read_since(context.request);
  if (!since) return since.error();
  const Desk& desk = state.desk(context.shard);
  const hub::TopicRule* rule = desk.topics.readable(*topic, who);
  if (rule == nullptr) return may_not_read();
  return HistoryRequest{std::move(*topic), *rule, desk.shard.head(), std::move(*since), *limit};
}

std::string body_of(const std::string& events, bool more, const Position& next) {
  json::object meta;
  meta["epoch"] = next.epoch;
  meta["next"] = next.text();
  meta["more"] = more;
  return R"({"success":true,"data":[)" + events + R"(],"meta":)" + json::serialize(meta) + "}";
}

Task<Response> get_history(GatewayState& state, Context& context) {
  const Result<Entrant> entrant = co_await authenticate(state, context, false);
  if (!entrant) co_return http::fail(entrant.error(), context);
  const Result<HistoryRequest> request = read_history_request(state, context, entrant->identity());
  if (!request) co_return http::fail(request.error(), context);
  const Result<HistoryPage> page =
      co_await read_history(state.parts.readers, *request, state.parts.epoch, state.parts.clock.unix_ms());
  if (!page) co_return http::fail(page.error(), context);
  // The right is judged now: it may have been lost while the log was read.
  const Desk& desk = state.desk(context.shard);
  const Result<Entrant> reader = judge_again(desk, *entrant);
  if (!reader) co_return http::fail(reader.error(), context);
  const TopicRights& rights = desk.topics;
  const hub::Identity& who = reader->identity();
  if (rights.readable(request->topic, who) == nullptr) co_return http::fail(may_not_read(), context);
  if (!page->gap.empty())
    co_return gap_response(context, {state.parts.epoch, page->head}, gap_of(*page).detail);

  const Position next{state.parts.epoch, page->next};
  Response response;
  response.body = body_of(visible_texts(*page, rights, who), page->more, next);
  co_return std::move(response).at(next);
}

}  // namespace

void add_topic_routes(Routes& routes) {
  routes.add(http::Method::post, "/api/v1/topics/{topic...}/events", http::Access::user, publish);
  routes.add(http::Method::get, "/api/v1/topics/{topic...}/history", http::Access::holder, get_history);
}

}  // namespace corohub::gateway
