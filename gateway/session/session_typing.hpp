// A session that types: its requests, its one timer, and the events. Used on the session's shard only.
#pragma once

#include "core/wheel.hpp"
#include "gateway/native/native_json.hpp"
#include "gateway/session/typing.hpp"

#include <string_view>

namespace corohub::gateway {

class Session;

class SessionTyping final : private Timed {
 public:
  explicit SessionTyping(Session& session) noexcept : session_(session) {}

  void ask(const native_json::RequestId& id, const native_json::Typing& asked);
  // He has published in it, or is not in it any more.
  void end(std::string_view topic) noexcept;
  // He is gone.
  void end() noexcept;

 private:
  void on_due(SteadyTime now) noexcept override;
  void tell(const Typing::Changes& changes);

  Session& session_;
  Typing typing_;
};

}  // namespace corohub::gateway
