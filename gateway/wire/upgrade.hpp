// What an upgrade request must look like (RFC 6455, section 4.2.1), and the answer to a good one. Pure.
#pragma once

#include "core/error.hpp"
#include "http/request.hpp"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace corohub::gateway {

struct Upgrade {
  std::string key{};               // Sec-WebSocket-Key
  std::string_view subprotocol{};  // agreed on, one of the `known`; empty: none
  std::string extensions{};        // agreed on; empty: none
};

// `known`: the subprotocols of this address; an empty name stands for none at all. The first of them is
// agreed on wherever it stands in the client's offer, of the others the one the client names first.
// Without any the offer is ignored. `compression`: permessage-deflate may be agreed on. upgrade_required;
// invalid_request; unsupported_subprotocol: none of the names offered is known, or one must be offered and is
// not.
Result<Upgrade> read_upgrade(const http::Request& request, std::span<const std::string_view> known,
                             bool compression = false);

// The names of Sec-WebSocket-Protocol in their order; nothing if one of them is no token.
std::optional<std::vector<std::string_view>> offered_protocols(const http::Request& request);

// The 101 for it, up to the empty line; an empty id is left out.
std::string switching_protocols(const Upgrade& upgrade, std::string_view request_id);

}  // namespace corohub::gateway
