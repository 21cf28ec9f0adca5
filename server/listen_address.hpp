// ADDRESS:PORT as people write it, and the endpoints it means.
#pragma once

#include <string_view>
#include <vector>

#include <boost/asio/ip/tcp.hpp>

namespace corohub::server {

struct ListenAddress {
  // In the order to bind. `localhost` has two: 127.0.0.1, then [::1].
  std::vector<boost::asio::ip::tcp::endpoint> endpoints;
  bool ipv6_optional = false;  // the second one may be missing on this machine
};

// "127.0.0.1:8080", "[::1]:8080", "0.0.0.0:80", "localhost:8080". Throws ConfigError that begins with
// `source`.
ListenAddress parse_listen(std::string_view source, std::string_view text);

// Whether this process could listen there now; it binds and lets go again.
boost::system::error_code try_bind(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace corohub::server
