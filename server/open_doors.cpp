#include "server/open_doors.hpp"

#include "server/listen_address.hpp"

#include <algorithm>

namespace corohub::server {
namespace {

bool beyond_loopback(std::string_view source, const std::string& address) {
  return std::ranges::any_of(parse_listen(source, address).endpoints,
                             [](const auto& endpoint) { return !endpoint.address().is_loopback(); });
}

bool any_origin(const std::vector<std::string>& origins) {
  return std::ranges::find(origins, "*") != origins.end();
}

// A network without a prefix, however its zero is written.
bool is_everybody(const std::string& network) {
  const std::size_t slash = network.find('/');
  return slash != std::string::npos && network.find_first_not_of('0', slash + 1) == std::string::npos;
}

}  // namespace

std::vector<OpenDoor> open_doors(const Settings& settings) {
  std::vector<OpenDoor> doors;
  const bool exposed = std::ranges::any_of(
      settings.listen, [](const std::string& address) { return beyond_loopback("server.listen", address); });
  if (exposed)
    doors.push_back(
        {"listen.plain_http",
         "server.listen takes plain HTTP from other machines: unless a proxy with TLS is in front, "
         "passwords and tokens can be read on the way"});
  if (exposed && settings.gateway.query_token)
    doors.push_back({"query_token.exposed",
                     "ws.query_token takes tokens from addresses, which proxies and browsers write down; "
                     "switch it off unless a client needs it"});
  if (!settings.admin_listen.empty() && beyond_loopback("server.admin_listen", settings.admin_listen))
    doors.push_back(
        {"admin_listener.exposed", "server.admin_listen answers other machines, and asks nobody who he is"});
  if (any_origin(settings.http.cors_origins))
    doors.push_back({"cors.any", "http.cors_origins lets the pages of every site call the REST API"});
  if (any_origin(settings.gateway.allowed_origins))
    doors.push_back({"origins.any", "ws.allowed_origins lets the pages of every site connect"});
  if (!settings.exempt_cidrs.empty())
    doors.push_back({"limits.exempt", "limits.exempt_cidrs lifts every rate and connection limit"});
  if (std::ranges::any_of(settings.http.trusted_proxies, is_everybody))
    doors.push_back(
        {"proxy.anybody",
         "proxy.trusted_cidrs names everybody: whoever connects says himself which address counts"});
  if (settings.gateway.echo) doors.push_back({"diagnostics.echo", "/ws/echo takes anyone on loopback"});
  if (settings.gateway.socketio.testkit)
    doors.push_back(
        {"diagnostics.socketio_testkit", "/engine.io/ and test namespaces take anyone on loopback"});
  return doors;
}

}  // namespace corohub::server
