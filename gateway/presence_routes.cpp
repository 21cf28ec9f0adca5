// GET /api/v1/presence and GET /api/v1/topics/{topic...}/presence: who is online, and who is in a topic.
#include "core/integer.hpp"
#include "gateway/state.hpp"
#include "http/text.hpp"

#include <algorithm>
#include <utility>

namespace corohub::gateway {
namespace {

using http::Context;
using http::Response;

constexpr std::size_t users_max = 100;

Onlooker onlooker_of(const Context& context) {
  return {context.principal->user_id(), context.principal->role(), context.exempt};
}

Result<std::vector<UserId>> read_users(const http::Request& request) {
  const auto refused = [](std::string code, std::string message) {
    return Error(ErrorCode::validation_failed, "The query has invalid values.")
        .at("/users", std::move(code), std::move(message));
  };
  std::string_view rest = request.query_value("users").value_or("");
  if (rest.empty()) return refused("required", "Name 1 to 100 users.");
  std::vector<UserId> users;
  for (bool last = false; !last;) {
    last = rest.find(',') == std::string_view::npos;
    const std::string_view text = http::cut(rest, ',');
    const bool canonical = !text.empty() && text.front() >= '1' && text.front() <= '9' &&
                           std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
    const std::optional<std::int64_t> user = canonical ? parse_integer(text) : std::nullopt;
    if (!user || !is_exact(*user)) return refused("invalid_format", "Must be a list of user ids like 1,2,3.");
    if (users.size() == users_max) return refused("out_of_range", "Name 1 to 100 users.");
    users.push_back(*user);
  }
  return users;
}

Task<Response> get_online(GatewayState& state, Context& context) {
  const Result<std::vector<UserId>> users = read_users(context.request);
  if (!users) co_return http::fail(users.error(), context);
  Result<json::array> list = state.presence.who_is_online(*users, onlooker_of(context));
  if (!list) co_return http::fail(list.error(), context);
  co_return http::success(std::move(*list));
}

Task<Response> get_topic_presence(GatewayState& state, Context& context) {
  const std::string_view topic = context.param("topic");
  if (!hub::is_topic(topic))
    co_return http::fail(Error(ErrorCode::invalid_topic, "That is no name of a topic."), context);
  Result<json::object> who = state.presence.who_is_in(topic, onlooker_of(context));
  if (!who) co_return http::fail(who.error(), context);
  co_return http::success(std::move(*who));
}

}  // namespace

void add_presence_routes(Routes& routes) {
  routes.add(http::Method::get, "/api/v1/presence", http::Access::user, get_online);
  routes.add(http::Method::get, "/api/v1/topics/{topic...}/presence", http::Access::user, get_topic_presence);
}

}  // namespace corohub::gateway
