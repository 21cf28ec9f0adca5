// How long committed events take to their sockets: from a commit to the last send of what it was for, on this
// shard. Used on the shard's thread only; allocates at the beginning only.
#pragma once

#include "core/clock.hpp"
#include "hub/send_lines.hpp"

#include <optional>
#include <vector>

namespace corohub::hub {

class SendTimes {
 public:
  SendTimes();

  // A batch that was committed then has been queued in the turn under way.
  void queued(SteadyTime committed) noexcept;
  // The turn is over: what it queued has left once everyone ahead of this place has been sent to.
  void turn_ended(const SendLines::Place& place) noexcept;
  // Measures the batches of which all has left by now.
  void look(const SendLines& lines, const Clock& clock) noexcept;

 private:
  struct Batch {
    SteadyTime committed;
    std::optional<SendLines::Place> place{};  // nothing: its turn has not ended
  };
  std::vector<Batch> batches_;  // in the order of their turns
};

}  // namespace corohub::hub
