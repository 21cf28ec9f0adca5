// The end of all members of a shard with one reason, at once or in equal steps over a while, so that they do
// not come back all at once. Used on the shard's thread only.
#pragma once

#include "core/close_reason.hpp"
#include "core/wheel.hpp"
#include "hub/member_index.hpp"

#include <chrono>
#include <cstddef>

namespace corohub::hub {

class Farewells final : public Timed {
 public:
  // Members and wheel outlive the farewells.
  Farewells(const MemberIndex& members, Wheel& wheel) noexcept : members_(members), wheel_(wheel) {}

  // Begins now, and ends after `spread` with everybody who is there by then, also with those who came
  // meanwhile.
  void begin(CloseReason reason, SteadyTime now, std::chrono::milliseconds spread) noexcept;
  void stop() noexcept { wheel_.disarm(*this); }

  void on_due(SteadyTime now) noexcept override;

 private:
  const MemberIndex& members_;
  Wheel& wheel_;
  CloseReason reason_{};
  SteadyTime begin_{};
  std::chrono::milliseconds spread_{};
  std::size_t total_ = 0;  // members at the beginning
  std::size_t ended_ = 0;
};

}  // namespace corohub::hub
