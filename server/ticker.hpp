// Calls a function in equal intervals.
#pragma once

#include "core/task.hpp"

#include <chrono>
#include <functional>

#include <boost/asio/basic_waitable_timer.hpp>

namespace corohub::server {

// Everything on the thread of the context it is given. Start it once.
class Ticker {
 public:
  Ticker(asio::io_context& context, std::chrono::milliseconds interval, std::function<void()> function);

  void start();
  void stop();  // the context runs out of this work

 private:
  Task<> run();

  asio::io_context& context_;
  const std::chrono::milliseconds interval_;
  const std::function<void()> function_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;
  bool stopped_ = false;
};

}  // namespace corohub::server
