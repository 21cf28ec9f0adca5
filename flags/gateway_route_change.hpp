// One change of a gateway's route: its row, its audit row, its event for administrators, and what gateways
// have to forget. A unit for the writer.
#pragma once

#include "flags/change_unit.hpp"
#include "flags/gateway_route.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace corohub::flags {

class GatewayRouteChange {
 public:
  // What is to be there instead; nothing: the route is to go.
  using Wanted = std::function<Result<std::optional<GatewayRoute>>(const GatewayRoute& before)>;

  // A new route.
  GatewayRouteChange(FlagServices& services, Change change, std::string environment, GatewayRoute made);
  // A change of one that is there, if it has the version that was asked for.
  GatewayRouteChange(FlagServices& services, Change change, std::string environment, std::int64_t id,
                     Wanted wanted);

  // The route as it is afterwards, or as it was before it went. Errors: those of check_right(), not_found,
  // version_mismatch, key_taken, limit_reached, and those of `wanted`.
  Result<GatewayRoute> operator()(storage::UnitOfWork& work);

 private:
  using Maybe = std::optional<GatewayRoute>;

  Result<> judge(storage::UnitOfWork& work, const Maybe& before, const GatewayRoute& after) const;
  void write(storage::UnitOfWork& work, const Maybe& before, Maybe& after) const;
  void record(storage::UnitOfWork& work, const Maybe& before, const Maybe& after) const;
  void tell(storage::UnitOfWork& work, const Maybe& before, const Maybe& after) const;

  FlagServices& services_;
  Change change_;
  std::string environment_;  // key
  std::int64_t id_ = 0;      // 0: a new one
  Wanted wanted_;
  NamespaceRef name_space_;
  std::int64_t environment_id_ = 0;
};

}  // namespace corohub::flags
