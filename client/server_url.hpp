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

  std::string authority() const;  // "[::1]:8080", as the Host header says it
  std::string text() const { return "http://" + authority(); }
  bool loopback() const noexcept;  // by the host's name: what is sent there stays on this machine

  bool operator==(const ServerUrl&) const = default;
};

// Reads an address, with or without "http://". usage: https, a path, a user, or a port that is none.
Attempt<ServerUrl> parse_server_url(std::string_view text);

// Encodes a text for a query: everything but letters, digits and -._~ becomes %XX.
std::string percent_encoded(std::string_view text);

}  // namespace corohub::client
