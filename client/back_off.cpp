#include "client/back_off.hpp"

#include "core/random.hpp"

namespace corohub::client {

std::chrono::milliseconds BackOff::next() noexcept {
  const std::chrono::milliseconds most = std::min(first_ * (1U << std::min(tries_, 15U)), longest);
  tries_ = std::min(tries_ + 1, 15U);
  const auto half = static_cast<std::uint32_t>(most.count() / 2);
  return std::chrono::milliseconds(half + random_below(half + 1));
}

}  // namespace corohub::client
