// …/environments/{environment}/routes: what gateways of APIs are configured with, and fetch.
#include "flags/answers.hpp"
#include "flags/gateway_route_change.hpp"
#include "flags/gateway_route_repository.hpp"
#include "flags/lists.hpp"
#include "flags/manager.hpp"

#include <optional>
#include <utility>

namespace corohub::flags {
namespace {

using http::Context;
using http::fail;
using http::Method;
using http::Response;

using RouteOutcome = Result<storage::Committed<GatewayRoute>>;

Response route_answer(FlagServices& services, const Context& context,
                      const storage::Committed<GatewayRoute>& changed, int status = 200) {
  return at(services, context, entity_answer(to_json(changed.value), changed.value.version, {}, status),
            changed.seq);
}

// The position is that before the look: nothing that comes later is missed.
Task<Response> get_routes(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read_routes);
  if (!manager) co_return fail(manager.error(), context);
  const Result<Page> page = read_page(context.request);
  if (!page) co_return fail(page.error(), context);
  const Result<EnvironmentRef> environment = place_of(services, context);
  if (!environment) co_return fail(environment.error(), context);
  const Seq seq = services.parts.applied_seq(context.shard);
  auto read = [id = (*environment)->id, page = *page](storage::Snapshot& snapshot) -> Result<Response> {
    const std::size_t total = count_gateway_routes(snapshot, id);
    const std::size_t begin = page.begin(total);
    json::array list;
    for (const GatewayRoute& route : list_gateway_routes(snapshot, id, begin, page.end(total) - begin))
      list.push_back(to_json(route));
    return data_answer(list, page_meta(page, total));
  };
  Result<Response> list = co_await services.parts.list_readers.read(std::move(read));
  if (!list) co_return fail(list.error(), context);
  co_return at(services, context, std::move(*list), seq);
}

Task<Response> get_route(FlagServices& services, Context& context) {
  const Result<Manager> manager = co_await read_manager(services, context, Right::read_routes);
  if (!manager) co_return fail(manager.error(), context);
  const Result<EnvironmentRef> environment = place_of(services, context);
  if (!environment) co_return fail(environment.error(), context);
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return fail(id.error(), context);
  const Seq seq = services.parts.applied_seq(context.shard);
  auto read = [place = (*environment)->id, id = *id](storage::Snapshot& snapshot) -> Result<GatewayRoute> {
    std::optional<GatewayRoute> found = find_gateway_route(snapshot, place, id);
    if (!found) return no_gateway_route();
    return std::move(*found);
  };
  const Result<GatewayRoute> route = co_await services.parts.readers.read(std::move(read));
  if (!route) co_return fail(route.error(), context);
  std::string tag = version_tag(route->version);
  if (is_known(context.request, tag)) co_return at(services, context, not_modified(std::move(tag)), seq);
  co_return at(services, context, entity_answer(to_json(*route), route->version), seq);
}

Task<Response> post_route(FlagServices& services, Context& context) {
  Result<Change> change = co_await begin_change(services, context, Matching::optional);
  if (!change) co_return fail(change.error(), context);
  const Result<EnvironmentRef> environment = place_of(services, context);
  if (!environment) co_return fail(environment.error(), context);
  Result<GatewayRoute> route = co_await read_body(services, context.request, read_new_gateway_route);
  if (!route) co_return fail(route.error(), context);
  GatewayRouteChange unit(services, std::move(*change), (*environment)->key, std::move(*route));
  const RouteOutcome made =
      co_await services.parts.writer.commit(std::move(unit), weight_of(context.request));
  if (!made) co_return fail(made.error(), context);
  co_return route_answer(services, context, *made, 201)
      .with("Location", context.request.path + '/' + std::to_string(made->value.id));
}

// Whatever is to become of a route that is there; nothing in `wanted`: what the body says.
Task<RouteOutcome> change_route(FlagServices& services, Context& context, GatewayRouteChange::Wanted wanted) {
  Result<Change> change = co_await begin_change(services, context);
  if (!change) co_return change.error();
  const Result<EnvironmentRef> environment = place_of(services, context);
  if (!environment) co_return environment.error();
  const Result<std::int64_t> id = context.id_param("id");
  if (!id) co_return id.error();
  if (!wanted) {
    Result<json::object> body = co_await read_body(services, context.request, keep_body);
    if (!body) co_return body.error();
    const bool whole = context.request.method == Method::put;
    wanted = [body = std::move(*body),
              whole](const GatewayRoute& before) -> Result<std::optional<GatewayRoute>> {
      Result<GatewayRoute> read =
          whole ? read_gateway_route(before, body) : patch_gateway_route(before, body);
      if (!read) return read.error();
      return std::optional(std::move(*read));
    };
  }
  GatewayRouteChange unit(services, std::move(*change), (*environment)->key, *id, std::move(wanted));
  co_return co_await services.parts.writer.commit(std::move(unit), weight_of(context.request));
}

// PUT and PATCH.
Task<Response> set_route(FlagServices& services, Context& context) {
  GatewayRouteChange::Wanted by_the_body;
  const RouteOutcome changed = co_await change_route(services, context, std::move(by_the_body));
  if (!changed) co_return fail(changed.error(), context);
  co_return route_answer(services, context, *changed);
}

Task<Response> delete_route(FlagServices& services, Context& context) {
  GatewayRouteChange::Wanted nothing = [](const GatewayRoute&) {
    return Result<std::optional<GatewayRoute>>(std::nullopt);
  };
  const RouteOutcome gone = co_await change_route(services, context, std::move(nothing));
  if (!gone) co_return fail(gone.error(), context);
  co_return at(services, context, http::no_content(), gone->seq);
}

}  // namespace

void add_gateway_routes(Routes& routes) {
  const std::string all = "/api/v1/namespaces/{namespace}/environments/{environment}/routes";
  const std::string one = all + "/{id}";
  routes.add(Method::get, all, get_routes, definition_body_bytes_max);
  routes.add(Method::post, all, post_route, definition_body_bytes_max);
  routes.add(Method::get, one, get_route, definition_body_bytes_max);
  routes.add(Method::put, one, set_route, definition_body_bytes_max);
  routes.add(Method::patch, one, set_route, definition_body_bytes_max);
  routes.add(Method::del, one, delete_route, definition_body_bytes_max);
}

}  // namespace corohub::flags
