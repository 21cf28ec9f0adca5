// Which credential a request carries. Pure.
#pragma once

#include "core/error.hpp"
#include "gateway/session/credential.hpp"
#include "http/request.hpp"

#include <optional>

namespace corohub::gateway {

// One of ?token= (if `query_token`), Authorization, X-API-Key, ?ticket= and subprotocol bearer.<token>;
// nothing if there is none. Cookies never count, and Authorization of another scheme only when it is alone (a
// site's Basic authentication stands beside ours). invalid_request: several; invalid_token: no Bearer.
Result<std::optional<Credential>> credential_of(const http::Request& request, bool query_token);

}  // namespace corohub::gateway
