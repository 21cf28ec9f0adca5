// How long to wait before the next try: longer each time, and at random, so that the many clients which one
// server has lost do not come back together.
#pragma once

#include <algorithm>
#include <chrono>

namespace corohub::client {

class BackOff {
 public:
  static constexpr std::chrono::milliseconds longest{30'000};

  // Sets the first wait, which the server asks of clients that come back.
  void set_first(std::chrono::milliseconds first) noexcept { first_ = std::min(first, longest); }
  void succeeded() noexcept { tries_ = 0; }
  std::chrono::milliseconds next() noexcept;

 private:
  std::chrono::milliseconds first_{1000};
  unsigned tries_ = 0;
};

}  // namespace corohub::client
