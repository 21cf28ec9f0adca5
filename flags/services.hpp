// Everything the routes of this room work with. For this room only; flags.hpp is what others see.
#pragma once

#include "flags/copies.hpp"
#include "flags/flags.hpp"
#include "flags/override_expiry.hpp"
#include "flags/schedule.hpp"

#include <utility>

namespace corohub::flags {

struct FlagServices {
  FlagServices(FlagsParts its_parts, FlagsSettings its_settings)
      : parts(std::move(its_parts)),
        settings(its_settings),
        directories(parts.clock, settings.gateways),
        schedule(parts.writer, copies, directories, parts.clock),
        expiry(parts.writer, copies, directories, parts.clock) {}

  const FlagsParts parts;
  const FlagsSettings settings;
  Directories directories;
  Copies copies;  // writer's thread
  Schedule schedule;
  OverrideExpiry expiry;
};

using RouteFunction = Task<http::Response> (*)(FlagServices&, http::Context&);

class Routes {
 public:
  Routes(http::Router& router, std::shared_ptr<FlagServices> services)
      : router_(router), services_(std::move(services)) {}

  // Credentials and rates are for the handler: see flags/manager.hpp. `body_max` in bytes; 0: as the server's
  // settings say.
  void add(http::Method method, std::string_view pattern, RouteFunction function, std::size_t body_max = 0) {
    http::RouteOptions options;
    options.body_max = body_max;
    router_.add(
        method, std::string(pattern), http::Access::holder,
        [services = services_, function](http::Context& context) { return function(*services, context); }, {},
        std::move(options));
  }

 private:
  http::Router& router_;
  std::shared_ptr<FlagServices> services_;
};

// Bodies with a definition: its 48 KiB as a client may write them, with blanks and escapes. All routes of one
// path take the same.
inline constexpr std::size_t definition_body_bytes_max = 128 << 10;

void add_namespace_routes(Routes& routes);   // /api/v1/namespaces, …/environments
void add_flag_routes(Routes& routes);        // …/flags
void add_definition_routes(Routes& routes);  // …/environments/{environment}/flags
void add_evaluate_route(Routes& routes);     // …/flags/{flag}/evaluate
void add_segment_routes(Routes& routes);     // …/segments
void add_platform_routes(Routes& routes);    // …/platforms
void add_package_routes(Routes& routes);     // …/packages
void add_import_routes(Routes& routes);      // …/export, …/import, …/copy
void add_schedule_routes(Routes& routes);    // …/schedule
void add_gateway_routes(Routes& routes);     // …/environments/{environment}/routes
void add_config_routes(Routes& routes);      // /api/v1/config-events, …/config-sync
void add_client_routes(Routes& routes);      // …/clients, …/overrides
void add_client_key_routes(Routes& routes);  // …/clients/{client}/keys

}  // namespace corohub::flags
