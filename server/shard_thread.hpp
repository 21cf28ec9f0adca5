// One core: its event loop and thread, and the parts of hub, authentication and HTTP that live on it.
#pragma once

#include "auth/account_cache.hpp"
#include "auth/authenticator.hpp"
#include "http/server.hpp"
#include "hub/shard.hpp"
#include "server/services.hpp"

#include <atomic>
#include <cstddef>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

namespace corohub::server {

class ShardThread final : private hub::ShardListener {
 public:
  ShardThread(std::size_t index, Services& services, const Settings& settings, const hub::ShardLimits& limits,
              const Clock& clock, http::Server& server, const hub::LogState& log);
  ~ShardThread() override;
  ShardThread(const ShardThread&) = delete;
  ShardThread& operator=(const ShardThread&) = delete;

  // Starts the thread; before that, listeners may be opened from the thread that made the object. Idempotent.
  void start();

  // Runs `function` on the shard's thread and waits for it. Do not call this from that thread, nor after
  // finish().
  template <class F>
  void run(F function) {
    std::promise<void> done;
    asio::post(context_, [&] {
      try {
        function();
        done.set_value();
      } catch (...) {
        done.set_exception(std::current_exception());
      }
    });
    done.get_future().get();
  }

  // Nothing new will come: the loop ends by itself once nothing is under way.
  void finish() noexcept { guard_.reset(); }
  bool ended() const noexcept { return ended_.load(); }
  // Waits for the thread's end; `force` cuts off what is under way (a defect).
  void join(bool force);

  hub::Shard& shard() noexcept { return shard_; }
  const hub::Shard& shard() const noexcept { return shard_; }
  http::ShardServer& server() noexcept { return server_; }
  auth::Authenticator& authenticator() noexcept { return authenticator_; }
  asio::io_context& context() noexcept { return context_; }
  // Prints the stack of this thread to standard error, from a signal handler on the thread.
  void print_stack();

 private:
  void apply(const hub::ShardChange& change) noexcept override { change.apply(index_); }
  void account_changed(const hub::AccountChanged& change) noexcept override;
  void thread_main();

  const std::size_t index_;
  hub::Presence& presence_;
  asio::io_context context_{1};
  asio::executor_work_guard<Executor> guard_;
  hub::Shard shard_;
  auth::AccountCache accounts_;
  auth::Authenticator authenticator_;
  http::ShardServer server_;
  std::atomic<bool> ended_{false};
  std::thread thread_;
};

}  // namespace corohub::server
