// GET and DELETE /api/v1/admin/connections: who is connected, and the end of one connection.
#include "auth/policy.hpp"
#include "core/integer.hpp"
#include "gateway/publish_and_wait.hpp"
#include "gateway/state.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include <boost/asio/co_spawn.hpp>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

constexpr std::size_t per_page_default = 20;
constexpr std::size_t per_page_max = 100;
constexpr std::size_t page_max = 1'000'000;

// Runs on the shard it asks.
Task<std::vector<hub::MemberInfo>> members_of(hub::Shard& shard) { co_return shard.list(); }

// Oldest first.
Task<std::vector<hub::MemberInfo>> all_members(hub::Hub& hub) {
  std::vector<hub::MemberInfo> all;
  for (hub::Shard* shard : hub.shards()) {
    std::vector<hub::MemberInfo> some =
        co_await asio::co_spawn(shard->context().get_executor(), members_of(*shard), use_task);
    std::ranges::move(some, std::back_inserter(all));
  }
  std::ranges::sort(
      all, {}, [](const hub::MemberInfo& info) { return std::tuple(info.connected_at, info.client_id); });
  co_return all;
}

json::object to_json(const hub::MemberInfo& info) {
  json::object object;
  object["client_id"] = info.client_id.text();
  object["user_id"] = info.user_id;
  object["role"] = name(info.role);
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

Task<Response> list_connections(GatewayState& state, Context& context) {
  const Result<std::size_t> page = read_number(context.request, "page", 1, page_max);
  if (!page) co_return http::fail(page.error(), context);
  const Result<std::size_t> per_page =
      read_number(context.request, "per_page", per_page_default, per_page_max);
  if (!per_page) co_return http::fail(per_page.error(), context);

  const std::vector<hub::MemberInfo> all = co_await all_members(state.parts.hub);
  json::array data;
  const std::size_t first = std::min(all.size(), (*page - 1) * *per_page);
  const std::size_t last = std::min(all.size(), first + *per_page);
  for (std::size_t i = first; i < last; ++i) data.push_back(to_json(all[i]));
  json::object meta;
  meta["page"] = *page;
  meta["per_page"] = *per_page;
  meta["total"] = all.size();
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
    storage::Query owner = work.query("SELECT role FROM users WHERE id = ?");
    owner.bind(target_.user_id);
    if (owner.next()) target_.role = parse_role(owner.text(0)).value_or(target_.role);
    if (!may_kick(audit_.actor, *actor, target_))
      return Error(ErrorCode::forbidden, "The connection belongs to someone of your rank or above.");
    record(work, audit_);
    return storage::Nothing{};
  }

 private:
  hub::MemberInfo target_;
  AuditRow audit_;
};

Task<std::optional<hub::MemberInfo>> find_member(hub::Hub& hub, ClientId client) {
  std::vector<hub::MemberInfo> all = co_await all_members(hub);
  const auto found = std::ranges::find(all, client, &hub::MemberInfo::client_id);
  if (found == all.end()) co_return std::nullopt;
  co_return std::move(*found);
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
  KickUnit unit(*target, audit_row(context, "connection.kick", target->user_id, std::move(detail)));
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
