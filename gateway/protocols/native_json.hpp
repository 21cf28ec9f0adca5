// Our own protocol on a WebSocket: a client's text to a command, answers to text. Pure: no clock, no I/O.
#pragma once

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/position.hpp"

#include <string>
#include <string_view>
#include <variant>

namespace corohub::gateway::native_json {

// The client's own name for what it asked, echoed in the answer: null, a string of 1 to 64 bytes, or an
// integer.
using RequestId = json::value;

struct Ping {};

struct AuthRefresh {
  std::string token;
};

// Why a message was not understood or not done: `code` is one of the stable words.
struct Refusal {
  std::string_view code;
  std::string message;
};

struct Command {
  RequestId id;
  std::variant<Refusal, Ping, AuthRefresh> what;
};

// Never fails: what is no command comes out as a Refusal, with the id if there is a good one.
Command parse(std::string_view text);

// {"type":"error","id":…,"data":{"code":…,"message":…}}
std::string error_text(const RequestId& id, const Refusal& refusal);
// {"type":"reply","id":…,"ok":true,"data":…}
std::string reply_text(const RequestId& id, const json::value& data);

}  // namespace corohub::gateway::native_json
