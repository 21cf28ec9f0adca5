// What STOMP clients are told of feature flags, and how they ask for them. Pure.
#pragma once

#include "gateway/stomp/body.hpp"
#include "hub/event.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace corohub::gateway::stomp {

// {"type":"flag_update","namespace":…,"flagKey":…,"action":…,"enabled":…,"timestamp":…}: the body of an event
// of a flag. `timestamp`, in milliseconds, is when it occurred elsewhere, or the commit's. Nothing: it is
// another event.
std::optional<std::string> flag_update_text(const hub::Event& event);

// "flag updates for namespace: bep" of a topic of flags, or "flag updates" of all.
std::string flag_updates_of(std::string_view topic);

// The topic that {"namespace"?, "environment"?} names; a namespace may also be "bep/staging".
// invalid_message: it is no such object; forbidden: it is no name of a namespace.
Understood<std::string> read_flag_topic(std::string_view body);

}  // namespace corohub::gateway::stomp
