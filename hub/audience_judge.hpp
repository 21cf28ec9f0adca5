// Says of an event whose audience is judged whom it is for beside the rest of the audience. Each shard has
// one at most, which is used on its thread only.
#pragma once

#include "hub/event.hpp"

namespace corohub::hub {

class AudienceJudge {
 public:
  // As things are at this moment. Asked for users whom the rest of the audience does not reach, and for
  // clients of feature flags with their key; mostly for many of them about one event after the other. Nobody
  // else is in an audience.
  virtual bool includes(const Event& event, const Identity& who) const noexcept = 0;

 protected:
  ~AudienceJudge() = default;
};

}  // namespace corohub::hub
