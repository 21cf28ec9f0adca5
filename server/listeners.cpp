#include "server/listeners.hpp"

#include "server/listen_address.hpp"
#include "server/services.hpp"

#include <algorithm>
#include <cstddef>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>

namespace corohub::server {
namespace {

bool no_such_address(const boost::system::error_code& error) {
  return error == boost::asio::error::address_family_not_supported ||
         error == boost::system::errc::address_not_available;
}

[[noreturn]] void refuse(const std::string& address, const boost::system::error_code& error) {
  const bool busy = error == boost::asio::error::address_in_use;
  throw storage::StartError(busy ? exit_busy : exit_io,
                            fmt::format("cannot listen on {}: {}", address, error.message()));
}

// The first shard finds the port, the others join it.
Endpoint listen_on_every_shard(Shards& shards, const Endpoint& endpoint) {
  const Endpoint bound = shards.first().server().listen(endpoint, true);
  for (std::size_t i = 1; i < shards.size(); ++i) shards[i].server().listen(bound, false);
  return bound;
}

void listen_on(const ListenAddress& address, Shards& shards, std::vector<Endpoint>& endpoints) {
  Endpoint bound;
  for (std::size_t i = 0; i < address.endpoints.size(); ++i) {
    Endpoint endpoint = address.endpoints[i];
    const bool any_port = endpoint.port() == 0;
    if (i > 0) endpoint.port(bound.port());  // both addresses of `localhost` have the same port
    try {
      bound = listen_on_every_shard(shards, endpoint);
      endpoints.push_back(bound);
    } catch (const boost::system::system_error& error) {
      const bool optional = i > 0 && address.ipv6_optional;
      if (!optional || !(any_port || no_such_address(error.code()))) throw;
    }
  }
}

std::optional<Endpoint> listen_for_admin(const Settings& settings, http::ShardServer& admin) {
  if (settings.admin_listen.empty()) return std::nullopt;
  const ListenAddress address = parse_listen("server.admin_listen", settings.admin_listen);
  try {
    return admin.listen(address.endpoints.front(), true);
  } catch (const boost::system::system_error& error) {
    refuse(settings.admin_listen, error.code());
  }
}

}  // namespace

bool all_on_loopback(const std::vector<std::string>& listen) {
  return std::ranges::all_of(listen, [](const std::string& text) {
    const ListenAddress address = parse_listen("server.listen", text);
    return std::ranges::all_of(address.endpoints,
                               [](const Endpoint& endpoint) { return endpoint.address().is_loopback(); });
  });
}

void check_addresses(const Settings& settings) {
  std::vector<std::string> texts = settings.listen;
  if (!settings.admin_listen.empty()) texts.push_back(settings.admin_listen);
  for (const std::string& text : texts)
    if (const auto failure = try_bind(parse_listen("server.listen", text).endpoints.front()))
      refuse(text, failure);
}

Listeners open_listeners(const Settings& settings, Shards& shards, http::ShardServer& admin) {
  Listeners listeners;
  for (const std::string& text : settings.listen) {
    try {
      listen_on(parse_listen("server.listen", text), shards, listeners.endpoints);
    } catch (const boost::system::system_error& error) {
      refuse(text, error.code());
    }
  }
  listeners.admin = listen_for_admin(settings, admin);
  return listeners;
}

}  // namespace corohub::server
