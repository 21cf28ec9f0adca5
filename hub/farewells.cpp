#include "hub/farewells.hpp"

#include <limits>

namespace corohub::hub {

void Farewells::begin(CloseReason reason, SteadyTime now, std::chrono::milliseconds spread) noexcept {
  reason_ = reason;
  begin_ = now;
  spread_ = spread;
  total_ = members_.size();
  ended_ = 0;
  on_due(now);
}

void Farewells::on_due(SteadyTime now) noexcept {
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - begin_);
  const bool last = elapsed >= spread_;
  const std::size_t quota =
      last ? std::numeric_limits<std::size_t>::max()
           : total_ * static_cast<std::size_t>(elapsed.count()) / static_cast<std::size_t>(spread_.count());
  members_.for_each([&](Member& member) {
    if (ended_ < quota && member.dismiss(reason_)) ++ended_;
  });
  if (!last) wheel_.arm(*this, now + Wheel::tick);
}

}  // namespace corohub::hub
