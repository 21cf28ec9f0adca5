// Heart-beats of STOMP 1.1 and 1.2: how often each side promises to say something, and when which of them is
// due. Pure: it is told the time.
#pragma once

#include "core/clock.hpp"

#include <chrono>
#include <optional>
#include <string_view>

namespace corohub::gateway::stomp {

class Heartbeat {
 public:
  // The server sends, and wants to hear, as often as the client likes, but no more often than this.
  static constexpr std::chrono::milliseconds interval_min{1000};
  // Longer promises are cut to this: nothing is won by them, and nobody waits so long for a dead peer.
  static constexpr std::chrono::milliseconds interval_max{3'600'000};

  // What CONNECTED says of the server.
  static constexpr std::string_view offer = "1000,1000";

  // What a client's `heart-beat` header promises and wants; nothing: it is malformed. `now`: it was heard
  // then.
  static std::optional<Heartbeat> agree(std::string_view header, SteadyTime now) noexcept;
  Heartbeat() = default;

  void note_heard(SteadyTime now) noexcept { heard_ = now; }
  void note_sent(SteadyTime now) noexcept { sent_ = now; }

  // The client has been silent for twice the time that it promised.
  bool is_lost(SteadyTime now) const noexcept { return now >= lost_at(); }
  bool must_send(SteadyTime now) const noexcept { return now >= send_at(); }
  // When to ask again; nothing: never.
  std::optional<SteadyTime> next() const noexcept;

 private:
  SteadyTime lost_at() const noexcept;
  SteadyTime send_at() const noexcept;

  SteadyTime heard_{};
  SteadyTime sent_{};
  std::chrono::milliseconds hears_every_{};  // 0: the client promises nothing
  std::chrono::milliseconds sends_every_{};  // 0: the client wants nothing
};

}  // namespace corohub::gateway::stomp
