// POST /api/v1/config-events, which tells gateways what to forget, and POST …/config-sync, which tells
// clients to fetch everything again.
#include "eventlog/event_log.hpp"
#include "flags/answers.hpp"
#include "flags/bodies.hpp"
#include "flags/cache_events.hpp"
#include "flags/cache_order.hpp"
#include "flags/change_unit.hpp"
#include "flags/manager.hpp"
#include "http/fields.hpp"
#include "users/audit.hpp"

#include <utility>

#include <boost/json/parse.hpp>

namespace corohub::flags {
namespace {

using http::Context;
using http::fail;
using http::Method;
using http::Response;

// ---- to gateways ----

void record(storage::UnitOfWork& work, const Author& author, std::string_view action, json::object detail,
            std::string_view entity) {
  detail["comment"] = author.comment.empty() ? json::value() : json::value(author.comment);
  if (author.service_key) detail["service_key"] = *author.service_key;
  users::record(work, author.caller, action, std::nullopt, detail, entity);
}

Task<Response> post_config_event(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::emit);
  if (!manager) co_return fail(manager.error(), context);
  Result<std::string> comment = read_comment(context.request);
  if (!comment) co_return fail(comment.error(), context);
  const Result<CacheOrder> order = co_await read_body(services, context.request, read_cache_order);
  if (!order) co_return fail(order.error(), context);
  auto unit = [gateways = services.directories.gateways(), order = *order,
               author = manager->author(Source::api, std::move(*comment))](
                  storage::UnitOfWork& work) -> Result<storage::Nothing> {
    if (const Result<> right = check_right(work, author, Right::emit, {}); !right) return right.error();
    hub::EventDraft draft = draft_of(order.event, gateways, work.now(), order.source);
    json::object detail = json::parse(draft.data).as_object();
    const Seq seq = eventlog::append(work, std::move(draft));
    detail["seq"] = seq;
    record(work, author, "config.emit", std::move(detail), "config-events/" + std::to_string(seq));
    return storage::Nothing{};
  };
  const auto done = co_await services.parts.writer.commit(std::move(unit), weight_of(context.request));
  if (!done) co_return fail(done.error(), context);
  json::object data;
  data["seq"] = done->seq;
  data["recipients"] = done->reached;
  co_return at(services, context, data_answer(data), done->seq);
}

// ---- to clients ----

constexpr std::size_t member_max = 1'024;  // code points of each text

std::optional<std::string> read_member(http::Fields& fields, std::string_view key) {
  if (fields.is_null(key)) return std::nullopt;
  return fields.text(key, {.max = member_max});
}

struct SyncBody {
  std::optional<std::string> client;
  std::string reason;
};

Result<SyncBody> read_sync_body(const json::object& body) {
  SyncBody sync;
  http::Fields fields(body);
  refuse_unknown(fields, body, {"client", "reason"});
  sync.client = read_member(fields, "client");
  sync.reason = read_member(fields, "reason").value_or("requested");
  if (const Result<> good = fields.result(); !good) return good.error();
  return sync;
}

std::optional<std::int64_t> find_client(storage::UnitOfWork& work, std::int64_t namespace_id,
                                        std::string_view key) {
  storage::Query query = work.query("SELECT id FROM clients WHERE namespace_id = ? AND key = ?");
  query.bind(namespace_id, key);
  if (!query.next()) return std::nullopt;
  return query.integer(0);
}

class SyncUnit {
 public:
  SyncUnit(FlagServices& services, std::string name_space, Author author, SyncBody body)
      : services_(services),
        name_space_(std::move(name_space)),
        author_(std::move(author)),
        body_(std::move(body)) {}

  Result<storage::Nothing> operator()(storage::UnitOfWork& work) {
    if (const Result<> right = check_right(work, author_, Right::write, name_space_); !right)
      return right.error();
    const NamespaceRef there = services_.copies.find(work, name_space_);
    if (!there) return no_namespace();
    SyncOrder order;
    order.name_space = there->key;
    order.namespace_id = there->id;
    order.version = there->version;
    order.reason = body_.reason;
    if (body_.client) {
      const std::optional<std::int64_t> id = find_client(work, there->id, *body_.client);
      if (!id)
        return Error(ErrorCode::validation_failed, "The body has invalid members.")
            .at("/client", "unknown_value", "There is no such client.");
      order.client = body_.client;
      order.client_id = *id;
    }
    const Seq seq = eventlog::append(work, draft_of(order, author_.caller.user_id));
    json::object detail;
    detail["namespace"] = there->key;
    detail["client"] = body_.client ? json::value(*body_.client) : json::value();
    detail["reason"] = body_.reason;
    detail["seq"] = seq;
    record(work, author_, "config.sync", std::move(detail), there->key);
    return storage::Nothing{};
  }

 private:
  FlagServices& services_;
  std::string name_space_;
  Author author_;
  SyncBody body_;
};

Task<Response> post_config_sync(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::write);
  if (!manager) co_return fail(manager.error(), context);
  if (manager->service_key) co_return fail(no_scope(), context);
  Result<std::string> comment = read_comment(context.request);
  if (!comment) co_return fail(comment.error(), context);
  const Result<NamespaceRef> name_space = namespace_of(services, context);
  if (!name_space) co_return fail(name_space.error(), context);
  Result<SyncBody> body = read_sync_body({});
  if (!context.request.body.empty()) body = co_await read_body(services, context.request, read_sync_body);
  if (!body) co_return fail(body.error(), context);
  json::object data;
  data["namespace"] = (*name_space)->key;
  data["client"] = body->client ? json::value(*body->client) : json::value();
  data["reason"] = body->reason;
  SyncUnit unit(services, (*name_space)->key, manager->author(Source::api, std::move(*comment)),
                std::move(*body));
  const auto done = co_await services.parts.writer.commit(std::move(unit), weight_of(context.request));
  if (!done) co_return fail(done.error(), context);
  data["seq"] = done->seq;
  data["recipients"] = done->reached;
  co_return at(services, context, data_answer(data), done->seq);
}

}  // namespace

void add_config_routes(Routes& routes) {
  routes.add(Method::post, "/api/v1/config-events", post_config_event);
  routes.add(Method::post, "/api/v1/namespaces/{namespace}/config-sync", post_config_sync);
}

}  // namespace corohub::flags
