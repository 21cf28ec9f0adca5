// A session that types: its requests, its one timer, and the events. Used on the session's shard only.
#pragma once

#include "core/wheel.hpp"
#include "gateway/session/command.hpp"
#include "gateway/session/typing.hpp"

#include <string_view>

namespace corohub::gateway {

class Session;

class SessionTyping final : private Timed {
 public:
  explicit SessionTyping(Session& session) noexcept : session_(session) {}

  void ask(const RequestId& id, const SetTyping& asked);
  // The user has published in this topic, or is not in it any more.
  void end(std::string_view topic) noexcept;
  // The client is gone.
  void end() noexcept;

 private:
  void on_due(SteadyTime now) noexcept override;
  void tell(const Typing::Changes& changes);

  Session& session_;
  Typing typing_;
};

}  // namespace corohub::gateway
