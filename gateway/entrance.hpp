// What every way to the events has in common: limits, credential, a place among the connections, and where
// in the log to begin.
#pragma once

#include "gateway/session/beginning.hpp"
#include "gateway/session/credential.hpp"
#include "gateway/session/entrant.hpp"
#include "gateway/session/session.hpp"
#include "gateway/state.hpp"

#include <optional>
#include <string>
#include <vector>

namespace corohub::gateway {

// What costs little, before a signature is looked at.
std::optional<Error> over_limits(GatewayState& state, const http::Context& context);

// The Origin of the request is not one whose pages may connect. A request without Origin is not foreign.
bool is_foreign(const GatewayState& state, const http::Request& request);

// By a token, a key or a ticket; `query_token`: ?token= counts, too. unauthorized: there is none. From here
// on the request is charged to this user, or, with a key, to the address.
Task<Result<Entrant>> authenticate(GatewayState& state, http::Context& context, bool query_token);

// 410 with the head: where the log begins to make sense again.
http::Response gap_response(const http::Context& context, const Position& head, std::string detail);

// forbidden: a topic that this somebody may not subscribe to.
Result<> may_follow(const TopicRights& rights, const hub::Identity& who,
                    const std::vector<std::string>& topics);

enum class Credentials : bool {
  optional,  // the client may say in its own protocol who it is
  required,
};

// All of the above but over_limits(), in order, and how often somebody connects.
Task<Result<Arrival>> admit(GatewayState& state, http::Context& context, bool query_token,
                            Credentials credentials, EventQuery events);

}  // namespace corohub::gateway
