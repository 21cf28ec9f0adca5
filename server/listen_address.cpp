#include "server/listen_address.hpp"

#include "server/settings.hpp"

#include <charconv>
#include <cstdint>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <fmt/format.h>

namespace corohub::server {
namespace ip = boost::asio::ip;

ListenAddress parse_listen(std::string_view source, std::string_view text) {
  const auto refuse = [&]() -> ConfigError {
    return ConfigError(
        fmt::format("{}: \"{}\" is no ADDRESS:PORT; examples are localhost:8080, 0.0.0.0:8080 and [::1]:8080",
                    source, text));
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) throw refuse();

  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) throw refuse();

  std::string_view host = text.substr(0, colon);
  if (host == "localhost")
    return {{{ip::address_v4::loopback(), port}, {ip::address_v6::loopback(), port}}, true};

  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  boost::system::error_code failure;
  const ip::address address = ip::make_address(host, failure);
  if (failure || address.is_v6() != bracketed) throw refuse();
  return {{{address, port}}, false};
}

boost::system::error_code try_bind(const ip::tcp::endpoint& endpoint) {
  boost::asio::io_context context;
  ip::tcp::acceptor acceptor(context);
  boost::system::error_code failure;
  acceptor.open(endpoint.protocol(), failure);
  // With this option the old connections of an earlier process are not in the way; another listener still is.
  if (!failure) acceptor.set_option(boost::asio::socket_base::reuse_address(true), failure);
  if (!failure && endpoint.address().is_v6()) acceptor.set_option(ip::v6_only(true), failure);
  if (!failure) acceptor.bind(endpoint, failure);
  return failure;
}

}  // namespace corohub::server
