// What one member wants to hear, and how far it has heard it: a subscription to a topic, or a feed of its own
// audience. Used on the member's shard's thread only.
#pragma once

#include "core/position.hpp"
#include "hub/event_filter.hpp"
#include "hub/frame.hpp"

#include <cstdint>
#include <limits>

namespace corohub::hub {

// How a member asked for it.
struct InterestTerms {
  // Tells several interests of a member in the same thing apart. 0 where there is but one.
  std::uint32_t label = 0;
  FrameRef prefix{};        // leads every event, joined to it; null: nothing does
  EventFilterRef filter{};  // null: all events
};

struct Interest : InterestTerms {
  enum class Phase : std::uint8_t {
    live,     // durable events after `skip` are queued as they are applied
    held,     // the member's replay brings them
    pending,  // it is not known yet where it begins
  };

  // Nothing durable is queued from here on.
  void hold(Phase why) noexcept {
    skip = std::numeric_limits<Seq>::max();
    phase = why;
  }
  void go_live(Seq position) noexcept {
    skip = position;
    phase = Phase::live;
  }
  bool is_live() const noexcept { return phase == Phase::live; }
  bool is_held() const noexcept { return phase == Phase::held; }
  bool wants(const Event& event) const noexcept { return filter == nullptr || filter->wants(event); }

  std::uint32_t number = 0;  // its owner's, to tell it from an earlier or a later one with its label
  Phase phase = Phase::live;
  Seq skip = 0;   // durable events up to here are not for it
  Seq floor = 0;  // a replay does not bring events up to here: the client has had them, or they expired
};

// A member's interest in its own audience.
using Feed = Interest;

}  // namespace corohub::hub
