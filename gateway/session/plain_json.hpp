// What sessions answer and tell as JSON, for dialects whose clients read that. Used on the session's shard
// only. Throws for memory.
#pragma once

#include "gateway/session/command.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace corohub::gateway {

class Session;

// The data of an outcome that is no Refusal.
std::string data_of(const Session& session, const Outcome& outcome);
// Who may still have it when it leaves.
hub::Audience readers_of(const Outcome& outcome) noexcept;

// A notice as an event: its type and data.
struct NoticeEvent {
  std::string_view type;
  std::string data;
};
// Of a notice that is no Throttled, which is no event.
NoticeEvent event_of(const Session& session, const Notice& notice);
// The welcome over a carrier that has a heartbeat of its own.
NoticeEvent welcome_of(const Session& session, const Welcome& welcome, std::chrono::seconds ping_interval);

}  // namespace corohub::gateway
