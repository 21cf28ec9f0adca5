// Who calls when proxies stand in between: what X-Forwarded-For, Forwarded (RFC 7239) and X-Forwarded-Host
// say, and which of it may be believed. Pure.
#pragma once

#include "auth/rate_limit.hpp"
#include "http/request.hpp"

#include <optional>
#include <string_view>

#include <boost/asio/ip/address.hpp>

namespace corohub::http {

// An IPv4 address inside IPv6 as IPv4, so that one caller has one name.
boost::asio::ip::address unmapped(const boost::asio::ip::address& address);

// Finds the caller behind `peer`, which is a trusted proxy. Each proxy adds at the right whom it has seen, so
// the walk goes from there to the left, past proxies that are trusted, too. The answer is `peer` itself when
// there is no header. Nothing: nobody can name the caller, because a header cannot be read, or because both
// headers are there and do not agree: a proxy writes one of them, so the other came from a stranger.
std::optional<boost::asio::ip::address> find_caller(const HeaderList& headers,
                                                    const boost::asio::ip::address& peer,
                                                    const auth::CidrList& trusted);

// The host that the client asked for, by the word of a trusted proxy: the last of X-Forwarded-Host, else of
// Forwarded. Empty: there is none.
std::string_view forwarded_host(const Request& request) noexcept;

// Whether the caller is on this machine: the connection came over loopback, and no header names anybody else.
// Headers of an untrusted local proxy count, too: such a proxy must not make strangers look local.
bool is_local(const Request& request);

}  // namespace corohub::http
