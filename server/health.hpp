// How healthy the server is: judged once a second by a monitor, read by the health routes on every shard.
#pragma once

#include "core/clock.hpp"
#include "core/json.hpp"
#include "core/task.hpp"
#include "http/router.hpp"
#include "storage/writer.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include <boost/asio/steady_timer.hpp>

namespace corohub::server {

enum class Status : std::uint8_t { ok, degraded, down };
enum class Component : std::uint8_t { database, disk, hub, redis };
inline constexpr std::size_t component_count = 4;
enum class Phase : std::uint8_t { starting, serving, draining };

std::string_view name(Status status) noexcept;
std::string_view name(Component component) noexcept;

// The newest judgement. Safe from any thread.
class HealthBoard {
 public:
  explicit HealthBoard(bool with_redis = false) noexcept : with_redis_(with_redis) {}

  // Whether there is such a component.
  bool has(Component component) const noexcept { return component != Component::redis || with_redis_; }
  Status status(Component component) const noexcept { return components_[index(component)].load(); }
  Status overall() const noexcept;
  Phase phase() const noexcept { return phase_.load(); }
  std::uint64_t disk_free_bytes() const noexcept { return disk_free_bytes_.load(); }
  // Why no traffic should be sent to this server; empty: it is ready.
  std::string_view not_ready() const noexcept;

  void set(Component component, Status status) noexcept { components_[index(component)].store(status); }
  void set_phase(Phase phase) noexcept { phase_.store(phase); }
  void set_disk_free_bytes(std::uint64_t bytes) noexcept { disk_free_bytes_.store(bytes); }

 private:
  static constexpr std::size_t index(Component component) noexcept {
    return static_cast<std::size_t>(component);
  }

  const bool with_redis_;
  std::array<std::atomic<Status>, component_count> components_{};
  std::atomic<Phase> phase_{Phase::starting};
  std::atomic<std::uint64_t> disk_free_bytes_{0};
};

// The document of GET /health; `detailed` adds figures, for the admin listener.
json::object health_document(const HealthBoard& board, UnixMs now, bool detailed);
// The document without details, as text, because load balancers ask for it all day.
void append_health(std::string& out, const HealthBoard& board, UnixMs now);

// GET /health, /livez and /readyz. The board and the clock outlive the router.
void add_health_routes(http::Router& router, const HealthBoard& board, const Clock& clock, bool detailed);

// Notices a shard whose heartbeat stands still. The watch counts its own rounds, not time, so a process that
// was stopped (SIGSTOP, a paused machine) is not taken for one that hangs. Pure.
class StallWatch {
 public:
  static constexpr unsigned suspicious_rounds = 3;
  static constexpr unsigned fatal_rounds = 10;

  struct Finding {
    std::size_t shard = 0;
    unsigned rounds = 0;  // for so many rounds it has not moved
  };

  // Takes the heartbeats of all shards, in order; returns the shard that has stood still longest.
  Finding observe(const std::vector<std::uint64_t>& heartbeats);

 private:
  struct Seen {
    std::uint64_t heartbeat = 0;
    unsigned rounds = 0;
  };
  std::vector<Seen> seen_;
};

// What the monitor looks at and whom it tells.
struct HealthProbes {
  std::function<storage::StorageState()> storage;
  std::filesystem::path data_directory;
  std::uint64_t disk_free_min_bytes = 0;
  std::function<std::vector<std::uint64_t>()> heartbeats;
  std::function<void(Component, Status old_status, Status status)> changed;
  std::function<void(std::size_t shard)> stalled;  // ends the process: it does not return
  std::function<bool()> redis_away{};              // null: Redis is not wanted
};

// One round a second on the context it is given; everything on that context's thread.
class HealthMonitor {
 public:
  HealthMonitor(asio::io_context& context, HealthBoard& board, HealthProbes probes);

  void start();
  void stop();
  void round();

 private:
  Task<> run();
  void judge(Component component, Status status);
  Status database_status() const;
  Status disk_status();
  Status hub_status();

  HealthBoard& board_;
  HealthProbes probes_;
  StallWatch watch_;
  asio::io_context& context_;
  asio::basic_waitable_timer<std::chrono::steady_clock, asio::wait_traits<std::chrono::steady_clock>,
                             Executor>
      timer_;
  bool stopped_ = false;
};

}  // namespace corohub::server
