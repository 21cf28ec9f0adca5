// Where the server listens: the public addresses on every shard, the admin address on the first.
#pragma once

#include "http/server.hpp"
#include "server/settings.hpp"
#include "server/shards.hpp"

#include <optional>
#include <string>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

namespace corohub::server {

using Endpoint = boost::asio::ip::tcp::endpoint;

struct Listeners {
  std::vector<Endpoint> endpoints;  // of the public listeners, as bound
  std::optional<Endpoint> admin;
};

bool all_on_loopback(const std::vector<std::string>& listen);

// Whether the addresses can be listened on, before anything is written: a start that cannot succeed leaves no
// trace. Throws storage::StartError.
void check_addresses(const Settings& settings);

// Binds and listens; before the shards run. Throws storage::StartError.
Listeners open_listeners(const Settings& settings, Shards& shards, http::ShardServer& admin);

}  // namespace corohub::server
