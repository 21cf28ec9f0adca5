// Where a server is: http://HOST:PORT. Pure.
#pragma once

#include "client/failure.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace corohub::client {

struct ServerUrl {
  std::string host;  // a name or an address, without the brackets of IPv6
  std::uint16_t port = 80;

  std::string authority() const;  // "[::1]:8080", what Host says
  std::string text() const { return "http://" + authority(); }
  bool loopback() const noexcept;  // by its name: what is sent there stays on this machine

  bool operator==(const ServerUrl&) const = default;
};

// Also without "http://". usage: https, a path, a user, a port that is none.
Attempt<ServerUrl> parse_server_url(std::string_view text);

// For the query of an address: everything but letters, digits and -._~ as %XX.
std::string percent_encoded(std::string_view text);

}  // namespace corohub::client
