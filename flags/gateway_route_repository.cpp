#include "flags/gateway_route_repository.hpp"

#include "storage/query.hpp"

namespace corohub::flags {
namespace {

// The columns in the order in which route_of() reads them.
#define COROHUB_GATEWAY_ROUTE_COLUMNS \
  "id, name, path, service_name, enabled, config, version, created_at, updated_at"

GatewayRoute route_of(const storage::Query& row) {
  GatewayRoute route;
  route.id = row.integer(0);
  route.name = row.text(1);
  route.path = row.text(2);
  route.service_name = row.text(3);
  route.enabled = row.integer(4) != 0;
  route.config = row.text(5);
  route.version = row.integer(6);
  route.created_at = row.integer(7);
  route.updated_at = row.integer(8);
  return route;
}

}  // namespace

template <class Source>
std::optional<GatewayRoute> find_gateway_route(Source& source, std::int64_t environment_id, std::int64_t id) {
  storage::Query query = source.query("SELECT " COROHUB_GATEWAY_ROUTE_COLUMNS
                                      " FROM gateway_routes WHERE id = ? AND environment_id = ?");
  query.bind(id, environment_id);
  if (!query.next()) return std::nullopt;
  return route_of(query);
}
template std::optional<GatewayRoute> find_gateway_route(storage::UnitOfWork&, std::int64_t, std::int64_t);
template std::optional<GatewayRoute> find_gateway_route(storage::Snapshot&, std::int64_t, std::int64_t);

template <class Source>
std::size_t count_gateway_routes(Source& source, std::int64_t environment_id) {
  storage::Query query = source.query("SELECT count(*) FROM gateway_routes WHERE environment_id = ?");
  query.bind(environment_id);
  return query.next() ? static_cast<std::size_t>(query.integer(0)) : 0;
}
template std::size_t count_gateway_routes(storage::UnitOfWork&, std::int64_t);
template std::size_t count_gateway_routes(storage::Snapshot&, std::int64_t);

std::vector<GatewayRoute> list_gateway_routes(storage::Snapshot& snapshot, std::int64_t environment_id,
                                              std::size_t skip, std::size_t count_max) {
  storage::Query query =
      snapshot.query("SELECT " COROHUB_GATEWAY_ROUTE_COLUMNS
                     " FROM gateway_routes WHERE environment_id = ? ORDER BY path LIMIT ? OFFSET ?");
  query.bind(environment_id, static_cast<std::int64_t>(count_max), static_cast<std::int64_t>(skip));
  std::vector<GatewayRoute> routes;
  while (query.next()) routes.push_back(route_of(query));
  return routes;
}

std::optional<std::int64_t> gateway_route_id(storage::UnitOfWork& work, std::int64_t environment_id,
                                             std::string_view path) {
  storage::Query query = work.query("SELECT id FROM gateway_routes WHERE environment_id = ? AND path = ?");
  query.bind(environment_id, path);
  if (!query.next()) return std::nullopt;
  return query.integer(0);
}

void insert_gateway_route(storage::UnitOfWork& work, std::int64_t environment_id, GatewayRoute& route) {
  route.created_at = route.updated_at = work.now();
  work.query(
          "INSERT INTO gateway_routes (environment_id, name, path, service_name, enabled, config, version, "
          "created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(environment_id, route.name, route.path, route.service_name, route.enabled, route.config,
            route.version, route.created_at, route.updated_at)
      .run();
  route.id = work.last_insert_id();
}

void save_gateway_route(storage::UnitOfWork& work, GatewayRoute& route) {
  ++route.version;
  route.updated_at = work.now();
  work.query(
          "UPDATE gateway_routes SET name = ?, path = ?, service_name = ?, enabled = ?, config = ?, version "
          "= "
          "?, updated_at = ? WHERE id = ?")
      .bind(route.name, route.path, route.service_name, route.enabled, route.config, route.version,
            route.updated_at, route.id)
      .run();
}

void delete_gateway_route(storage::UnitOfWork& work, std::int64_t id) {
  work.query("DELETE FROM gateway_routes WHERE id = ?").bind(id).run();
}

}  // namespace corohub::flags
