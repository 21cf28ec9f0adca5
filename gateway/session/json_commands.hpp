// What clients that speak JSON ask for: a word, and an object of what belongs to it. Pure.
#pragma once

#include "core/json.hpp"
#include "gateway/session/command.hpp"

#include <optional>
#include <string_view>

namespace corohub::gateway {

// The object, and where it stands: what a client publishes is passed on as it was written.
struct JsonArguments {
  const json::object* object = nullptr;  // null: there is none
  std::string_view text{};               // the object's own, or of another one that has it
  std::string_view member{};             // under this name; empty: the text is its own
};

// "subscribe", "publish", …: a command, or the Refusal of one that is not well-formed. Nothing: there is no
// such word.
std::optional<Command> read_command(std::string_view type, const JsonArguments& arguments);

}  // namespace corohub::gateway
