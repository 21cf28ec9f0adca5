// One shard, as far as carriers of sessions know it.
#pragma once

#include "core/clock.hpp"
#include "core/wheel.hpp"

#include <boost/asio/io_context.hpp>

namespace corohub::gateway {

// All of it outlives what lives there.
struct Place {
  boost::asio::io_context& context;
  Wheel& wheel;
  const Clock& clock;

  SteadyTime now() const noexcept { return wheel.at(clock.steady()); }
};

}  // namespace corohub::gateway
