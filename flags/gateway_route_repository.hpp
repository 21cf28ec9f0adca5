// Routes of gateways as rows. Errors of storage are thrown.
#pragma once

#include "flags/gateway_route.hpp"
#include "storage/unit_of_work.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace corohub::flags {

// Null: there is none in this environment. `Source`: a UnitOfWork or a Snapshot.
template <class Source>
std::optional<GatewayRoute> find_gateway_route(Source& source, std::int64_t environment_id, std::int64_t id);
template <class Source>
std::size_t count_gateway_routes(Source& source, std::int64_t environment_id);
// Some of them, in the order of their paths.
std::vector<GatewayRoute> list_gateway_routes(storage::Snapshot& snapshot, std::int64_t environment_id,
                                              std::size_t skip, std::size_t count_max);
// Of the route with this path; null: there is none.
std::optional<std::int64_t> gateway_route_id(storage::UnitOfWork& work, std::int64_t environment_id,
                                             std::string_view path);

// Sets id and times.
void insert_gateway_route(storage::UnitOfWork& work, std::int64_t environment_id, GatewayRoute& route);
// Sets the next version and the time.
void save_gateway_route(storage::UnitOfWork& work, GatewayRoute& route);
void delete_gateway_route(storage::UnitOfWork& work, std::int64_t id);

}  // namespace corohub::flags
