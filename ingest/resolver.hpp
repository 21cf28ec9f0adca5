// Addresses of a host. A look-up of the system cannot be interrupted, so it runs on a thread of its own that
// nobody waits for when the server ends. One look-up at a time; used on the context's thread.
#pragma once

#include "core/task.hpp"
#include "ingest/attempt.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/steady_timer.hpp>

namespace corohub::ingest {

class Resolver {
 public:
  using Endpoints = std::vector<asio::ip::tcp::endpoint>;

  explicit Resolver(asio::io_context& context);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // A look-up that takes longer goes on, and its answer is the next call's.
  Task<Attempt<Endpoints>> resolve(const std::string& host, std::uint16_t port,
                                   std::chrono::milliseconds time);
  void cancel() noexcept { timer_.cancel(); }

 private:
  struct Lookup;

  asio::io_context& context_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;
  std::shared_ptr<Lookup> lookup_;  // null: none is under way
};

}  // namespace corohub::ingest
