// What a client asks by a SEND to /app/<name>, and what it is answered: the same members as in the native
// protocol, the answer's data alone as the body. Pure.
#pragma once

#include "gateway/session/command.hpp"

#include <string>
#include <string_view>

namespace corohub::gateway::stomp {

// Never fails: what is no command comes out as a Refusal.
Command read_task(std::string_view name, std::string_view body);

// JSON text of what an outcome of such a command says.
std::string answer_text(const Outcome& outcome);

}  // namespace corohub::gateway::stomp
