// How events leave in a namespace that calls some of them by names of its own. Safe from any thread.
#pragma once

#include "gateway/wire/transport.hpp"
#include "hub/event.hpp"
#include "hub/form.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace corohub::gateway::socketio {

// What a namespace makes of an event for all its clients alike.
struct Said {
  std::string_view name{};  // empty: each seat says for itself what it makes of the event, if anything
  std::string data{};       // JSON text
};
// Nothing: the event goes out as it is.
using Saying = std::optional<Said> (*)(const hub::Event&);

// A namespace has one saying, and lives as long as the process.
const hub::Form& said_form(std::string_view name_space, const Wrap& wrap, bool with_position, Saying saying);

}  // namespace corohub::gateway::socketio
