#include "server/ticker.hpp"

#include "core/log.hpp"

#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace corohub::server {

Ticker::Ticker(asio::io_context& context, std::chrono::milliseconds interval, std::function<void()> function)
    : context_(context), interval_(interval), function_(std::move(function)), timer_(context) {}

void Ticker::start() { asio::co_spawn(context_, run(), asio::detached); }

void Ticker::stop() {
  stopped_ = true;
  timer_.cancel();
}

Task<> Ticker::run() {
  while (!stopped_) {
    timer_.expires_after(interval_);
    co_await timer_.async_wait(asio::as_tuple(use_task));
    if (stopped_) co_return;
    try {
      function_();
    } catch (const std::exception& failure) {
      log::error("ticker.failed", {{"cause", failure.what()}});
    }
  }
}

}  // namespace corohub::server
