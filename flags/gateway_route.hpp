// A route that a gateway of APIs serves: which path belongs to which service. Not to be mixed up with the
// routes that this server answers. Plain values, and what bodies say of them; pure.
#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/json.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace corohub::flags {

inline constexpr std::size_t gateway_routes_max = 5'000;           // of an environment
inline constexpr std::size_t gateway_path_max = 512;               // code points; of a name, too
inline constexpr std::size_t gateway_service_max = 128;            // code points
inline constexpr std::size_t gateway_config_bytes_max = 32 << 10;  // as JSON without blanks

struct GatewayRoute {
  std::int64_t id = 0;
  std::string name;  // the path, if nobody says another
  std::string path;
  std::string service_name;  // empty: none
  bool enabled = true;
  std::string config = "{}";  // JSON text of an object
  std::int64_t version = 1;
  UnixMs created_at = 0;
  UnixMs updated_at = 0;
};

// Whether a client that sets its members would set the same.
bool says_the_same(const GatewayRoute& one, const GatewayRoute& other);
json::object to_json(const GatewayRoute& route);

// Bodies. What only the server sets is of `base`, or of a new route. Errors: validation_failed and
// field_not_allowed with every rejected member.
Result<GatewayRoute> read_new_gateway_route(const json::object& body);
Result<GatewayRoute> read_gateway_route(const GatewayRoute& base, const json::object& body);
Result<GatewayRoute> patch_gateway_route(const GatewayRoute& base, const json::object& patch);  // RFC 7396

}  // namespace corohub::flags
