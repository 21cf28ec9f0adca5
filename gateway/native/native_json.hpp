// Our own protocol on a WebSocket: a client's text to a command, answers to text. Pure: no clock, no I/O.
#pragma once

#include "core/json.hpp"
#include "gateway/session/command.hpp"

#include <string>
#include <string_view>

namespace corohub::gateway::native_json {

// A client's message. Its id is null, a string of 1 to 64 bytes, or an integer, kept as the JSON text it was
// given as.
struct Message {
  RequestId id;
  Command command;
};

// Never fails: what is no command comes out as a Refusal, with the id if there is a good one. A member that
// is null counts as absent, but for the data of a publish.
Message parse(std::string_view text);

// {"type":"error","id":…,"data":{"code":…,"message":…}}
std::string error_text(const RequestId& id, const Refusal& refusal);
// {"type":"reply","id":…,"ok":true,"data":…}; `data` is JSON text.
std::string reply_text(const RequestId& id, std::string_view data);

}  // namespace corohub::gateway::native_json
