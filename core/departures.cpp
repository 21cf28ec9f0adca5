#include "core/departures.hpp"

#include <utility>

namespace corohub {

Departures::Departures(asio::io_context& context)
    : service(context),
      context_(context),
      gauge_(metrics::gauge("corohub_departures_waiting",
                            "Connections that have ended and wait for their turn to go.")) {}

void Departures::shutdown() noexcept {
  gauge_.Decrement(static_cast<double>(waiting_.size()));
  waiting_.clear();
}

void Departures::let_go(std::function<void()> leave) {
  const bool goes_now = turns_.goes_now(waiting_.size());
  if (!goes_now) {
    waiting_.push_back(std::move(leave));
    gauge_.Increment();
  }
  if (!std::exchange(posted_, true)) post_.post(context_, [this]() noexcept { next_turn(); });
  if (goes_now) leave();
}

void Departures::next_turn() noexcept {
  std::size_t through = turns_.begin(waiting_.size());
  posted_ = through > 0;
  if (posted_) post_.post(context_, [this]() noexcept { next_turn(); });
  for (; through > 0; --through) {
    const std::function<void()> leave = std::move(waiting_.front());
    waiting_.pop_front();
    gauge_.Decrement();
    leave();
  }
}

}  // namespace corohub
