#include "server/supervisor.hpp"

#include "core/log.hpp"
#include "server/chores.hpp"

#include <chrono>
#include <cstdlib>
#include <utility>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>

#include <pthread.h>

namespace corohub::server {

Supervisor::Supervisor(Services& services, const Settings& settings, HealthBoard& board,
                       gateway::Gateway& gateway, Shards& shards)
    : services_(services),
      gateway_(gateway),
      shards_(shards),
      redis_(make_redis(settings)),
      administration_(services, settings),
      control_(context_, services.directory.path(), administration_),
      monitor_(context_, board, probes(services, settings, board)),
      housekeeper_(context_, services.writer, chores(settings), settings.housekeeping),
      presence_(context_, gateway::Gateway::presence_interval, [this] { gateway_.publish_presence(); }),
      schedule_(context_, schedule_interval, [this] { run_schedule(); }) {}

Supervisor::~Supervisor() { stop(); }

std::unique_ptr<ingest::Redis> Supervisor::make_redis(const Settings& settings) {
  if (!settings.ingest.enabled) return nullptr;
  auto tell = [this](std::string_view message) { gateway_.publish_status(message); };
  return std::make_unique<ingest::Redis>(context_, services_.flags, settings.ingest, std::move(tell));
}

HealthProbes Supervisor::probes(Services& services, const Settings& settings, const HealthBoard& board) {
  HealthProbes probes;
  probes.storage = [&writer = services.writer] { return writer.state(); };
  probes.data_directory = services.directory.path();
  probes.disk_free_min_bytes = settings.disk_free_min_bytes;
  probes.heartbeats = [this] { return shards_.heartbeats(); };
  if (redis_) probes.redis_away = [this] { return redis_->is_away(); };
  probes.changed = [this, &board](Component component, Status old_status, Status status) {
    gateway_.publish_health(name(component), name(old_status), name(status), name(board.overall()));
  };
  probes.stalled = [this](std::size_t shard) { abort_stalled(shard); };
  return probes;
}

void Supervisor::start() {
  control_.start();
  monitor_.start();
  housekeeper_.start();
  presence_.start();
  schedule_.start();
  if (redis_) redis_->start();
  thread_ = std::thread([this] {
    ::pthread_setname_np(::pthread_self(), "supervisor");
    context_.run();
  });
}

void Supervisor::stop() {
  if (std::exchange(stopped_, true)) return;
  asio::post(context_, [this] {
    monitor_.stop();
    housekeeper_.stop();
    presence_.stop();
    schedule_.stop();
    if (redis_) redis_->stop();
    control_.stop();
  });
  guard_.reset();
  if (thread_.joinable())
    thread_.join();
  else
    context_.run();  // it was never started
  administration_.stop();
}

void Supervisor::run_schedule() {
  if (services_.flags.schedule_due())
    asio::co_spawn(context_, services_.flags.run_schedule(), asio::detached);
}

void Supervisor::abort_stalled(std::size_t shard) {
  log::error("shard.stalled", {{"shard", shard}, {"rounds", StallWatch::fatal_rounds}});
  shards_[shard].print_stack();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // for the stack and the log to be written
  std::abort();
}

}  // namespace corohub::server
