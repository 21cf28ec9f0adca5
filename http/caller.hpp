// Who calls when proxies stand in between: what X-Forwarded-For, Forwarded (RFC 7239) and X-Forwarded-Host
// say, and whom of those who say it one may believe. Pure.
#pragma once

#include "auth/rate_limit.hpp"
#include "http/request.hpp"

#include <optional>
#include <string_view>

#include <boost/asio/ip/address.hpp>

namespace corohub::http {

// An IPv4 address inside IPv6 as IPv4, so that one caller has one name.
boost::asio::ip::address unmapped(const boost::asio::ip::address& address);

// `peer` is trusted. Each proxy adds at the right whom it has seen: from there to the left past those who are
// trusted, too. `peer` itself, when there is nothing to read. Nothing: nobody can name the caller, because
// what is there can't be read, or both headers are there and don't agree: a proxy writes one of them, and the
// other came from a stranger.
std::optional<boost::asio::ip::address> find_caller(const HeaderList& headers,
                                                    const boost::asio::ip::address& peer,
                                                    const auth::CidrList& trusted);

// The Host that was asked for, by the word of a trusted proxy: the last of X-Forwarded-Host, else of
// Forwarded. Empty: there is none.
std::string_view forwarded_host(const Request& request) noexcept;

// The caller is on this machine: the connection came over loopback, and no header names anybody else. A proxy
// here that is not trusted must not turn strangers into neighbours, so its headers count, too.
bool is_local(const Request& request);

}  // namespace corohub::http
