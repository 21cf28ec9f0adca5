// The header that a proxy may send ahead of everything else on a connection: PROXY protocol, versions 1
// (text) and 2 (binary), as HAProxy describes it. Read strictly, and only from peers that are trusted. Pure.
#pragma once

#include "core/error.hpp"

#include <cstddef>
#include <optional>
#include <string_view>

#include <boost/asio/ip/address.hpp>

namespace corohub::http {

// Of version 2 with its extensions (TLVs) about TLS, which are skipped. Version 1 has at most 107 bytes.
inline constexpr std::size_t proxy_header_bytes_max = 4096;

struct ProxyHeader {
  std::size_t size = 0;                              // of the header; 0: more bytes are needed
  std::optional<boost::asio::ip::address> source{};  // nothing: the proxy speaks for itself (LOCAL, UNKNOWN)
};

// Reads the header at the beginning of a connection. invalid_request at the first byte that cannot be part of
// one.
Result<ProxyHeader> read_proxy_header(std::string_view bytes);

}  // namespace corohub::http
