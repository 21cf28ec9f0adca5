// What is no shard's work, on one thread of its own: health with its watchdog, the control socket,
// housekeeping, the tick of presence, the scheduled changes of flags, and flag updates from Redis.
#pragma once

#include "core/task.hpp"
#include "gateway/gateway.hpp"
#include "ingest/redis.hpp"
#include "server/administration.hpp"
#include "server/control_socket.hpp"
#include "server/health.hpp"
#include "server/housekeeping.hpp"
#include "server/services.hpp"
#include "server/shards.hpp"
#include "server/ticker.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <thread>

#include <boost/asio/executor_work_guard.hpp>

namespace corohub::server {

// start() and stop() from one thread, which is not its own. All that it is given outlives it.
class Supervisor {
 public:
  // Opens the control socket. Throws boost::system::system_error.
  Supervisor(Services& services, const Settings& settings, HealthBoard& board, gateway::Gateway& gateway,
             Shards& shards);
  ~Supervisor();  // stop()
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  void start();
  // Breaks off a backup under way; later ones are refused.
  void interrupt() noexcept { administration_.interrupt(); }
  // Finishes the step and the command under way and ends the thread. Idempotent.
  void stop();

  // For coroutines that somebody outside waits for, once it is started.
  asio::io_context& context() noexcept { return context_; }

 private:
  std::unique_ptr<ingest::Redis> make_redis(const Settings& settings);
  HealthProbes probes(Services& services, const Settings& settings, const HealthBoard& board);
  [[noreturn]] void abort_stalled(std::size_t shard);
  void run_schedule();

  // How late a scheduled change of a flag may begin. Asking costs a comparison.
  static constexpr std::chrono::milliseconds schedule_interval{250};

  Services& services_;
  gateway::Gateway& gateway_;
  Shards& shards_;
  asio::io_context context_{1};
  asio::executor_work_guard<Executor> guard_{context_.get_executor()};
  std::unique_ptr<ingest::Redis> redis_;  // null: it is not wanted
  Administration administration_;
  ControlServer control_;
  HealthMonitor monitor_;
  Housekeeper housekeeper_;
  Ticker presence_;
  Ticker schedule_;
  std::thread thread_;
  bool stopped_ = false;
};

}  // namespace corohub::server
