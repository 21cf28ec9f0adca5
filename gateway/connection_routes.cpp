// GET and DELETE /api/v1/admin/connections: who is connected, and the end of one connection.
#include "auth/policy.hpp"
#include "core/integer.hpp"
#include "gateway/audit.hpp"
#include "gateway/session/live_account.hpp"
#include "gateway/session/publish_and_wait.hpp"
#include "gateway/state.hpp"

#include <algorithm>
#include <utility>

#include <boost/asio/co_spawn.hpp>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

constexpr std::size_t limit_default = 20;
constexpr std::size_t limit_max = 100;
constexpr std::size_t page_max = 100;  // by number; a cursor goes on anywhere

// Some connections in the order of their client ids, over all shards.
struct Page {
  std::vector<hub::MemberInfo> members;
  std::size_t total = 0;  // of all connections
  bool more = false;
};

struct Part {
  std::vector<hub::MemberInfo> members;
  std::size_t total = 0;
};

// Runs on the shard it asks.
Task<Part> part_of(hub::Shard& shard, ClientId after, std::size_t most) {
  Part part;
  part.members = shard.list(most, after);
  part.total = shard.size();
  co_return part;
}

Task<Page> read_page(hub::Hub& hub, ClientId after, std::size_t limit) {
  Page page;
  for (hub::Shard* shard : hub.shards()) {
    Part part =
        co_await asio::co_spawn(shard->context().get_executor(), part_of(*shard, after, limit + 1), use_task);
    std::ranges::move(part.members, std::back_inserter(page.members));
    page.total += part.total;
  }
  std::ranges::sort(page.members, {}, &hub::MemberInfo::client_id);
  page.more = page.members.size() > limit;
  if (page.more) page.members.resize(limit);
  co_return page;
}

std::string_view kind_of(const hub::MemberInfo& info) noexcept {
  if (info.is_guest) return "guest";
  if (info.key == nullptr) return "user";
  return info.key->client_id != 0 ? "client" : "service";
}

json::object to_json(const hub::MemberInfo& info) {
  json::object object;
  object["client_id"] = info.client_id.text();
  object["user_id"] = info.user_id == 0 ? json::value() : json::value(info.user_id);  // a guest, or a key
  object["role"] = info.is_guest ? json::value() : json::value(name(info.role));
  object["kind"] = kind_of(info);
  object["key_id"] = info.key != nullptr ? json::value(info.key->key_id) : json::value();
  const bool of_client = info.key != nullptr && info.key->client_id != 0;
  object["flag_client_id"] = of_client ? json::value(info.key->client_id) : json::value();
  object["transport"] = info.transport;
  object["ip"] = info.ip;
  object["connected_at"] = rfc3339(info.connected_at);
  return object;
}

Result<std::size_t> read_number(const http::Request& request, std::string_view key, std::size_t otherwise,
                                std::size_t max) {
  const std::optional<std::string_view> text = request.query_value(key);
  if (!text) return otherwise;
  const std::optional<std::int64_t> number = parse_integer(*text);
  if (number && *number >= 1 && std::cmp_less_equal(*number, max)) return static_cast<std::size_t>(*number);
  return Error(ErrorCode::validation_failed, "The query has invalid values.")
      .at("/" + std::string(key), "out_of_range",
          "Must be an integer from 1 to " + std::to_string(max) + ".");
}

Result<ClientId> read_cursor(const http::Request& request) {
  ClientId after;
  const std::optional<std::string_view> text = request.query_value("cursor");
  if (!text || text->empty() || Uuid::parse(*text, after)) return after;
  return Error(ErrorCode::validation_failed, "The query has invalid values.")
      .at("/cursor", "invalid_format", "Must be the meta.next of a page.");
}

// Also by number, as it was asked for earlier: then it goes through the pages before.
Task<Response> list_connections(GatewayState& state, Context& context) {
  const http::Request& request = context.request;
  const Result<ClientId> cursor = read_cursor(request);
  if (!cursor) co_return http::fail(cursor.error(), context);
  const bool numbered = request.query_value("page") || request.query_value("per_page");
  const Result<std::size_t> number = read_number(request, "page", 1, page_max);
  if (!number) co_return http::fail(number.error(), context);
  const Result<std::size_t> limit =
      read_number(request, request.query_value("limit") ? "limit" : "per_page", limit_default, limit_max);
  if (!limit) co_return http::fail(limit.error(), context);

  Page page = co_await read_page(state.parts.hub, *cursor, *limit);
  for (std::size_t passed = 1; passed < *number; ++passed) {
    if (!page.more) {
      page.members.clear();
      break;
    }
    page = co_await read_page(state.parts.hub, page.members.back().client_id, *limit);
  }
  json::array data;
  for (const hub::MemberInfo& info : page.members) data.push_back(to_json(info));
  json::object meta;
  if (numbered) {
    meta["page"] = *number;
    meta["per_page"] = *limit;
  }
  meta["total"] = page.total;
  if (page.more && !page.members.empty()) meta["next"] = page.members.back().client_id.text();
  co_return http::success(data, meta);
}

// ---- kick ----

// One's own connections may be ended at any rank.
bool may_kick(UserId actor, Role role, const hub::MemberInfo& target) noexcept {
  return actor == target.user_id || auth::may_act_on(role, target.role);
}

// On the writer's thread, before the kick: the right by what is stored, and the trail.
class KickUnit {
 public:
  KickUnit(hub::MemberInfo target, AuditRow audit) : target_(std::move(target)), audit_(std::move(audit)) {}

  Result<storage::Nothing> operator()(storage::UnitOfWork& work) {
    const Result<Role> actor = live_admin(work, audit_.actor);
    if (!actor) return actor.error();
    if (const std::optional<LiveAccount> owner = find_live_account(work, target_.user_id))
      target_.role = owner->role;
    if (!may_kick(audit_.actor, *actor, target_))
      return Error(ErrorCode::forbidden, "The connection belongs to someone of your rank or above.");
    record(work, audit_);
    return storage::Nothing{};
  }

 private:
  hub::MemberInfo target_;
  AuditRow audit_;
};

// Runs on the shard it asks.
Task<std::optional<hub::MemberInfo>> find_in(hub::Shard& shard, ClientId client) {
  co_return shard.find(client);
}

Task<std::optional<hub::MemberInfo>> find_member(hub::Hub& hub, ClientId client) {
  for (hub::Shard* shard : hub.shards()) {
    std::optional<hub::MemberInfo> found =
        co_await asio::co_spawn(shard->context().get_executor(), find_in(*shard, client), use_task);
    if (found) co_return found;
  }
  co_return std::nullopt;
}

Task<Response> kick(GatewayState& state, Context& context) {
  const Error missing(ErrorCode::not_found, "There is no such connection.");
  ClientId client;
  if (!Uuid::parse(context.param("client_id"), client)) co_return http::fail(missing, context);
  const std::optional<hub::MemberInfo> target = co_await find_member(state.parts.hub, client);
  if (!target) co_return http::fail(missing, context);
  if (!may_kick(context.principal->user_id(), context.principal->role(), *target))
    co_return http::fail(
        Error(ErrorCode::forbidden, "The connection belongs to someone of your rank or above."), context);

  json::object detail;
  detail["client_id"] = client.text();
  const std::optional<UserId> whose = target->user_id == 0 ? std::nullopt : std::optional(target->user_id);
  AuditRow audit = audit_row(context, "connection.kick", whose, std::move(detail));
  audit.entity = "connections/" + client.text();
  KickUnit unit(*target, std::move(audit));
  const auto recorded = co_await state.parts.writer.commit(std::move(unit));
  if (!recorded) co_return http::fail(recorded.error(), context);
  hub::Entry entry(hub::Kick{client});
  const Result<std::uint32_t> ended = co_await publish_and_wait(state.parts.hub, std::move(entry));
  if (!ended) co_return http::fail(ended.error(), context);
  if (*ended == 0) co_return http::fail(missing, context);
  co_return http::no_content();
}

}  // namespace

void add_connection_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/v1/admin/connections", http::Access::admin, list_connections);
  routes.add(http::Method::del, "/api/v1/admin/connections/{client_id}", http::Access::admin, kick);
}

}  // namespace corohub::gateway
