// Lets the ends of connections happen a few in each turn of the loop: a crowd that goes at once, as when a
// proxy dies, is spread over turns, and those who stay are served in between. One per
// io_context, found by asio::use_service; used on its context's thread only.
#pragma once

#include "core/fixed_post.hpp"
#include "core/metrics.hpp"
#include "core/task.hpp"
#include "core/turns.hpp"

#include <cstddef>
#include <deque>
#include <functional>

#include <boost/asio/execution_context.hpp>

namespace corohub {

class Departures final : public asio::execution_context::service {
 public:
  using key_type = Departures;
  static inline asio::execution_context::id id;

  explicit Departures(asio::io_context& context);

  // `leave` runs now, or in a later turn behind those that came before; never, if the context ends sooner:
  // then it is destroyed. Throws for memory, and then it has not run.
  void let_go(std::function<void()> leave);
  std::size_t waiting() const noexcept { return waiting_.size(); }

 private:
  void shutdown() noexcept override;
  void next_turn() noexcept;

  asio::io_context& context_;
  metrics::Gauge& gauge_;
  Turns turns_{8, 256};
  bool posted_ = false;  // next_turn() is
  std::deque<std::function<void()>> waiting_;
  FixedPost post_;
};

}  // namespace corohub
